package engine

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Error is a Terraform that failed, in Terraform's own words.
type Error struct {
	Op          string // "init", "plan", "apply", …
	Diagnostics []Diagnostic
	Err         error // of the process; also wraps the end of a context
}

// Diagnostic is one error that Terraform reported.
type Diagnostic struct {
	Summary string
	Address string // of the resource, if it is about one
	Detail  string // on one line
}

func (d Diagnostic) String() string {
	s := strings.TrimSuffix(d.Summary, ".")
	if d.Address != "" {
		s += " at " + d.Address
	}
	if d.Detail != "" {
		s += ": " + d.Detail
	}
	return s
}

// Error returns one line.
func (e *Error) Error() string {
	var parts []string
	for _, d := range e.Diagnostics {
		parts = append(parts, d.String())
	}
	if len(parts) == 0 {
		parts = []string{strings.Join(strings.Fields(e.Err.Error()), " ")}
	}
	return fmt.Sprintf("terraform %s: %s", e.Op, strings.Join(parts, "; "))
}

func (e *Error) Unwrap() error { return e.Err }

// IsStale tells whether a saved plan was refused because the state has changed
// since it was made.
func IsStale(err error) bool { return says(err, "Saved plan is stale") }

// isLocked tells whether another Terraform had the state's lock, or the lock
// could not be had otherwise.
func isLocked(err error) bool { return says(err, "Error acquiring the state lock") }

func says(err error, summary string) bool {
	var e *Error
	return errors.As(err, &e) && slices.ContainsFunc(e.Diagnostics, func(d Diagnostic) bool { return d.Summary == summary })
}

var (
	withAddress = regexp.MustCompile(`^  with (.+),$`)
	// Where in the configuration it happened: the place, the source lines, and
	// the values in them. That is for whoever writes modules, and in the log.
	snippet = regexp.MustCompile(`^(  on .+:|  +\d+: .*|    [├│╵].*)$`)
)

// wrap turns what terraform-exec returns, the process's error and then all of
// its standard error, into an *Error.
func wrap(op string, err error) error {
	e := &Error{Op: op, Err: err}
	var current *Diagnostic
	for line := range strings.Lines(err.Error()) {
		line = strings.TrimRight(strings.TrimPrefix(line, "│ "), " \n")
		if summary, ok := strings.CutPrefix(line, "Error: "); ok {
			e.Diagnostics = append(e.Diagnostics, Diagnostic{Summary: summary})
			current = &e.Diagnostics[len(e.Diagnostics)-1]
			continue
		}
		switch m := withAddress.FindStringSubmatch(line); {
		case current == nil || line == "" || strings.Trim(line, "╷╵│") == "" || snippet.MatchString(line):
		case m != nil && current.Address == "":
			current.Address = m[1]
		case current.Detail == "":
			current.Detail = strings.TrimSpace(line)
		default:
			current.Detail += " " + strings.TrimSpace(line)
		}
	}
	return e
}
