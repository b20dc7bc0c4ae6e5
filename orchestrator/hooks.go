package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/skyctl/skyctl/orchestrator/rundir"
)

// afterPlan runs the configured command with the plan's path. That it fails
// stops the run: it is where a team's policy says no.
func (o *Orchestrator) afterPlan(ctx context.Context, run *rundir.Run) error {
	hook := o.Config.Hooks.AfterPlan
	if len(hook) == 0 {
		return nil
	}
	args := append(append([]string(nil), hook[1:]...), run.Plan())
	out, err := exec.CommandContext(ctx, hook[0], args...).CombinedOutput()
	exit := (*exec.ExitError)(nil)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case !errors.As(err, &exit):
		return &PreconditionError{Err: fmt.Errorf("hooks.after_plan cannot be run: %w", err), Hint: "correct hooks.after_plan in the configuration"}
	}
	said := strings.TrimSpace(string(out))
	if said == "" {
		said = "it did not say why"
	}
	return &PreconditionError{Err: fmt.Errorf("hooks.after_plan refused the plan: %w: %s", err, said), Hint: "change what it objects to, and plan again"}
}
