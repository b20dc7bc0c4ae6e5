package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/skyctl/skyctl/orchestrator"
	"github.com/skyctl/skyctl/orchestrator/planner"
	"github.com/skyctl/skyctl/orchestrator/rundir"
)

func TestDiagnose(t *testing.T) {
	const run, other = rundir.ID("261122-g3kd4f9q"), rundir.ID("261122-g3kd4f9r")
	var (
		cause       = errors.New("the lights went out")
		left        = &orchestrator.LeftoverError{Run: run, Err: cause}
		stopped     = &orchestrator.InterruptedError{Run: run, Err: cause}
		objects     = &objectsError{objects: 10, failed: 3}
		differ      = &objectsError{objects: 10, failed: 3, different: 2}
		resume      = "skyctl resume 261122-g3kd4f9q"
		destroy     = "skyctl destroy 261122-g3kd4f9q"
		infeasible5 = &planner.Infeasible{Goal: "--max-cost 1", Nearest: "the least is $2.00", Hint: "spend more"}
	)
	for _, c := range []struct {
		name     string
		err      error
		exit     int
		word     string
		message  string // empty: that of the error
		hint     string
		commands []string
	}{
		{"wrong usage", &orchestrator.UsageError{Err: cause, Hint: "a candle"}, 2, "usage", "", "a candle", nil},
		{"no such run", &rundir.NotFoundError{ID: run, Home: "home"}, 2, "usage", "", "skyctl runs lists the runs", nil},
		{"no runs", fmt.Errorf("apply: %w", rundir.ErrNoRuns), 2, "usage", "", "skyctl runs lists the runs", nil},
		{"refused", &orchestrator.PreconditionError{Err: cause, Hint: "a lamp"}, 1, "refused", "", "a lamp", nil},
		{"anything else", cause, 1, "refused", "", "", nil},
		{"locked", &rundir.LockedError{ID: run, PID: "7"}, 1, "refused", "", "wait until the other skyctl has ended, or stop it", nil},
		{"declined", errors.Join(declinedError{}, nil), 1, "declined", "", "", nil},
		{"stopped early", fmt.Errorf("list: %w", context.Canceled), 1, "cancelled", "", "", nil},
		{"stopped by a signal", &signalError{signal: testSignal{}}, 1, "cancelled", "stopped by a signal (test)", "", nil},
		{"infeasible", infeasible5, 5, "infeasible", "--max-cost 1 cannot be reached: the least is $2.00", "spend more", nil},
		{"stale", &orchestrator.StaleError{Run: run, Reason: "it is old"}, 5, "stale", "", "make a new plan with skyctl plan", nil},
		{"objects failed", objects, 3, "failed", "3 of 10 objects failed", "correct what the errors name, then copy again", nil},
		{"objects differ", differ, 4, "different", "verification found a difference in 2 of 10 objects", "correct what the errors name, then copy again", nil},
		{"interrupted", stopped, 6, "interrupted", "", "go on with it: " + resume, []string{resume}},
		{"gc left something", &orchestrator.RemainsError{Left: 2, Err: cause}, 7, "leftover", "2 of what runs left could not be deleted: the lights went out",
			"destroy what is left: skyctl gc --delete", []string{"skyctl gc --delete"}},
		{"leftover", left, 7, "leftover", "", "destroy what is left: " + destroy, []string{destroy}},

		{"leftovers of two runs", errors.Join(left, fmt.Errorf("and: %w", &orchestrator.LeftoverError{Run: other, Err: cause})), 7, "leftover",
			"gateways of run 261122-g3kd4f9q may be left: the lights went out; and: gateways of run 261122-g3kd4f9r may be left: the lights went out",
			"destroy what is left: " + destroy + " 261122-g3kd4f9r", []string{destroy + " 261122-g3kd4f9r"}},

		{"7 over 6", errors.Join(stopped, left), 7, "leftover",
			"run 261122-g3kd4f9q was interrupted: the lights went out; gateways of run 261122-g3kd4f9q may be left: the lights went out",
			"destroy what is left: " + destroy, []string{resume, destroy}},
		{"6 over 4", errors.Join(differ, stopped), 6, "interrupted",
			"verification found a difference in 2 of 10 objects; run 261122-g3kd4f9q was interrupted: the lights went out",
			"go on with it: " + resume, []string{resume}},
		{"4 over 1", errors.Join(cause, differ), 4, "different",
			"the lights went out; verification found a difference in 2 of 10 objects",
			"correct what the errors name, then copy again", nil},
		{"3 over 1", errors.Join(&orchestrator.PreconditionError{Err: cause}, objects), 3, "failed",
			"the lights went out; 3 of 10 objects failed", "correct what the errors name, then copy again", nil},
		{"6 over the end of the context", &orchestrator.InterruptedError{Run: run, Err: context.Canceled}, 6, "interrupted", "",
			"go on with it: " + resume, []string{resume}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.message == "" {
				c.message = c.err.Error()
			}
			got := diagnose(c.err)
			if got.kind.exit != c.exit || got.kind.word != c.word {
				t.Errorf("exit code %d, %s; want %d, %s", got.kind.exit, got.kind.word, c.exit, c.word)
			}
			if got.message != c.message {
				t.Errorf("message %q, want %q", got.message, c.message)
			}
			if got.hint != c.hint {
				t.Errorf("hint %q, want %q", got.hint, c.hint)
			}
			if !slices.Equal(got.commands, c.commands) {
				t.Errorf("commands %q, want %q", got.commands, c.commands)
			}
		})
	}
}

type testSignal struct{}

func (testSignal) String() string { return "test" }
func (testSignal) Signal()        {}
