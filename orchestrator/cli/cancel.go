package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/skyctl/skyctl/orchestrator/rundir"
)

type cancelCmd struct {
	ID string `arg:"" name:"run" help:"The run, as skyctl runs lists it."`
}

type cancelDoc struct {
	Run rundir.ID `json:"run"`
	outcome
}

func (c *cancelCmd) Run(ctx context.Context, s service, home rundir.Home, out *console) error {
	id, err := knownRun(home, c.ID)
	if err != nil {
		return err
	}
	out.progress.expect(stand{run: id, moving: true, gateways: true})
	if err := s.Cancel(ctx, id); err != nil {
		out.answer(&cancelDoc{Run: id}, nil)
		return err
	}
	out.answer(&cancelDoc{Run: id, outcome: outcome{Success: true}}, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "Run %s is cancelled: nothing unfinished and no gateway is left; what is done stays done.\n", id)
		return err
	})
	return nil
}
