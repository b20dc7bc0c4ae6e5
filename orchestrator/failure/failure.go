// Package failure is what a run, or what was asked for, can come to other than its
// end, by what its user can do about it. Package cli has an exit code for each.
package failure

import (
	"errors"
	"fmt"

	"github.com/skyctl/skyctl/orchestrator/rundir"
	"github.com/skyctl/skyctl/orchestrator/transfer"
)

// UsageError is a request that is wrong whatever the world is like: it was
// found without contacting anything.
type UsageError struct {
	Err  error
	Hint string // what to do; may be empty
}

func (e *UsageError) Error() string { return e.Err.Error() }
func (e *UsageError) Unwrap() error { return e.Err }

// PreconditionError is a store, a cloud or Terraform that refused before
// anything was transferred.
type PreconditionError struct {
	Err  error
	Hint string
}

func (e *PreconditionError) Error() string { return e.Err.Error() }
func (e *PreconditionError) Unwrap() error { return e.Err }

// StaleError is a saved plan that no longer describes what would happen.
type StaleError struct {
	Run    rundir.ID
	Reason string
}

func (e *StaleError) Error() string {
	return fmt.Sprintf("the plan of run %s is stale: %s; plan again", e.Run, e.Reason)
}

// InterruptedError is a run that stopped and can go on.
type InterruptedError struct {
	Run rundir.ID
	Err error
}

func (e *InterruptedError) Error() string {
	why := e.Err.Error()
	// The cause of a transfer's end says itself that it was one.
	if stopped, ok := errors.AsType[*transfer.Interrupted](e.Err); ok {
		why = stopped.Cause()
	}
	return fmt.Sprintf("run %s was interrupted: %s", e.Run, why)
}
func (e *InterruptedError) Unwrap() error { return e.Err }

// Command is what goes on with the run.
func (e *InterruptedError) Command() string { return "skyctl resume " + string(e.Run) }

// LeftoverError is a run whose gateways may still exist.
type LeftoverError struct {
	Run rundir.ID
	Err error
}

func (e *LeftoverError) Error() string {
	return fmt.Sprintf("gateways of run %s may be left: %v", e.Run, e.Err)
}
func (e *LeftoverError) Unwrap() error { return e.Err }

// Command is what destroys them.
func (e *LeftoverError) Command() string { return "skyctl destroy " + string(e.Run) }

// RemainsError is something that gc was to delete and could not.
type RemainsError struct {
	Left  int
	Flags string // of the command that tries again, each after a space
	Err   error
}

func (e *RemainsError) Error() string {
	return fmt.Sprintf("%d of what runs left could not be deleted: %v", e.Left, e.Err)
}
func (e *RemainsError) Unwrap() error { return e.Err }

// Command is what tries again.
func (e *RemainsError) Command() string { return "skyctl gc --delete" + e.Flags }
