package milp_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/skyctl/skyctl/orchestrator/planner/milp"
)

func BenchmarkOverlay(b *testing.B) {
	for _, c := range []struct {
		regions, types, dests int
		rate                  float64
		relax                 bool
	}{
		{20, 2, 1, 20, true}, {63, 4, 1, 20, true}, {63, 4, 1, 60, true}, {40, 2, 3, 20, true},
		{20, 2, 1, 20, false}, {63, 1, 1, 20, false}, {63, 4, 1, 20, false}, {63, 4, 1, 60, false}, {40, 2, 3, 20, false}, {63, 2, 3, 20, true}, {63, 2, 3, 20, false}, {63, 2, 6, 20, true},
	} {
		b.Run(fmt.Sprintf("regions=%d/types=%d/dests=%d/gbps=%g/relax=%v", c.regions, c.types, c.dests, c.rate, c.relax), func(b *testing.B) {
			for b.Loop() {
				o := newOverlay(rand.New(rand.NewPCG(1, 2)), c.regions, c.types, c.dests, c.rate)
				s, err := o.Solve(b.Context(), milp.Options{Relax: c.relax, Nodes: 3000})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(s.Pivots), "pivots")
				b.ReportMetric(float64(s.Nodes), "nodes")
				b.ReportMetric(s.Gap*100, "gap_%")
				b.ReportMetric(s.Objective, "objective")
				b.ReportMetric(float64(s.Status), "status")
			}
		})
	}
}

// BenchmarkFrontier solves one model for 30 rates, as a sweep over the frontier
// does: the first from nothing, the others from the one before.
func BenchmarkFrontier(b *testing.B) {
	for b.Loop() {
		o := newOverlay(rand.New(rand.NewPCG(1, 2)), 63, 2, 1, 10)
		costs := make([]float64, o.Variables())
		for j := range costs {
			costs[j] = o.VariableAt(milp.Var(j)).Cost
		}
		pivots := 0
		for step := range 30 {
			rate := 10 + 2*float64(step)
			for j, cost := range costs {
				o.SetCost(milp.Var(j), cost*10/rate) // egress a share, machines by the hour
			}
			o.SetSides(o.goals[0], rate, rate)
			o.SetSides(o.goals[1], -rate, -rate)
			s, err := o.Solve(b.Context(), milp.Options{})
			if err != nil || s.Status != milp.Optimal {
				b.Fatal(rate, s.Status, err)
			}
			pivots += s.Pivots
		}
		b.ReportMetric(float64(pivots)/30, "pivots/point")
	}
}
