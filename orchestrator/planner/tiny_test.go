package planner

import (
	"context"
	"testing"
	"time"

	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/price"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// TestATinyJobGetsTwoGateways: nothing that is done when the gateways are up is
// made quicker by more of them.
func TestATinyJobGetsTwoGateways(t *testing.T) {
	g, book := grid.New(nil, nil).WithModel(), price.New(nil, nil).WithRules()
	job := Job{Sources: []region.Region{"aws:us-east-1"}, Dests: [][]region.Region{{"aws:us-west-2"}}, Objects: 1}
	for bytes, few := range map[unit.Bytes]bool{3: true, unit.MB: true, 10 * unit.TB: false} {
		job.Bytes = bytes
		o, err := Solve(context.Background(), job, g, book, Limits{Gateways: 8, Provision: map[region.Cloud]time.Duration{region.AWS: 90 * time.Second}})
		if err != nil {
			t.Fatal(err)
		}
		if n := o.Gateways(); (n == 2) != few {
			t.Errorf("%v: %d gateways", bytes, n)
		}
	}
}
