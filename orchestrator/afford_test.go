package orchestrator

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/fleet"
	"github.com/skyctl/skyctl/orchestrator/journal"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/midway"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/quote"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/transfer"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

const a, b, c region.Region = "local:a", "local:b", "local:c"

// copies is the plan of a copy from a to b and c at once, directly.
func copies() overlay.Overlay {
	return overlay.Overlay{Throughput: 5, Graph: overlay.Graph{
		Regions: []overlay.Region{{Region: a, Gateways: 1, USDPerHour: 1}, {Region: b, Gateways: 1, USDPerHour: 1}, {Region: c, Gateways: 1, USDPerHour: 1}},
		Edges:   []overlay.Edge{{From: a, To: b, Gbits: 5, Connections: 8, USDPerGB: 0.02}, {From: a, To: c, Gbits: 5, Connections: 8, USDPerGB: 0.02}},
		Routes:  []overlay.Route{{Path: []region.Region{a, b}, Gbits: 5}, {Path: []region.Region{a, c}, Gbits: 5, Dest: 1}}}}
}

// TestResumeRentsNothingThatMaxCostForbids: a run that was stopped before it cost
// too much would cost it by being gone on with again and again.
func TestResumeRentsNothingThatMaxCostForbids(t *testing.T) {
	o := copies() // three gateways of $1 an hour, and 100 GB twice at $0.02
	l, err := layout.Build(&o, 2)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		max       unit.USD
		provision float64 // s
		stops     bool
	}{
		"no limit":                  {0, 0, false},
		"enough":                    {7, 0, false},
		"spent":                     {6, 0, true},
		"not to bring them up with": {7, 3600, true},
	} {
		_, at := begun(t, StateInterrupted)
		at.start = at.start.Add(-2 * time.Hour)
		at.saved.Overlay, at.fleet = o, fleet.New(l, fleet.Settings{})
		at.saved.Overlay.Time.Provision = tc.provision
		if tc.max > 0 {
			at.saved.Request.MaxCost = &tc.max
		}
		err := at.affords(t.Context())
		if _, stopped := errors.AsType[*InterruptedError](err); stopped != tc.stops || !stopped && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWhatTheRestMayCost: what --max-cost leaves; or what was agreed to and a
// little more, but never less than going on without a change.
func TestWhatTheRestMayCost(t *testing.T) {
	_, _, j := newRun(t)
	o := copies()
	l, err := layout.Build(&o, 2)
	if err != nil {
		t.Fatal(err)
	}
	for dest := range 2 { // 10 GB to each: 0.40 USD
		if err := j.CountRoute(journal.RouteKey{Reader: "local-a-0", Dest: route.Dest(dest)}, 10e9); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	// 90 GB are left, for an hour in which three machines cost 3 USD.
	const rate = 90e9 / 3600
	now := midway.See(l, transfer.Measured{Rate: rate, Left: 90e9, Links: []transfer.Carried{
		{From: "local-a-0", To: "local-b-0", Rate: rate}, {From: "local-a-0", To: "local-c-0", Rate: rate}}}, nil, nil, nil)
	usd := func(x unit.USD) *unit.USD { return &x }
	for _, x := range []struct {
		max    *unit.USD
		agreed unit.USD
		want   float64
	}{
		{usd(10), 1, 6.6}, {usd(3), 1, 0}, {nil, 20, 22 - 3.4}, {nil, 6.5, 7.5 - 3.4}, {nil, 1, 3.6},
	} {
		at := &attempt{journal: j, start: time.Now(), saved: &saved{Request: Request{Goals: quote.Goals{MaxCost: x.max}}}, agreed: &x.agreed}
		got, err := at.mayCost(t.Context(), now)
		if err != nil || math.Abs(float64(got)-x.want) > 0.05 {
			t.Errorf("of at most %v, agreed %v: %v, %v; want %v", x.max, x.agreed, got, err, x.want)
		}
	}
}
