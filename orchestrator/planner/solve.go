package planner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// Solve plans a job. It reads nothing but its arguments, and the same arguments
// always have the same answer.
//
// A goal that cannot be reached is an *Infeasible that names the nearest that
// can; when ctx ends Solve returns its error; every other error is wrong input.
func Solve(ctx context.Context, job Job, g Grid, prices Prices, limits Limits) (overlay.Overlay, error) {
	if err := check(job, limits); err != nil {
		return overlay.Overlay{}, err
	}
	if job.Gateways != nil && *job.Gateways == 0 {
		o, err := inside(job, g, prices)
		if err != nil {
			return overlay.Overlay{}, err
		}
		return o, meets(job, o)
	}
	o, err := solve(ctx, job, g, prices, limits)
	if ctx.Err() != nil {
		return overlay.Overlay{}, ctx.Err()
	}
	return o, err
}

// solve plans the job over gateways, or without any where the user leaves that
// open and it is at least as quick.
func solve(ctx context.Context, job Job, g Grid, prices Prices, limits Limits) (overlay.Overlay, error) {
	s, err := prepare(ctx, job, g, prices, limits)
	var chosen overlay.Overlay
	if err == nil {
		chosen, err = s.choose()
	}
	if err == nil {
		err = forecast(job, &chosen)
	}
	var infeasible *Infeasible
	if err != nil && !errors.As(err, &infeasible) {
		return overlay.Overlay{}, err
	}
	if job.Gateways == nil {
		// Where the workstation's figures are unknown, gateways it is.
		o, problem := inside(job, g, prices)
		if problem == nil {
			problem = meets(job, o)
		}
		if problem == nil && (err != nil || o.Time.Total() <= chosen.Time.Total()) {
			if s != nil && s.most > 0 {
				soonest := s.provisions[0] + s.p.seconds(s.most)
				o.Gap = fraction(s.p.seconds(float64(o.Throughput)), soonest)
			}
			return o, nil
		}
		if missed := (*Infeasible)(nil); infeasible != nil && errors.As(problem, &missed) {
			err = nearer(infeasible, missed)
		}
	}
	if err != nil {
		return overlay.Overlay{}, err
	}
	if chosen.Direct, err = direct(ctx, job, g, prices, limits, chosen.Throughput); err != nil {
		return overlay.Overlay{}, err
	}
	return chosen, chosen.Validate()
}

// prepare returns a solver for a job that some rate is possible for.
func prepare(ctx context.Context, job Job, g Grid, prices Prices, limits Limits) (*solver, error) {
	p, err := newProblem(ctx, job, g, prices, limits)
	if err != nil {
		return nil, err
	}
	s, err := newSolver(p)
	switch {
	case err != nil:
		return nil, err
	case s.most > 0:
		return s, nil
	case p.unknown != nil:
		return nil, p.unknown
	}
	return nil, &Infeasible{
		Goal:    fmt.Sprintf("a route from %s to every destination", join(job.Sources)),
		Nearest: "no links join them",
		Hint:    "add links to the configuration, allow more regions, or leave out --route direct",
	}
}

// Frontier returns the plans of which none is both faster and cheaper than
// another: the first is the cheapest, the last the fastest, and the knee between
// them is Solve's default, or the plan without gateways where that is no slower.
// The job's goals are left out of it; errors are those of Solve.
func Frontier(ctx context.Context, job Job, g Grid, prices Prices, limits Limits) ([]overlay.Overlay, error) {
	job.MinThroughput, job.MaxCost, job.MaxTime = 0, nil, 0
	if err := check(job, limits); err != nil {
		return nil, err
	}
	if job.Gateways != nil && *job.Gateways == 0 {
		o, err := inside(job, g, prices)
		return []overlay.Overlay{o}, err
	}
	s, err := prepare(ctx, job, g, prices, limits)
	if err != nil {
		return nil, errors.Join(ctx.Err(), err)
	}
	s.nodes = fewNodes
	points, err := s.frontier()
	if err != nil {
		return nil, err
	}
	var plans []overlay.Overlay
	for _, c := range points {
		if c, err = s.proven(c); err != nil {
			return nil, err
		}
		if c, err = s.few(c); err != nil {
			return nil, err
		}
		o, err := s.build(c)
		if err != nil {
			return nil, err
		}
		o.Gap = s.gap(c, c.bound)
		if err := forecast(job, &o); err != nil {
			return nil, err
		}
		plans = append(plans, o)
	}
	if job.Gateways == nil {
		if o, err := inside(job, g, prices); err == nil {
			plans = append(plans, o)
		}
	}
	return worthwhile(plans), nil
}

