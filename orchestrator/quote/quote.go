package quote

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/skyctl/skyctl/agent"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/orchestrator/basis"
	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/failure"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/places"
	"github.com/skyctl/skyctl/orchestrator/planner"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/transfer"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// Goals are what is asked of a plan.
type Goals struct {
	MinThroughput unit.Gbps     `json:"min_throughput,omitempty"`
	MaxCost       *unit.USD     `json:"max_cost,omitempty"`
	MaxTime       time.Duration `json:"max_time,omitempty"`
	Mode          planner.Mode  `json:"mode,omitempty"`
	Gateways      *int          `json:"gateways,omitempty"` // nil: the planner decides; 0: none
}

// job is one to which the goals apply.
func (g Goals) job() planner.Job {
	return planner.Job{MinThroughput: g.MinThroughput, MaxCost: g.MaxCost, MaxTime: g.MaxTime, Mode: g.Mode, Gateways: g.Gateways}
}

// Transfer is what is to be planned.
type Transfer struct {
	Places  *places.Places
	Listing transfer.Listing
	Goals   Goals
	Limit   unit.Gbps // --bwlimit; 0: any rate

	ChunkSize unit.Bytes          // 0: by size and routes
	Lacking   map[region.Kind]int // what there is no room for, as planner.Limits has it
	Pareto    bool                // the frontier too
}

// Plan is the planner's answer.
type Plan struct {
	Overlay   overlay.Overlay
	Pareto    []Point
	ChunkSize int64
}

// Solve plans a transfer by what is known, requests to stores included.
func Solve(ctx context.Context, c *config.Config, f basis.Figures, t Transfer) (p Plan, err error) {
	dests, memory := t.Places.DestBuckets, c.Limits.Memory
	// As if over one route: what more of them split is small, and so are its requests.
	size, err := chunkSize(t.ChunkSize, t.Listing.Bytes, 1, nil, dests, memory)
	if err != nil {
		return p, err
	}
	asked := t.Job()
	requests := requestsCost(f.Prices, t.Places, t.Listing, size)
	job, err := reserve(asked, requests)
	if err != nil {
		return p, err
	}
	limits := basis.Limits(c, append(slices.Concat(job.Dests...), job.Sources...))
	limits.Machines, limits.Most = basis.WithAgent(c, limits.Machines), t.Lacking
	if p.Overlay, err = planner.Solve(ctx, job, f.Grid, f.Prices, limits); err != nil {
		return p, unreserved(err, asked.MaxCost, requests)
	}
	p.Overlay.Cost.Requests += requests
	p.Overlay.Cost.Total += requests
	if d := p.Overlay.Direct; d != nil {
		d.Cost += requests
	}
	if t.Pareto {
		if p.Pareto, err = frontier(ctx, job, f, limits); err != nil {
			return p, err
		}
		for i := range p.Pareto {
			p.Pareto[i].Cost.Requests += requests
			p.Pareto[i].Cost.Total += requests
		}
	}
	l, err := layout.Build(&p.Overlay, len(dests))
	if err != nil {
		return p, err
	}
	p.ChunkSize, err = chunkSize(t.ChunkSize, t.Listing.Bytes, len(p.Overlay.Routes), l, dests, memory)
	return p, err
}

// Job is the transfer as the planner is told of it.
func (t Transfer) Job() planner.Job {
	job := t.Goals.job()
	job.Sources, job.Bytes, job.Objects, job.Limit = t.Places.Source.Regions, unit.Bytes(t.Listing.Bytes), t.Listing.Objects, t.Limit
	for _, d := range t.Places.Dests {
		job.Dests = append(job.Dests, d.Regions)
	}
	return job
}

// chunkSize is what the user asked for, or the default, within what an agent's
// memory has room for at a store that wants whole parts: for two. By default it is
// for two of each reader, or they would wait for each other, once the layout is
// known; until then it is nil.
func chunkSize(asked unit.Bytes, bytes int64, routes int, l *layout.Layout, dests []objstore.Bucket, memory unit.Bytes) (int64, error) {
	room := agent.PartShare(int64(memory))
	most := room / 2
	size := int64(asked)
	if size == 0 {
		size = transfer.DefaultChunkSize(bytes, routes)
		if l != nil {
			most = max(l.Part(room)/2, transfer.MinChunk)
		}
	}
	for _, b := range dests {
		if !b.Limits().Buffered || size <= most {
			continue
		}
		if asked != 0 {
			return 0, &failure.UsageError{Err: fmt.Errorf("chunks of %v do not fit into agents with %v of memory", asked, memory),
				Hint: "raise limits.memory to four times the chunk size, or lower --chunk-size"}
		}
		size = most
	}
	return size, nil
}
