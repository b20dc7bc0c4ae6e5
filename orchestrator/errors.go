package orchestrator

import "github.com/skyctl/skyctl/orchestrator/failure"

// What this package's errors are.
type (
	UsageError        = failure.UsageError
	PreconditionError = failure.PreconditionError
	StaleError        = failure.StaleError
	InterruptedError  = failure.InterruptedError
	LeftoverError     = failure.LeftoverError
	RemainsError      = failure.RemainsError
)
