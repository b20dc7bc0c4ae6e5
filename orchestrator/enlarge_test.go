package orchestrator

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/midway"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/rundir"
	"github.com/skyctl/skyctl/terraform/engine"
)

// TestAgree: a policy sees what the run is to become, and may say no.
func TestAgree(t *testing.T) {
	o, x := begun(t, StateInterrupted)
	next := copies()
	l, err := layout.Build(&next, 2)
	if err != nil {
		t.Fatal(err)
	}
	g := &growth{Growth: &midway.Growth{Layout: l}, costs: overlay.Cost{Total: 2}}
	if err := rundir.WriteJSON(x.run.Plan(), Plan{Run: x.run.ID}); err != nil {
		t.Fatal(err)
	}
	seen := filepath.Join(t.TempDir(), "seen.json")
	o.Config.Hooks.AfterPlan = []string{"/bin/sh", "-c", `cp "$0" ` + seen + `; echo too many; exit 1`}
	err = x.agreeTo(t.Context(), g, &engine.Plan{Changes: engine.Changes{Add: 1}})
	if err == nil || !strings.Contains(err.Error(), "too many") {
		t.Errorf("the policy said no, and it went on: %v", err)
	}
	var plan Plan
	if err := rundir.ReadJSON(seen, &plan); err != nil || plan.Gateways() != 3 || plan.Cost != g.costs || plan.Terraform.Add != 1 {
		t.Errorf("it was shown %+v, %v", plan, err)
	}
	o.Config.Hooks.AfterPlan = nil
	if err := x.agreeTo(t.Context(), g, &engine.Plan{}); err != nil {
		t.Error(err)
	}
}

// TestSupply: no more than the user, a region's hosts and its cloud let there be.
func TestSupply(t *testing.T) {
	o, x := begun(t, StateInterrupted)
	three := 3
	x.saved.Request.Gateways = &three
	x.saved.Lacking = map[region.Kind]int{{Region: a}: 1}
	x.refused = map[region.Kind]int{{Region: b}: 0}
	o.Config = config.Default()
	o.Config.Limits.GatewaysPerRegion = 8
	o.Config.Regions = map[region.Region]config.Region{a: {}, b: {Hosts: []config.Host{{Address: "198.18.0.1"}, {Address: "198.18.0.2"}}}}
	next := copies()
	s := x.supply(midway.Run{Layout: &layout.Layout{Overlay: &next}})
	if s.Limits.Gateways != 3 || !reflect.DeepEqual(s.Hosts, map[region.Region]int{b: 2}) || !reflect.DeepEqual(s.Lacking, map[region.Kind]int{{Region: a}: 1, {Region: b}: 0}) {
		t.Errorf("%+v", s)
	}
}

// TestWhatIsKept: whoever resumes the run finds the routes that it has come to,
// and what it found out.
func TestWhatIsKept(t *testing.T) {
	_, x := begun(t, StateInterrupted)
	next, shown := copies(), map[grid.Pair]grid.Link{{From: a, To: c}: {Gbps: 1, Connections: 8, Total: true}}
	if err := x.keep(func(s *saved) { s.Overlay, s.Shown = next, shown }); err != nil {
		t.Fatal(err)
	}
	kept, err := load(x.run)
	if err != nil || !reflect.DeepEqual(kept.Shown, shown) || !reflect.DeepEqual(x.latest(), kept) {
		t.Fatalf("%+v, %v: kept was %+v", kept, err, x.latest())
	}
	l, err := layout.Build(&next, 2)
	if err != nil {
		t.Fatal(err)
	}
	if resumed, err := layout.Build(&kept.Overlay, 2); err != nil || !reflect.DeepEqual(resumed.Routes, l.Routes) {
		t.Errorf("resumed, the routes are %+v, %v; they were %+v", resumed, err, l.Routes)
	}
}
