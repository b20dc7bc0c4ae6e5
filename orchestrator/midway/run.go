package midway

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/planner"
	"github.com/skyctl/skyctl/orchestrator/price"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/transfer"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

const (
	// surprising is the factor by which a link is off what was believed of it
	// before people are told.
	surprising = 1.2
	// worthwhile is by how much another plan must be faster than the run is.
	worthwhile = 1.1
	// nearly all of what machines can send or receive is when they, and not the
	// links between them, are the limit.
	nearly = 0.9
	// spare is the part of an even share that a route keeps which the new plan
	// does without: enough to find out that it has recovered.
	spare = 0.1
)

// Run is a run that is off its forecast as it is seen at one time.
type Run struct {
	Layout   *layout.Layout
	Measured transfer.Measured

	seen     map[grid.Pair]flow
	believed watched
	prices   planner.Prices
}

// See is a run of which was measured what m says, and of whose links earlier was
// found out what shown has.
func See(l *layout.Layout, m transfer.Measured, g planner.Grid, shown map[grid.Pair]grid.Link, prices planner.Prices) Run {
	believed := watched{g, map[grid.Pair]grid.Link{}}
	maps.Copy(believed.shown, shown)
	return Run{l, m, flows(m.Links, l.Homes()), believed, prices}
}

// Learn takes what the run has shown of its links, and returns what of that is
// other than what was believed, for people.
func (r Run) Learn() (news []string, err error) {
	return r.believed.learn(r.Layout.Overlay, r.seen)
}

// Shown is what was learned by now, also earlier.
func (r Run) Shown() map[grid.Pair]grid.Link { return r.believed.shown }

// Goals are what is asked of the rest of a run.
type Goals struct {
	Mode          planner.Mode
	Limit         unit.Gbps // --bwlimit
	MinThroughput unit.Gbps // where it still can be had
	MayCost       unit.USD  // egress, and machines that are added

	// Of further gateways alone.
	Promised float64       // the rate that the run's first plan had, in bytes a second
	TimeLeft time.Duration // until --max-time; 0: there is none, or it has passed
}

// Rerouted is a run over the same gateways by other routes.
type Rerouted struct {
	Layout *layout.Layout
	Paths  []string // for people: what the routes are

	found overlay.Overlay
}

// Reroute returns what other routes over its gateways make of the run, nil where
// none are worth while. It asks the planner for what was asked for, or, where that
// cannot be had any more, for the quickest way that the run may still pay for.
func (r Run) Reroute(ctx context.Context, g Goals) (*Rerouted, error) {
	job, limits := standing(r.Layout.Overlay, unit.Bytes(r.Measured.Left))
	job.Mode, job.Limit, job.MaxCost, job.MinThroughput = g.Mode, g.Limit, &g.MayCost, g.MinThroughput
	found, err := planner.Solve(ctx, job, r.believed, rentedAlready{r.prices}, limits)
	infeasible := (*planner.Infeasible)(nil)
	if job.MinThroughput > 0 && errors.As(err, &infeasible) {
		job.MinThroughput = 0
		found, err = planner.Solve(ctx, job, r.believed, rentedAlready{r.prices}, limits)
	}
	switch {
	case errors.As(err, &infeasible), err == nil && rate(found.Throughput) < worthwhile*r.Measured.Rate:
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("plan anew: %w", err)
	}
	next, paths := grown(r.Layout.Overlay, &found)
	l, err := r.Layout.Extend(&next)
	if err != nil {
		return nil, fmt.Errorf("change the routes: %w", err)
	}
	return &Rerouted{l, paths, found}, nil
}

// rentedAlready is prices by which machines cost nothing more.
type rentedAlready struct{ planner.Prices }

func (rentedAlready) Machine(region.Region, string) (price.Price, error) { return price.Price{}, nil }

// With is the run when it goes on by other routes, as the planner has them.
func (r Run) With(other *Rerouted) Run {
	r.Layout, r.Measured.Rate, r.seen = other.Layout, rate(other.found.Throughput), map[grid.Pair]flow{}
	for _, e := range other.found.Edges {
		r.seen[e.Pair()] = flow{all: e.Gbits}
	}
	return r
}

// EgressPerHour is what the egress of the run costs as it goes on.
func (r Run) EgressPerHour() (usd unit.USD) {
	for pair, f := range r.seen {
		if e, ok := r.Layout.Overlay.Edge(pair.From, pair.To); ok {
			usd += unit.USD(float64(f.all)/8*3600) * e.USDPerGB
		}
	}
	return usd
}

// left are the bytes that are left when the run has gone on for so long.
func (r Run) left(after time.Duration) float64 {
	return float64(r.Measured.Left) - r.Measured.Rate*after.Seconds()
}

// rate is a throughput in bytes a second.
func rate(t unit.Gbps) float64 { return float64(t) * 1e9 / 8 }
