package cli

import (
	"context"

	"github.com/skyctl/skyctl/orchestrator"
	"github.com/skyctl/skyctl/orchestrator/rundir"
)

// applyFlags are of every command that carries out a run.
type applyFlags struct {
	Keep bool `help:"Do not destroy the gateways at the end; prints the command that does."`
}

func (f *applyFlags) options() orchestrator.ApplyOptions {
	return orchestrator.ApplyOptions{Keep: f.Keep}
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
