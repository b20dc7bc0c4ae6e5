package orchestrator

import (
	"context"
	"errors"
	"os"
	"slices"
	"time"

	"github.com/skyctl/skyctl/orchestrator/basis"
	"github.com/skyctl/skyctl/orchestrator/deploy"
	"github.com/skyctl/skyctl/orchestrator/places"
	"github.com/skyctl/skyctl/orchestrator/planner"
	"github.com/skyctl/skyctl/orchestrator/quote"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/rundir"
	"github.com/skyctl/skyctl/orchestrator/transfer"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// RenderRequest asks for the root module of a transfer, and nothing else.
type RenderRequest struct {
	Request
	Dir string // where to write it

	// From and To are where source and destinations are. With them no store is
	// asked anything, and the plan is for Size. Empty: the stores are listed.
	From region.Region
	To   []region.Region
	Size unit.Bytes
}

// Render writes the root module for a request into a directory, to be kept in
// another repository, and keeps no run.
func (o *Orchestrator) Render(ctx context.Context, req RenderRequest) (err error) {
	prepare := func(ctx context.Context, req Request) (*rundir.Run, *saved, error) { return o.prepare(ctx, req, nil) }
	if req.From != "" {
		prepare = func(ctx context.Context, _ Request) (*rundir.Run, *saved, error) { return o.prepareBlind(ctx, req) }
	}
	run, s, err := prepare(ctx, req.Request)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(run.Dir)) }()
	if s.Overlay.Inside() {
		return &PreconditionError{Err: errors.New("this transfer needs no gateways, so there is nothing to render"), Hint: "force them with --gateways 1"}
	}
	cfg, err := o.deployment(run, s)
	if err != nil {
		return err
	}
	return deploy.Render(cfg, req.Dir)
}

// prepareBlind makes a run with an overlay between given regions. Gateways are
// what is asked for: a plan to do without is no answer here.
func (o *Orchestrator) prepareBlind(ctx context.Context, req RenderRequest) (*rundir.Run, *saved, error) {
	p, err := places.Resolve(o.Config, o.Env, req.Copy)
	if err != nil {
		return nil, nil, err
	}
	p.Source.Regions = []region.Region{req.From}
	for i, at := range req.To {
		p.Dests[i].Regions = []region.Region{at}
	}
	if req.Gateways == nil {
		req.Gateways = &o.Config.Limits.GatewaysPerRegion
	}
	f, err := o.Figures(basis.Files{})
	if err != nil {
		return nil, nil, err
	}
	s := &saved{Request: req.Request}
	limits := basis.Limits(o.Config, append(slices.Clone(req.To), req.From))
	limits.Machines = basis.WithAgent(o.Config, limits.Machines)
	job := quote.Transfer{Places: p, Listing: transfer.Listing{Bytes: int64(req.Size), Objects: 1}, Goals: req.Goals, Limit: req.BWLimit}.Job()
	if s.Overlay, err = planner.Solve(ctx, job, f.Grid, f.Prices, limits); err != nil {
		return nil, nil, err
	}
	run, err := o.Home.Create(time.Now())
	if err != nil {
		return nil, nil, &PreconditionError{Err: err, Hint: "set SKYCTL_HOME to a directory that can be written"}
	}
	return run, s, nil
}
