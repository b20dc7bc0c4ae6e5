package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/skyctl/skyctl/orchestrator"
	"github.com/skyctl/skyctl/orchestrator/planner"
	"github.com/skyctl/skyctl/orchestrator/rundir"
)

// kind is a way for a command to end other than well: its exit code, and its
// word in the JSON of the error. Both are a contract with scripts.
type kind struct {
	exit int
	word string
	help string
}

var (
	leftover    = kind{7, "leftover", "gateways may be left; the last line on stderr destroys them"}
	interrupted = kind{6, "interrupted", "stopped and resumable; the last line on stderr goes on"}
	infeasible  = kind{5, "infeasible", "no plan reaches the goal"}
	stale       = kind{5, "stale", "the saved plan no longer describes what would happen"}
	different   = kind{4, "different", "verification found a difference"}
	failed      = kind{3, "failed", "finished, but some or all objects failed"}
	usage       = kind{2, "usage", "wrong usage; nothing was contacted"}
	declined    = kind{1, "declined", "the confirmation was declined; nothing was transferred"}
	cancelled   = kind{1, "cancelled", "stopped before anything was transferred"}
	refused     = kind{1, "refused", "a store, a cloud, Terraform or a precondition refused"}
)

// kinds are all of them, in the order in which one of several errors decides.
var kinds = []kind{leftover, interrupted, infeasible, stale, different, failed, usage, declined, cancelled, refused}

// failure is what a user is told of an error.
type failure struct {
	kind     kind
	message  string // one line
	hint     string // what to do; may be empty
	commands []string
}

// objectsError is a run that finished although objects failed in it.
type objectsError struct {
	objects, failed int64
	different       int
}

func (e *objectsError) Error() string {
	if e.different > 0 {
		return fmt.Sprintf("verification found a difference in %d of %s", e.different, quantity(e.objects, "object"))
	}
	return fmt.Sprintf("%d of %s failed", e.failed, quantity(e.objects, "object"))
}

// declinedError is a user who was asked and did not say yes.
type declinedError struct{}

func (declinedError) Error() string { return "declined; nothing was transferred" }

// passthrough is the exit code of a program that was run in our place and has
// said everything there is to say. It is not a failure of ours.
type passthrough int

func (p passthrough) Error() string { return fmt.Sprintf("exit status %d", int(p)) }

// diagnose finds out what to tell of an error. Of several errors in it the
// gravest decides; the message has all of them.
func diagnose(err error) failure {
	f := failure{kind: classify(err), message: oneLine(err.Error())}
	if e, ok := errors.AsType[*orchestrator.InterruptedError](err); ok {
		f.commands = append(f.commands, e.Command())
	}
	if all := every[*orchestrator.LeftoverError](err); len(all) > 0 {
		command := all[0].Command()
		for _, e := range all[1:] {
			command += " " + string(e.Run)
		}
		f.commands = append(f.commands, command)
	}
	if e, ok := errors.AsType[*orchestrator.RemainsError](err); ok {
		f.commands = append(f.commands, e.Command())
	}
	switch f.kind {
	case leftover:
		f.hint = "destroy what is left: " + f.commands[len(f.commands)-1]
	case interrupted:
		f.hint = "go on with it: " + f.commands[0]
	case infeasible:
		e, _ := errors.AsType[*planner.Infeasible](err)
		f.message, f.hint = fmt.Sprintf("%s cannot be reached: %s", e.Goal, e.Nearest), e.Hint
	case stale:
		f.hint = "make a new plan with skyctl plan"
	case different, failed:
		f.hint = "correct what the errors name, then copy again"
		if _, ok := errors.AsType[*pairsError](err); ok {
			f.hint = "correct what the errors name, then measure again"
		}
	case usage:
		f.hint = usageHint(err)
	case refused:
		f.hint = refusedHint(err)
	}
	return f
}

// every returns all errors of a type in err, of several runs for instance.
func every[E error](err error) (all []E) {
	if e, ok := err.(E); ok {
		return []E{e}
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return every[E](e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			all = append(all, every[E](one)...)
		}
	}
	return all
}

func classify(err error) kind {
	var (
		left        *orchestrator.LeftoverError
		remains     *orchestrator.RemainsError
		stopped     *orchestrator.InterruptedError
		unreachable *planner.Infeasible
		old         *orchestrator.StaleError
		objects     *objectsError
		pairs       *pairsError
		parse       *kong.ParseError
		wrong       *orchestrator.UsageError
		unknown     *rundir.NotFoundError
	)
	switch {
	case errors.As(err, &left), errors.As(err, &remains):
		return leftover
	case errors.As(err, &stopped):
		return interrupted
	case errors.As(err, &unreachable):
		return infeasible
	case errors.As(err, &old):
		return stale
	case errors.As(err, &objects) && objects.different > 0:
		return different
	case errors.As(err, &objects), errors.As(err, &pairs):
		return failed
	case errors.As(err, &parse), errors.As(err, &wrong), errors.As(err, &unknown), errors.Is(err, rundir.ErrNoRuns):
		return usage
	case errors.Is(err, declinedError{}):
		return declined
	case errors.Is(err, context.Canceled):
		return cancelled
	}
	return refused
}

func usageHint(err error) string {
	if e, ok := errors.AsType[*orchestrator.UsageError](err); ok {
		return e.Hint
	}
	if e, ok := errors.AsType[*kong.ParseError](err); ok {
		if e.Context != nil && e.Context.Command() != "" {
			return "skyctl " + commandName(e.Context) + " --help shows what it takes"
		}
		return "skyctl --help lists the commands"
	}
	return "skyctl runs lists the runs"
}

func refusedHint(err error) string {
	if e, ok := errors.AsType[*orchestrator.PreconditionError](err); ok {
		return e.Hint
	}
	if _, ok := errors.AsType[*rundir.LockedError](err); ok {
		return "wait until the other skyctl has ended, or stop it"
	}
	return ""
}

// commandName is the command without its arguments: "cp".
func commandName(ctx *kong.Context) string {
	name, _, _ := strings.Cut(ctx.Command(), " ")
	return name
}

// oneLine makes a message one line: joined errors come one a line. What several
// of them say is said once.
func oneLine(s string) string {
	var lines []string
	for line := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if line = strings.TrimSpace(line); !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}
