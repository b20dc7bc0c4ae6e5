package quote

import (
	"context"

	"github.com/skyctl/skyctl/orchestrator/basis"
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

// frontier returns the points between the cheapest plan and the quickest, by
// ascending throughput.
func frontier(ctx context.Context, job planner.Job, f basis.Figures, limits planner.Limits) ([]Point, error) {
	plans, err := planner.Frontier(ctx, job, f.Grid, f.Prices, limits)
	if err != nil {
		return nil, err
	}
	var points []Point
	for _, p := range plans {
		points = append(points, Point{p.Throughput, p.Time, p.Cost, p.Gateways()})
	}
	return points, nil
}
