// Package rundir is where runs live.
//
// The home is $SKYCTL_HOME, else $XDG_STATE_HOME/skyctl, else
// ~/.local/state/skyctl. Below it, runs/ holds one directory a run and nothing
// else; each is private to its owner (0700) and holds everything that is known
// of the run: its plan, Terraform directory, certificates, journal, events,
// report and logs. What these files contain belongs to other packages; this
// one knows their names, makes the directory, and lets one process at a time
// work on it.
package rundir
