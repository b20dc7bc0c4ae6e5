package orchestrator

import (
	"context"
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
	if err != nil {
		return &PreconditionError{Err: fmt.Errorf("hooks.after_plan refused the plan: %w: %s", err, strings.TrimSpace(string(out)))}
	}
	return nil
}
