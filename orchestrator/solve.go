package orchestrator

import (
	"context"
	"slices"

	"github.com/skyctl/skyctl/orchestrator/basis"
	"github.com/skyctl/skyctl/orchestrator/places"
	"github.com/skyctl/skyctl/orchestrator/planner"
	"github.com/skyctl/skyctl/orchestrator/transfer"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// Figures are what plans rest on: what the configuration states, then what the
// files do, then what was measured, imported and is built in.
func (o *Orchestrator) Figures(files basis.Files) (basis.Figures, error) {
	return basis.Read(o.Config, o.Home, files)
}

// ImportGrid checks a file of measured links and keeps it: from now on plans
// believe it before the built-in model.
func (o *Orchestrator) ImportGrid(file string) (basis.Imported, error) {
	return basis.Import(o.Home, file)
}

// solve plans the run by the figures there are, requests to stores included.
func (o *Orchestrator) solve(ctx context.Context, p *places.Places, l transfer.Listing, s *saved) error {
	f, err := o.Figures(basis.Files{})
	if err != nil {
		return err
	}
	// As if over one route: what more of them split is small, and so are its requests.
	size, err := o.chunkSize(s.Request, l.Bytes, 1, p.DestBuckets)
	if err != nil {
		return err
	}
	asked := o.job(s.Request, p, l)
	requests := requestsCost(f.Prices, p, l, size)
	job, err := reserve(asked, requests)
	if err != nil {
		return err
	}
	limits := basis.Limits(o.Config, append(slices.Concat(job.Dests...), job.Sources...))
	limits.Machines, limits.Most = basis.WithAgent(o.Config, limits.Machines), s.Lacking
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
	s.ChunkSize, err = o.chunkSize(s.Request, l.Bytes, len(s.Overlay.Routes), p.DestBuckets)
	return err
}

func (o *Orchestrator) job(req Request, p *places.Places, l transfer.Listing) planner.Job {
	job := req.job()
	job.Sources, job.Bytes, job.Objects, job.Limit = p.Source.Regions, unit.Bytes(l.Bytes), l.Objects, req.BWLimit
	for _, d := range p.Dests {
		job.Dests = append(job.Dests, d.Regions)
	}
	return job
}
