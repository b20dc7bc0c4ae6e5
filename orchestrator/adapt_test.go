package orchestrator

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/fleet"
	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/journal"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/planner"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/rundir"
	"github.com/skyctl/skyctl/orchestrator/transfer"
	"github.com/skyctl/skyctl/orchestrator/unit"
	"github.com/skyctl/skyctl/terraform/engine"
)

// behind is a run of 100 GB from a to c, planned at 8 Gbit/s over the direct link,
// which turned out to carry 1. 90 GB are left.
type behind struct {
	*attempt
	standpoint
}

func newBehind(t *testing.T) *behind {
	t.Helper()
	home, run, j := newRun(t)
	if err := errors.Join(j.BeginListing(), j.SetDestination(0, "c"), j.AddObject(journal.Object{Key: "k", Size: 100e9, Deliveries: []journal.Delivery{{Key: "k"}}}),
		j.EndListing("f"), j.Flush(t.Context())); err != nil {
		t.Fatal(err)
	}
	g, prices := triangle()
	one := 1
	job := planner.Job{Sources: []region.Region{a}, Dests: [][]region.Region{{c}}, Bytes: 100e9, Mode: planner.Direct, Gateways: &one, MinThroughput: 8}
	o, err := planner.Solve(t.Context(), job, g, prices, planner.Limits{Gateways: 1})
	if err != nil {
		t.Fatal(err)
	}
	l, err := layout.Build(&o, 1)
	if err != nil {
		t.Fatal(err)
	}
	agent, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	conf := config.Default()
	conf.Regions = map[region.Region]config.Region{a: {}, b: {}, c: {}}
	s := &saved{Request: Request{Dests: []string{"c"}, Adapt: true}, Overlay: o}
	pair := grid.Pair{From: a, To: c}
	x := &behind{
		attempt: &attempt{o: &Orchestrator{Config: conf, Home: home, AgentPath: agent}, run: run, saved: s, journal: j, start: time.Now(), places: &places{}},
		standpoint: standpoint{l, transfer.Measured{Forecast: 1e9, Rate: 1e9 / 8, Left: 90e9, Unread: 85e9},
			map[grid.Pair]flow{pair: {1, 1}}, watched{g, map[grid.Pair]grid.Link{pair: {Gbps: 1, Connections: 8, Total: true}}}, prices}}
	x.fleet = fleet.New(l, fleet.Settings{})
	return x
}

func (x *behind) further(t *testing.T) (*growth, error) {
	return x.attempt.further(t.Context(), x.standpoint)
}

// TestFurther: a relay goes around the slow link, and a run with it is what was
// promised again.
func TestFurther(t *testing.T) {
	x := newBehind(t)
	g, err := x.further(t)
	if agreed := mostOf(x.saved.Overlay.Cost.Total); err != nil || g.costs.Total > agreed || g.next.Overlay.Throughput > 7 {
		t.Fatalf("for no more than %v, a dollar more than agreed: %+v, %v", agreed, g, err)
	}
	ten := unit.USD(10)
	x.saved.Request.MaxCost = &ten
	if g, err = x.further(t); err != nil {
		t.Fatal(err)
	}
	if len(g.added) != 1 || g.added[0].Region != b || g.added[0].Gateways != 1 || g.added[0].Joined != 1 || math.Abs(float64(g.next.Overlay.Throughput)-8) > 1e-6 {
		t.Errorf("%+v, %v", g.added, g.next.Overlay.Throughput)
	}
	// 720 s at 1 Gbit/s; or 3 s until the relay is up, and then 8.
	if want := 720*time.Second - 3*time.Second - 89_625*time.Millisecond; (g.saves - want).Abs() > time.Second {
		t.Errorf("it saves %v, want %v", g.saves, want)
	}
	// Three machines of 1 USD/h for a minute and a half; of 100 GB a part over two links of 0.02 USD.
	if got := float64(g.costs.Machines); math.Abs(got-3*92.6/3600) > 0.01 || g.costs.Total != g.costs.Egress+g.costs.Machines {
		t.Errorf("%+v", g.costs)
	}
	if got := g.next.Joined(); !slices.Equal(got, []route.Gateway{"local-b-0"}) {
		t.Errorf("%v join", got)
	}
	if g.next.Overlay.Cost != x.layout.Overlay.Cost || g.next.Overlay.Time != x.layout.Overlay.Time {
		t.Error("what people were shown is another")
	}
	// Planned anew later, the new tree is known.
	found := *g.next.Overlay
	found.Routes = slices.DeleteFunc(slices.Clone(found.Routes), func(r overlay.Route) bool { return len(r.Path) < 3 })
	again, _ := grown(g.next.Overlay, &found)
	if len(again.Routes) != len(g.next.Overlay.Routes) {
		t.Errorf("%+v became %+v", g.next.Overlay.Routes, again.Routes)
	}
}

