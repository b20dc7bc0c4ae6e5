package midway

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/planner"
	"github.com/skyctl/skyctl/orchestrator/price"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/transfer"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

const a, b, c region.Region = "local:a", "local:b", "local:c"

// triangle is a grid in which a reaches b and c, and b reaches c, at 10 Gbit/s
// each, and of the ways back it is assumed that they carry 1; and where a machine in a sends at most 15.
func triangle() (*grid.Grid, *price.Book) {
	links, egress := map[grid.Pair]grid.Link{}, map[grid.Pair]price.Price{}
	for _, p := range []grid.Pair{{From: a, To: b}, {From: a, To: c}, {From: b, To: c}} {
		links[p] = grid.Link{Gbps: 10, Connections: 8, Total: true}
		egress[p] = price.Price{USD: 0.02}
	}
	machines := map[region.Region]price.Price{a: {USD: 1}, b: {USD: 1}, c: {USD: 1}}
	return grid.New(links, map[region.Region]grid.Gateway{a: {Egress: 15}}), price.New(egress, machines)
}

// copies is the plan of a copy from a to b and c at once, directly.
func copies(t *testing.T) overlay.Overlay {
	t.Helper()
	g, prices := triangle()
	one := 1
	o, err := planner.Solve(t.Context(), planner.Job{Sources: []region.Region{a}, Dests: [][]region.Region{{b}, {c}}, Bytes: 100e9, Mode: planner.Direct, Gateways: &one, MinThroughput: 5},
		g, prices, planner.Limits{Gateways: 1})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestWhatARunShowsOfItsLinks: where a link was the limit it carries what it
// carried, and where not, no less.
func TestWhatARunShowsOfItsLinks(t *testing.T) {
	ab, ac := grid.Pair{From: a, To: b}, grid.Pair{From: a, To: c}
	limit := func(gbps unit.Gbps) flow { return flow{gbps, gbps} }
	free := func(gbps unit.Gbps) flow { return flow{gbps, 0} }
	for name, x := range map[string]struct {
		seen map[grid.Pair]flow
		want map[grid.Pair]unit.Gbps
		news string
	}{
		"one is slow":            {map[grid.Pair]flow{ab: free(2), ac: limit(2)}, map[grid.Pair]unit.Gbps{ac: 2}, "local:a > local:c carries 2.00 Gbit/s instead of 10.0 Gbit/s"},
		"one is faster":          {map[grid.Pair]flow{ab: free(2), ac: free(12.5)}, map[grid.Pair]unit.Gbps{ac: 12.5}, "local:a > local:c carries 12.5 Gbit/s instead of 10.0 Gbit/s"},
		"a little slower":        {map[grid.Pair]flow{ab: free(2), ac: limit(9)}, map[grid.Pair]unit.Gbps{ac: 9}, ""},
		"half of it at times":    {map[grid.Pair]flow{ac: {2, 0.9}}, map[grid.Pair]unit.Gbps{}, ""},
		"the machine is full":    {map[grid.Pair]flow{ab: limit(7), ac: limit(7)}, map[grid.Pair]unit.Gbps{}, ""},
		"next to nothing passes": {map[grid.Pair]flow{ac: limit(0.001)}, map[grid.Pair]unit.Gbps{ac: 0.1}, "local:a > local:c carries 1.00 Mbit/s instead of 10.0 Gbit/s"},
	} {
		g, _ := triangle()
		o := copies(t)
		w := watched{g, map[grid.Pair]grid.Link{}}
		news, err := w.learn(&o, x.seen)
		got := map[grid.Pair]unit.Gbps{}
		for p := range w.shown {
			l, err := w.Link(p.From, p.To)
			if err != nil || !l.Total {
				t.Errorf("%s: %+v, %v", name, l, err)
			}
			got[p] = l.Gbps
		}
		if err != nil || !reflect.DeepEqual(got, x.want) || strings.Join(news, "; ") != x.news {
			t.Errorf("%s: %v, %q, %v; want %v, %q", name, got, news, err, x.want, x.news)
		}
	}
}

// TestPairsOfMachinesAreMeasuredByTheirConnections: a cloud's link has no total
// until it was the limit.
func TestPairsOfMachinesAreMeasuredByTheirConnections(t *testing.T) {
	pair := grid.Pair{From: "aws:us-east-1", To: "aws:us-west-2"}
	cloud := grid.New(map[grid.Pair]grid.Link{pair: {Gbps: 4, Connections: 64}}, nil)
	o := &overlay.Overlay{Graph: overlay.Graph{
		Regions: []overlay.Region{{Region: pair.From, Gateways: 1, Machine: "any"}, {Region: pair.To, Gateways: 1, Machine: "any"}},
		Edges:   []overlay.Edge{{From: pair.From, To: pair.To, Connections: 32}}}}
	for _, x := range []struct {
		seen flow
		want grid.Link
	}{
		{flow{3, 0}, grid.Link{Gbps: 6, Connections: 64, Source: "measured on the way"}}, // half of the connections carried 3
		{flow{1, 1}, grid.Link{Gbps: 1, Connections: 32, Total: true, Source: "measured on the way"}},
		{flow{1, 0}, grid.Link{Gbps: 4, Connections: 64}},
	} {
		w := watched{cloud, map[grid.Pair]grid.Link{}}
		if _, err := w.learn(o, map[grid.Pair]flow{pair: x.seen}); err != nil {
			t.Fatal(err)
		}
		if got, err := w.Link(pair.From, pair.To); err != nil || got != x.want {
			t.Errorf("%+v: %+v, %v, want %+v", x.seen, got, err, x.want)
		}
	}
}

func TestFlowsAreOfRegions(t *testing.T) {
	home := map[route.Gateway]region.Region{"a0": a, "a1": a, "b0": b}
	got := flows([]transfer.Carried{{From: "a0", To: "b0", Rate: 1e9 / 8, Limit: true}, {From: "a1", To: "b0", Rate: 2e9 / 8}}, home)
	if want := (map[grid.Pair]flow{{From: a, To: b}: {3, 1}}); !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestStanding: the job is over the gateways that there are, and no others.
func TestStanding(t *testing.T) {
	east, west := region.Region("aws:us-east-1"), region.Region("aws:us-west-2")
	o := &overlay.Overlay{Graph: overlay.Graph{
		Regions: []overlay.Region{{Region: east, Machine: "large", Gateways: 2}, {Region: east, Machine: "small", Gateways: 1}, {Region: west, Machine: "large", Gateways: 1}, {Region: a, Gateways: 4}},
		Routes:  []overlay.Route{{Path: []region.Region{east, west}}, {Path: []region.Region{east, a}, Dest: 1}, {Path: []region.Region{east, west}, Tree: 1}},
	}}
	job, limits := standing(o, 7)
	if !reflect.DeepEqual(job.Sources, []region.Region{east}) || !reflect.DeepEqual(job.Dests, [][]region.Region{{west}, {a}}) || job.Bytes != 7 || *job.Gateways != 4 {
		t.Errorf("%+v", job)
	}
	want := planner.Limits{Gateways: 4, Relays: []region.Region{east, west, a}, Machines: []string{"large", "small"}, Most: map[region.Kind]int{
		{Region: east}: 3, {Region: east, Machine: "large"}: 2, {Region: east, Machine: "small"}: 1,
		{Region: west}: 1, {Region: west, Machine: "large"}: 1, {Region: west, Machine: "small"}: 0,
		{Region: a}: 4, {Region: a, Machine: "large"}: 0, {Region: a, Machine: "small"}: 0,
	}}
	if !reflect.DeepEqual(limits, want) {
		t.Errorf("%+v, want %+v", limits, want)
	}
}

// TestASlowLinkIsGoneAround: the planner's answer extends the run's layout, by the
// way that it did not have.
func TestASlowLinkIsGoneAround(t *testing.T) {
	g, prices := triangle()
	o := copies(t)
	was, err := layout.Build(&o, 2)
	if err != nil {
		t.Fatal(err)
	}
	shown := map[grid.Pair]grid.Link{{From: a, To: c}: {Gbps: 1, Connections: 8, Total: true}}
	now := See(was, transfer.Measured{Rate: 1e9 / 8, Left: 50e9}, g, shown, prices)
	other, err := now.Reroute(t.Context(), Goals{MayCost: 2})
	if err != nil || other == nil {
		t.Fatal(other, err)
	}
	l, next, found := other.Layout, *other.Layout.Overlay, other.found
	if math.Abs(float64(found.Throughput)-11) > 0.01 || next.Throughput != found.Throughput || next.Cost != o.Cost || next.Time != o.Time {
		t.Errorf("the plan was %+v, found was %+v, and it became %+v", o, found, next)
	}
	if len(l.Routes["local-a-0"]) != 3 || l.Peers("local-b-0")["local-c-0"] == 0 || !slices.ContainsFunc(other.Paths, func(s string) bool {
		return s == "local:a > local:b and local:a > local:b > local:c with 10.0 Gbit/s (new)"
	}) {
		t.Errorf("%+v, %q", l, other.Paths)
	}
	// Once more, the same way: no route is added twice.
	same, _ := grown(&next, &found)
	if len(same.Routes) != len(next.Routes) || len(same.Edges) != len(next.Edges) {
		t.Errorf("%+v became %+v", next.Graph, same.Graph)
	}
	// What the next plan does without keeps enough to show that it has recovered.
	found.Routes = found.Routes[:0:0]
	left, _ := grown(&next, &found)
	for _, r := range left.Routes {
		if want := found.Throughput / 30; math.Abs(float64(r.Gbits-want)) > 1e-9 { // a tenth of a third
			t.Errorf("%s is left with %v, want %v", r, r.Gbits, want)
		}
	}
}

// TestNoOtherRoutes where none are better, or may be paid for.
func TestNoOtherRoutes(t *testing.T) {
	g, prices := triangle()
	o := copies(t)
	l, err := layout.Build(&o, 2)
	if err != nil {
		t.Fatal(err)
	}
	slow := map[grid.Pair]grid.Link{{From: a, To: c}: {Gbps: 1, Connections: 8, Total: true}}
	for name, x := range map[string]struct {
		may  unit.USD
		rate float64
	}{
		"it is as fast already": {2, 11e9 / 8},
		"they cost too much":    {0.1, 1e9 / 8},
	} {
		other, err := See(l, transfer.Measured{Rate: x.rate, Left: 50e9}, g, slow, prices).Reroute(t.Context(), Goals{MayCost: x.may})
		if other != nil || err != nil {
			t.Errorf("%s: %+v, %v", name, other, err)
		}
	}
}
