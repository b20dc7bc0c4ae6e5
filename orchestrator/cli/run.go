package cli

import (
	"github.com/skyctl/skyctl/orchestrator"
	"github.com/skyctl/skyctl/orchestrator/rundir"
)

// openHome finds the runs of this user.
func openHome() (rundir.Home, error) {
	home, err := rundir.Default()
	if err != nil {
		return home, &orchestrator.UsageError{Err: err, Hint: "set SKYCTL_HOME to a directory for runs"}
	}
	return home, nil
}

// knownRun checks that there is a run of that name; if not, that is wrong
// usage.
func knownRun(home rundir.Home, name string) (rundir.ID, error) {
	if _, err := rundir.ParseID(name); err != nil {
		return "", &orchestrator.UsageError{Err: err, Hint: "skyctl runs lists the runs"}
	}
	run, err := home.Open(name)
	if err != nil {
		return "", err
	}
	return run.ID, nil
}
