package cli

import (
	"context"

	"github.com/skyctl/skyctl/orchestrator"
	"github.com/skyctl/skyctl/orchestrator/rundir"
)

// applyFlags are of every command that carries out a run.
type applyFlags struct {
	Keep  bool `help:"Do not destroy the gateways at the end; prints the command that does."`
	Adapt bool `help:"Add gateways on the way, in regions of the plan or others, where the run is behind its forecast by more than a fifth and the planner says that they pay off: within limits.gateways_per_region and --max-cost, without that within a tenth or $1 more than agreed. They are destroyed with the others."`
}

func (f *applyFlags) options() orchestrator.ApplyOptions {
	return orchestrator.ApplyOptions{Keep: f.Keep, Adapt: f.Adapt}
}

type applyCmd struct {
	ID string `arg:"" optional:"" name:"run" help:"The run; by default the newest."`
	applyFlags
}

// Run carries out the plan without asking: whoever names a saved plan has seen
// it.
func (c *applyCmd) Run(ctx context.Context, s service, home rundir.Home, out *console) error {
	id, err := c.run(home)
	if err != nil {
		return err
	}
	out.progress.expect(stand{run: id})
	return out.result(s.Apply(ctx, id, c.options()))
}

func (c *applyCmd) run(home rundir.Home) (rundir.ID, error) {
	if c.ID != "" {
		return knownRun(home, c.ID)
	}
	newest, err := home.Newest()
	if err != nil {
		return "", err
	}
	return newest.ID, nil
}
