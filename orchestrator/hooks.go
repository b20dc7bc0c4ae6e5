package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// afterPlan runs the configured command with a plan's path. Where it fails the
// plan is not carried out: it is where a team's policy says no.
func (o *Orchestrator) afterPlan(ctx context.Context, plan string) error {
	hook := o.Config.Hooks.AfterPlan
	if len(hook) == 0 {
		return nil
	}
	args := append(append([]string(nil), hook[1:]...), plan)
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
