package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/skyctl/skyctl/orchestrator/rundir"
)

type destroyCmd struct {
	IDs []string `arg:"" optional:"" name:"run" help:"The runs, as skyctl runs lists them."`
	All bool     `env:"-" help:"All runs."`
}

type destroyDoc struct {
	Destroyed []rundir.ID `json:"destroyed"` // these have no gateways any more
	outcome
}

// Run destroys one run after the other; one that fails keeps no other one's
// gateways.
func (c *destroyCmd) Run(ctx context.Context, s service, home rundir.Home, out *console) error {
	ids, err := c.runs(ctx, s, home)
	if err != nil {
		return err
	}
	doc := &destroyDoc{Destroyed: []rundir.ID{}}
	var errs []error
	for _, id := range ids {
		out.progress.expect(stand{run: id, moving: true, gateways: true})
		if err := s.Destroy(ctx, id); err != nil {
			errs = append(errs, err)
			continue
		}
		doc.Destroyed = append(doc.Destroyed, id)
	}
	doc.Success = len(errs) == 0
	out.answer(doc, func(w io.Writer) error {
		for _, id := range doc.Destroyed {
			if _, err := fmt.Fprintf(w, "Run %s has no gateways.\n", id); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(errs...)
}

// runs are those that are named, or all.
func (c *destroyCmd) runs(ctx context.Context, s service, home rundir.Home) ([]rundir.ID, error) {
	switch {
	case c.All && len(c.IDs) > 0:
		return nil, wrongUsage("name runs or give --all, not both")
	case !c.All && len(c.IDs) == 0:
		return nil, wrongUsage("name a run, or give --all to destroy the gateways of all runs")
	}
	var ids []rundir.ID
	if c.All {
		all, err := s.Runs(ctx)
		for _, run := range all {
			ids = append(ids, run.Run)
		}
		return ids, err
	}
	for _, name := range c.IDs {
		id, err := knownRun(home, name)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}