// worthwhile leaves out plans that take at least as long as another that costs no
// more, and returns the others, the slowest first.
func worthwhile(plans []overlay.Overlay) []overlay.Overlay {
	slices.SortStableFunc(plans, func(a, b overlay.Overlay) int {
		return cmp.Or(cmp.Compare(a.Time.Provision+a.Time.Transfer, b.Time.Provision+b.Time.Transfer), cmp.Compare(a.Cost.Total, b.Cost.Total))
	})
	var kept []overlay.Overlay
	for _, o := range plans {
		if len(kept) == 0 || o.Cost.Total < kept[len(kept)-1].Cost.Total*(1-exact) {
			kept = append(kept, o)
		}
	}
	slices.Reverse(kept)
	return kept
}

// direct returns what the job would cost and take without relays: the cheapest
// at the given throughput, or at the most that is possible. It is nil where
// there is no direct way.
func direct(ctx context.Context, job Job, g Grid, prices Prices, limits Limits, rate unit.Gbps) (*overlay.Direct, error) {
	job.Mode = Direct
	s, err := prepare(ctx, job, g, prices, limits)
	if err != nil {
		// What the plan itself does not lack is a direct link.
		return nil, ctx.Err()
	}
	c, err := s.at(min(float64(rate), s.most))
	if err != nil {
		return nil, err
	}
	o, err := s.build(c)
	if err != nil {
		return nil, err
	}
	job.MaxCost, job.MaxTime = nil, 0
	err = forecast(job, &o)
	return &overlay.Direct{Throughput: o.Throughput, Time: o.Time.Provision + o.Time.Transfer, Cost: o.Cost.Total}, err
}

// check refuses jobs and limits that make no sense.
func check(job Job, limits Limits) error {
	switch {
	case len(job.Sources) == 0:
		return errors.New("the region of the source is not known: configure it, or set AWS_REGION for an s3:// URL")
	case len(job.Dests) == 0:
		return errors.New("a plan needs a destination")
	case len(job.Dests) > math.MaxUint8:
		return fmt.Errorf("%d destinations are too many, the most is %d", len(job.Dests), math.MaxUint8)
	case job.Bytes < 0:
		return fmt.Errorf("a size of %d bytes is negative", job.Bytes)
	case !(job.MinThroughput >= 0) || math.IsInf(float64(job.MinThroughput), 0):
		return fmt.Errorf("a throughput of %v Gbit/s is not a rate", float64(job.MinThroughput))
	case job.MaxCost != nil && !(*job.MaxCost >= 0):
		return fmt.Errorf("a cost of %v USD is not an amount", float64(*job.MaxCost))
	case job.MaxTime < 0:
		return fmt.Errorf("a time of %s is negative", job.MaxTime)
	case len(job.WriteGbps) > 0 && len(job.WriteGbps) != len(job.Dests):
		return fmt.Errorf("%d store rates for %d destinations", len(job.WriteGbps), len(job.Dests))
	case !(slices.Min(append([]unit.Gbps{job.ReadGbps, job.Limit}, job.WriteGbps...)) >= 0):
		return errors.New("a store's rate or the limit is negative or no number")
	case job.Mode != "" && job.Mode != Overlay && job.Mode != Direct:
		return fmt.Errorf("route %q is neither direct nor overlay", job.Mode)
	case job.Gateways != nil && *job.Gateways < 0:
		return fmt.Errorf("%d gateways are less than none", *job.Gateways)
	case job.Gateways != nil && *job.Gateways > maxGateways, job.Gateways == nil && limits.Gateways > maxGateways:
		return fmt.Errorf("so many gateways a region are more than any cloud gives, the most is %d", maxGateways)
	case job.Gateways == nil && limits.Gateways < 1:
		return fmt.Errorf("a limit of %d gateways a region allows none", limits.Gateways)
	}
	for i, d := range job.Dests {
		if len(d) == 0 {
			return fmt.Errorf("the region of destination %d is not known: configure it, or set AWS_REGION for an s3:// URL", i+1)
		}
	}
	return nil
}

// meets returns an Infeasible if an overlay without gateways misses a goal.
func meets(job Job, o overlay.Overlay) error {
	const hint = "ask for less, or allow gateways"
	e := &Infeasible{Hint: hint}
	switch {
	case job.MinThroughput > o.Throughput*(1+lacking):
		e.Goal, e.Throughput = fmt.Sprintf("--min-throughput %s", job.MinThroughput), o.Throughput
		e.Nearest = fmt.Sprintf("without gateways the most is %s", gbits(reachable(float64(o.Throughput))))
	case job.MaxCost != nil && over(float64(o.Cost.Total), float64(*job.MaxCost)):
		e.Goal, e.Cost = fmt.Sprintf("--max-cost %v", float64(*job.MaxCost)), o.Cost.Total
		e.Nearest = fmt.Sprintf("without gateways it costs %s", enoughFor(o.Cost.Total))
	case job.MaxTime > 0 && o.Time.Total() > job.MaxTime:
		e.Goal, e.Time = fmt.Sprintf("--max-time %s", job.MaxTime), o.Time.Total()
		e.Nearest = fmt.Sprintf("without gateways it takes %s", o.Time.Total())
	default:
		return nil
	}
	return e
}
