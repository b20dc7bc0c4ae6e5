package orchestrator

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/planner"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// Point is one plan of the frontier: none is both cheaper and quicker.
type Point struct {
	Throughput unit.Gbps    `json:"throughput_gbits"`
	Time       overlay.Time `json:"time_s"`
	Cost       overlay.Cost `json:"cost"`
	Gateways   int          `json:"gateways"`
}

// The frontier is looked at from the most that can be reached downwards, in
// steps of the same ratio.
const (
	frontierSteps = 24
	frontierSpan  = 64 // the most, by the least
)

// frontier returns points of the frontier between cheap and quick, by ascending
// throughput. Goals of the job but its limit of gateways do not count.
func frontier(ctx context.Context, job planner.Job, f Figures, limits planner.Limits) ([]Point, error) {
	job.MaxCost, job.MaxTime = nil, 0
	most, err := most(ctx, job, f, limits)
	if err != nil {
		return nil, err
	}
	var points []Point
	for step := range frontierSteps {
		part := math.Pow(frontierSpan, -float64(step)/(frontierSteps-1))
		job.MinThroughput = unit.Gbps(math.Floor(float64(most)*part*1e9) / 1e9)
		o, err := planner.Solve(ctx, job, f.Grid, f.Prices, limits)
		var infeasible *planner.Infeasible
		if errors.As(err, &infeasible) {
			continue // the most, rounded
		}
		if err != nil {
			return nil, err
		}
		// Slower plans follow: one that is not cheaper is not on the frontier.
		if n := len(points); n == 0 || o.Cost.Total < points[n-1].Cost.Total {
			points = append(points, Point{o.Throughput, o.Time, o.Cost, o.Gateways()})
		}
	}
	slices.Reverse(points)
	return points, nil
}

// most returns the highest throughput there is a plan for.
func most(ctx context.Context, job planner.Job, f Figures, limits planner.Limits) (unit.Gbps, error) {
	job.MinThroughput = beyondAll
	_, err := planner.Solve(ctx, job, f.Grid, f.Prices, limits)
	var infeasible *planner.Infeasible
	if errors.As(err, &infeasible) && infeasible.Throughput > 0 {
		return infeasible.Throughput, nil
	}
	if err == nil {
		err = errors.New("links without a limit have no frontier")
	}
	return 0, err
}

// beyondAll is a rate that no plan reaches.
const beyondAll unit.Gbps = 1e6
