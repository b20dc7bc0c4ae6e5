package midway

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/planner"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/transfer"
)

// behind is a run of 100 GB from a to c, planned at 8 Gbit/s over the direct link,
// which turned out to carry 1. 90 GB are left.
type behind struct {
	Run
	goals  Goals
	supply Supply
}

func newBehind(t *testing.T) *behind {
	t.Helper()
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
	m := transfer.Measured{Forecast: 1e9, Rate: 1e9 / 8, Left: 90e9, Unread: 85e9, Links: []transfer.Carried{{From: "local-a-0", To: "local-c-0", Rate: 1e9 / 8, Limit: true}}}
	shown := map[grid.Pair]grid.Link{{From: a, To: c}: {Gbps: 1, Connections: 8, Total: true}}
	return &behind{See(l, m, g, shown, prices), Goals{MayCost: 9, Promised: 1e9},
		Supply{Limits: planner.Limits{Gateways: 8, Relays: []region.Region{a, b, c}, Provision: map[region.Cloud]time.Duration{region.Local: 3 * time.Second}}}}
}

func (x *behind) further(t *testing.T) (*Growth, error) {
	return x.Further(t.Context(), x.goals, x.supply)
}

// TestFurther: a relay goes around the slow link, and a run with it is what was
// promised again.
func TestFurther(t *testing.T) {
	x := newBehind(t)
	g, err := x.further(t)
	if err != nil {
		t.Fatal(err)
	}
	if len(g.Added) != 1 || g.Added[0].Region != b || g.Added[0].Gateways != 1 || g.Added[0].Joined != 1 || math.Abs(float64(g.Layout.Overlay.Throughput)-8) > 1e-6 {
		t.Errorf("%+v, %v", g.Added, g.Layout.Overlay.Throughput)
	}
	// 720 s at 1 Gbit/s; or 3 s until the relay is up, and then 8.
	if want := 720*time.Second - 3*time.Second - 89_625*time.Millisecond; (g.Saves - want).Abs() > time.Second {
		t.Errorf("it saves %v, want %v", g.Saves, want)
	}
	// The machine that is added costs 1 USD/h for a minute and a half; over two links a GB costs 0.04.
	if got := float64(g.Rest.Machines); math.Abs(got-92.6/3600) > 0.01 || g.Rest.Egress <= 0.02*80 {
		t.Errorf("%+v", g.Rest)
	}
	if got := g.Layout.Joined(); !slices.Equal(got, []route.Gateway{"local-b-0"}) {
		t.Errorf("%v join", got)
	}
	if g.Layout.Overlay.Cost != x.Layout.Overlay.Cost || g.Layout.Overlay.Time != x.Layout.Overlay.Time {
		t.Error("what people were shown is another")
	}
	// For less money less of it goes around.
	x.goals.MayCost = 2.5
	if cheap, err := x.further(t); err != nil || cheap.Rest.Total > 2.5 || cheap.Layout.Overlay.Throughput > 2 {
		t.Errorf("%+v, %v", cheap, err)
	}
	// Planned anew later, the new tree is known.
	found := *g.Layout.Overlay
	found.Routes = slices.DeleteFunc(slices.Clone(found.Routes), func(r overlay.Route) bool { return len(r.Path) < 3 })
	again, _ := grown(g.Layout.Overlay, &found)
	if len(again.Routes) != len(g.Layout.Overlay.Routes) {
		t.Errorf("%+v became %+v", g.Layout.Overlay.Routes, again.Routes)
	}
}

// TestNothingIsAdded where it does not pay off, or must not be.
func TestNothingIsAdded(t *testing.T) {
	for name, x := range map[string]struct {
		change func(*behind)
		want   string
	}{
		"other routes do":           {func(x *behind) { x.Measured.Rate = 7e9 / 8 }, "other routes are enough"},
		"nearly done":               {func(x *behind) { x.Measured.Left = 300e6 }, "done before"},
		"not long":                  {func(x *behind) { x.Measured.Left = 400e6 }, "it would take"},
		"direct routes are wanted":  {func(x *behind) { x.goals.Mode = planner.Direct }, "no others would be of use"},
		"its region is not allowed": {func(x *behind) { x.supply.Limits.Allow = []region.Region{a, c} }, "no others would be of use"},
		"too dear":                  {func(x *behind) { x.goals.MayCost = 1.7 }, "costs what the run may"},
		"its cloud has no room":     {func(x *behind) { x.supply.Lacking = map[region.Kind]int{{Region: b}: 0} }, "no others would be of use"},
		"a limit holds the rest":    {func(x *behind) { x.goals.Limit = 1 }, "no others would be of use"},
	} {
		run := newBehind(t)
		x.change(run)
		g, err := run.further(t)
		if nothing := NothingError(""); !errors.As(err, &nothing) || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %+v, %v", name, g, err)
		}
	}
}

// TestWidened: what there may be more of.
func TestWidened(t *testing.T) {
	east, west := region.Region("aws:us-east-1"), region.Region("aws:us-west-2")
	o := &overlay.Overlay{Graph: overlay.Graph{
		Regions: []overlay.Region{{Region: east, Machine: "c6in.8xlarge", Gateways: 2}, {Region: west, Machine: "c6in.8xlarge", Gateways: 1}, {Region: east, Machine: "c6in.8xlarge", Gateways: 1, Joined: 1}},
		Routes:  []overlay.Route{{Path: []region.Region{east, west}}}}}
	supply := Supply{Limits: planner.Limits{Gateways: 3, Allow: []region.Region{b}, Relays: []region.Region{b}}, Hosts: map[region.Region]int{b: 2},
		Lacking: map[region.Kind]int{{Region: west}: 0, {Region: b}: 5}}
	at := func(unread int64) Run {
		return See(&layout.Layout{Overlay: o}, transfer.Measured{Left: 10, Unread: unread}, grid.New(nil, nil).WithModel(), nil, nil)
	}
	job, limits := at(4).widened(supply)
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
	if len(supply.Lacking) != 2 {
		t.Errorf("what is lacking became %v", supply.Lacking)
	}
	_, limits = at(6).widened(Supply{})
	if _, limited := limits.Most[region.Kind{Region: east}]; limited {
		t.Error("there may be no further readers although most is not given out")
	}
}
