package planner

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/region"
)

func TestManySmallObjectsTakeTheirTime(t *testing.T) {
	made := func() *overlay.Overlay {
		return &overlay.Overlay{Throughput: 1, Time: overlay.Time{Provision: 100, Transfer: 8}, Cost: overlay.Cost{Machines: 3, Total: 5},
			Graph: overlay.Graph{Regions: []overlay.Region{{Region: named("east"), Gateways: 2, USDPerHour: 3600}, {Region: named("west"), Gateways: 1, USDPerHour: 3600}}}}
	}
	job := Job{Sources: regions("east"), Dests: [][]region.Region{regions("west")}}
	for _, c := range []struct {
		objects  int64
		transfer float64
	}{{1, 8}, {1000, 8}, {16000, 14}} {
		job.Objects = c.objects
		o := made()
		if err := forecast(job, o); err != nil || math.Abs(o.Time.Transfer-c.transfer) > 1e-9 {
			t.Errorf("%d objects: %v s, want %v, %v", c.objects, o.Time.Transfer, c.transfer, err)
		}
		if want := 5 + 3*(c.transfer-8); math.Abs(float64(o.Cost.Total)-want) > 1e-9 {
			t.Errorf("%d objects cost %v, want %v", c.objects, o.Cost.Total, want)
		}
	}
	job.MaxTime = 110 * time.Second
	var infeasible *Infeasible
	if err := forecast(job, made()); !errors.As(err, &infeasible) || infeasible.Time != 114*time.Second {
		t.Errorf("a goal that objects miss: %v", err)
	}
}
