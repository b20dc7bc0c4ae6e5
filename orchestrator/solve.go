package orchestrator

import (
	"context"
	"slices"
	"time"

	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/planner"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/transfer"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// provisioning is the forecast of how long it takes to bring gateways up.
// Local: measured with make bench. The clouds': a guess, from how long machines
// of theirs usually take to boot, until their modules are measured.
var provisioning = map[region.Cloud]time.Duration{
	region.Local: 3 * time.Second,
	region.AWS:   90 * time.Second,
	region.GCP:   90 * time.Second,
	region.Azure: 150 * time.Second,
}

// solve plans the run by the figures there are, requests to stores included.
func (o *Orchestrator) solve(ctx context.Context, p *places, l transfer.Listing, s *saved) error {
	f, err := o.Figures(FigureFiles{})
	if err != nil {
		return err
	}
	// As if over one route: what more of them split is small, and so are its requests.
	size, err := o.chunkSize(s.Request, l.Bytes, 1, nil, p.destBuckets)
	if err != nil {
		return err
	}
	asked := o.job(s.Request, p, l)
	requests := requestsCost(f.Prices, p, l, size)
	job, err := reserve(asked, requests)
	if err != nil {
		return err
	}
	limits := o.limits(append(slices.Concat(job.Dests...), job.Sources...))
	limits.Machines, limits.Most = o.withAgent(limits.Machines), s.Lacking
	if s.Overlay, err = planner.Solve(ctx, job, f.Grid, f.Prices, limits); err != nil {
		return unreserved(err, asked.MaxCost, requests)
	}
	s.Overlay.Cost.Requests += requests
	s.Overlay.Cost.Total += requests
	if s.Request.Pareto {
		if s.Pareto, err = frontier(ctx, job, f, limits); err != nil {
			return err
		}
		for i := range s.Pareto {
			s.Pareto[i].Cost.Requests += requests
			s.Pareto[i].Cost.Total += requests
		}
	}
	laid, err := layout.Build(&s.Overlay, len(p.dests))
	if err != nil {
		return err
	}
	s.ChunkSize, err = o.chunkSize(s.Request, l.Bytes, len(s.Overlay.Routes), laid, p.destBuckets)
	return err
}

// limits are what a plan between the regions must stay within.
func (o *Orchestrator) limits(ends []region.Region) planner.Limits {
	return planner.Limits{Gateways: o.Config.Limits.GatewaysPerRegion, Relays: o.relays(ends),
		Allow: o.Config.Allow.Regions, Machines: o.Config.Allow.Machines, Provision: provisioning}
}

// withAgent leaves, of the machine types that a plan may rent, those that the
// configured agents run on. Where that leaves none, or no agent is configured,
// it changes nothing: deploying says what is missing.
func (o *Orchestrator) withAgent(allowed []string) []string {
	var run []string
	for _, m := range region.AllMachines() {
		if o.Config.Agent.URLFor(m.Arch) != "" && (len(allowed) == 0 || slices.Contains(allowed, m.Type)) {
			run = append(run, m.Type)
		}
	}
	if len(run) == 0 {
		return allowed
	}
	return run
}

func (o *Orchestrator) job(req Request, p *places, l transfer.Listing) planner.Job {
	job := planner.Job{Sources: p.source.Regions, Bytes: unit.Bytes(l.Bytes), Objects: l.Objects, Limit: req.BWLimit,
		MinThroughput: req.MinThroughput, MaxCost: req.MaxCost, MaxTime: req.MaxTime, Mode: req.Mode, Gateways: req.Gateways}
	for _, d := range p.dests {
		job.Dests = append(job.Dests, d.Regions)
	}
	return job
}