// TestNothingIsAdded where it does not pay off, or must not be.
func TestNothingIsAdded(t *testing.T) {
	usd := func(x unit.USD) *unit.USD { return &x }
	for name, c := range map[string]struct {
		change func(*behind)
		want   string
	}{
		"other routes do":          {func(x *behind) { x.measured.Rate = 7e9 / 8 }, "other routes are enough"},
		"nearly done":              {func(x *behind) { x.measured.Left = 300e6 }, "done before"},
		"not long":                 {func(x *behind) { x.measured.Left = 400e6 }, "it would take"},
		"direct routes are wanted": {func(x *behind) { x.saved.Request.Mode = planner.Direct }, "no others would be of use"},
		"its region is not allowed": {func(x *behind) {
			x.o.Config.Allow.Regions = []region.Region{a, c}
		}, "no others would be of use"},
		"too dear":               {func(x *behind) { x.saved.Request.MaxCost = usd(1.9) }, "costs what the run may"},
		"its cloud has no room":  {func(x *behind) { x.saved.Lacking = map[region.Kind]int{{Region: b}: 0} }, "no others would be of use"},
		"it was refused before":  {func(x *behind) { x.refused = map[region.Kind]int{{Region: b}: 0} }, "no others would be of use"},
		"a limit holds the rest": {func(x *behind) { x.saved.Request.BWLimit = 1 }, "no others would be of use"},
	} {
		x := newBehind(t)
		c.change(x)
		g, err := x.further(t)
		if nothing := errNothing(""); !errors.As(err, &nothing) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %+v, %v", name, g, err)
		}
	}
}

// TestWidened: what there may be more of.
func TestWidened(t *testing.T) {
	east, west := region.Region("aws:us-east-1"), region.Region("aws:us-west-2")
	three := 3
	x := newBehind(t)
	x.saved.Request.Gateways = &three
	x.o.Config.Regions[b] = config.Region{Hosts: []config.Host{{Address: "198.18.0.1"}, {Address: "198.18.0.2"}}}
	x.o.Config.Allow.Regions = []region.Region{b}
	x.o.Config.Limits.GatewaysPerRegion = 8
	o := &overlay.Overlay{Graph: overlay.Graph{
		Regions: []overlay.Region{{Region: east, Machine: "c6in.8xlarge", Gateways: 2}, {Region: west, Machine: "c6in.8xlarge", Gateways: 1}, {Region: east, Machine: "c6in.8xlarge", Gateways: 1, Joined: 1}},
		Routes:  []overlay.Route{{Path: []region.Region{east, west}}}}}
	believed := watched{grid.New(nil, nil).WithModel(), nil}
	lacking := map[region.Kind]int{{Region: west}: 0, {Region: b, Machine: ""}: 5}
	job, limits := x.widened(standpoint{layout: &layout.Layout{Overlay: o}, measured: transfer.Measured{Left: 10, Unread: 4}, believed: believed}, lacking)
	if *job.Gateways != 3 || limits.Gateways != 3 || !slices.Contains(limits.Allow, east) || !slices.Contains(limits.Relays, b) {
		t.Errorf("%+v, %+v", job, limits)
	}
	if want := (map[region.Kind]int{{Region: east, Machine: "c6in.8xlarge"}: 3, {Region: west, Machine: "c6in.8xlarge"}: 1}); !reflect.DeepEqual(limits.Standing, want) {
		t.Errorf("there are %v, want %v", limits.Standing, want)
	}
	for kind, want := range map[region.Kind]int{
		{Region: east}:                         3, // no further readers: what is left has been given out
		{Region: west}:                         1, // no room, but those that there are
		{Region: b}:                            2, // hosts
		{Region: east, Machine: "c6in.xlarge"}: 0, // another type than it has
	} {
		if got, ok := limits.Most[kind]; !ok || got != want {
			t.Errorf("at most %d, %v of %v; want %d", got, ok, kind, want)
		}
	}
	if len(lacking) != 2 {
		t.Errorf("what is lacking became %v", lacking)
	}
	_, limits = x.widened(standpoint{layout: &layout.Layout{Overlay: o}, measured: transfer.Measured{Left: 10, Unread: 6}, believed: believed}, nil)
	if _, limited := limits.Most[region.Kind{Region: east}]; limited {
		t.Error("there may be no further readers although most is not given out")
	}
}

// TestAgree: a policy sees what the run is to become, and may say no.
func TestAgree(t *testing.T) {
	x := newBehind(t)
	g, err := x.further(t)
	if err != nil {
		t.Fatal(err)
	}
	if err := rundir.WriteJSON(x.run.Plan(), Plan{Run: x.run.ID, Overlay: x.saved.Overlay}); err != nil {
		t.Fatal(err)
	}
	seen := filepath.Join(t.TempDir(), "seen.json")
	x.o.Config.Hooks.AfterPlan = []string{"/bin/sh", "-c", `cp "$0" ` + seen + `; echo too many; exit 1`}
	err = x.agreeTo(t.Context(), g, &engine.Plan{Changes: engine.Changes{Add: 1}})
	if err == nil || !strings.Contains(err.Error(), "too many") {
		t.Errorf("the policy said no, and it went on: %v", err)
	}
	var plan Plan
	if err := rundir.ReadJSON(seen, &plan); err != nil || plan.Gateways() != 3 || plan.Cost != g.costs || plan.Terraform.Add != 1 {
		t.Errorf("it was shown %+v, %v", plan, err)
	}
	x.o.Config.Hooks.AfterPlan = nil
	if err := x.agreeTo(t.Context(), g, &engine.Plan{}); err != nil {
		t.Error(err)
	}
}
