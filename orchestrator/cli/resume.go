package cli

import (
	"context"

	"github.com/skyctl/skyctl/orchestrator/rundir"
)

type resumeCmd struct {
	ID string `arg:"" name:"run" help:"The run, as skyctl runs lists it."`
	applyFlags
}

func (c *resumeCmd) Run(ctx context.Context, s service, home rundir.Home, out *console) error {
	id, err := knownRun(home, c.ID)
	if err != nil {
		return err
	}
	// Gateways of an earlier process may exist before this one has looked.
	out.progress.expect(stand{run: id, moving: true, gateways: true})
	return out.result(s.Resume(ctx, id, c.options()))
}
