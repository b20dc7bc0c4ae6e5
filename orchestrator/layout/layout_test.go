package layout

import (
	"fmt"
	"math"
	"reflect"
	"testing"

	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

func at(t testing.TB, s string) region.Region {
	t.Helper()
	r, err := region.Parse("local:" + s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// plan makes an overlay of regions with gateways and routes written "a>b>c".
func plan(t testing.TB, gateways map[string]int, connections int, routes ...struct {
	path  []string
	gbits float64
	dest  int
	tree  int
}) *overlay.Overlay {
	o := &overlay.Overlay{}
	for _, name := range []string{"a", "b", "c", "d"} {
		if n := gateways[name]; n > 0 {
			o.Regions = append(o.Regions, overlay.Region{Region: at(t, name), Gateways: n})
		}
	}
	for _, r := range routes {
		x := overlay.Route{Gbits: unit.Gbps(r.gbits), Dest: r.dest, Tree: r.tree}
		for i, name := range r.path {
			x.Path = append(x.Path, at(t, name))
			if i > 0 {
				o.Edges = append(o.Edges, overlay.Edge{From: x.Path[i-1], To: x.Path[i], Connections: connections})
			}
		}
		o.Routes = append(o.Routes, x)
	}
	return o
}

type r = struct {
	path  []string
	gbits float64
	dest  int
	tree  int
}

func build(t testing.TB, o *overlay.Overlay, dests int) *Layout {
	t.Helper()
	l, err := Build(o, dests)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestTwoRoutesBecomeTwoWeightedTrees(t *testing.T) {
	l := build(t, plan(t, map[string]int{"a": 1, "b": 1, "c": 1}, 8,
		r{[]string{"a", "b", "c"}, 3, 0, 0}, r{[]string{"a", "c"}, 1, 0, 1}), 1)
	routes := l.Routes["local-a-0"]
	if len(routes) != 2 || routes[0].Tree.String() != "local-a-0>local-b-0>local-c-0" || routes[0].Weight != 3 ||
		routes[1].Tree.String() != "local-a-0>local-c-0" || routes[1].Weight != 1 {
		t.Errorf("%+v", routes)
	}
	if got := l.Peers("local-a-0"); !reflect.DeepEqual(got, map[route.Gateway]int{"local-b-0": 8, "local-c-0": 8}) {
		t.Errorf("peers of the reader: %v", got)
	}
	if got := l.Path("local-a-0", 0, 0); !reflect.DeepEqual(got, []region.Region{at(t, "a"), at(t, "b"), at(t, "c")}) {
		t.Errorf("path: %v", got)
	}
}

func TestEveryGatewayCarriesTheSameShare(t *testing.T) {
	for _, n := range [][3]int{{1, 1, 1}, {2, 3, 2}, {1, 4, 2}, {3, 3, 3}, {2, 1, 4}} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			l := build(t, plan(t, map[string]int{"a": n[0], "b": n[1], "c": n[2]}, 64, r{[]string{"a", "b", "c"}, 12, 0, 0}), 1)
			load := map[route.Gateway]float64{}
			for _, routes := range l.Routes {
				for _, x := range routes {
					for _, g := range x.Tree.Path(0) {
						load[g] += x.Weight
					}
				}
			}
			for _, g := range l.Gateways {
				share := 12 / float64(map[string]int{"local:a": n[0], "local:b": n[1], "local:c": n[2]}[string(g.Region)])
				if math.Abs(load[g.Name]-share) > 1e-9 {
					t.Errorf("%s carries %v of 12, not %v", g.Name, load[g.Name], share)
				}
			}
		})
	}
}

func TestGatewaysOfSeveralTypesCarryTheirShares(t *testing.T) {
	o := plan(t, map[string]int{"a": 1, "c": 2}, 64, r{[]string{"a", "c"}, 9, 0, 0})
	o.Regions[1].Gateways, o.Regions[1].Machine, o.Regions[1].Gbits = 1, "large", 6
	o.Regions = append(o.Regions, overlay.Region{Region: at(t, "c"), Gateways: 1, Machine: "small", Gbits: 3})
	l := build(t, o, 1)
	load := map[route.Gateway]float64{}
	for _, x := range l.Routes["local-a-0"] {
		load[x.Tree.Path(0)[1]] += x.Weight
	}
	if len(l.Gateways) != 3 || math.Abs(load["local-c-0"]-6) > 0.2 || math.Abs(load["local-c-1"]-3) > 0.2 {
		t.Errorf("%+v carry %v", l.Gateways, load)
	}
}

func TestMulticastSendsWhatIsSharedOnce(t *testing.T) {
	l := build(t, plan(t, map[string]int{"a": 1, "b": 1, "c": 1, "d": 1}, 8,
		r{[]string{"a", "b", "c"}, 1, 0, 0}, r{[]string{"a", "b", "d"}, 1, 1, 0}, r{[]string{"a"}, 1, 2, 0}), 3)
	routes := l.Routes["local-a-0"]
	if len(routes) != 1 || routes[0].Tree.String() != "local-a-0>local-b-0>(local-c-0,local-d-0)" {
		t.Fatalf("%+v", routes)
	}
	if got := routes[0].Tree.Dests(); !reflect.DeepEqual(got, []route.Dest{0, 1, 2}) {
		t.Errorf("destinations %v", got)
	}
}

func TestPathsThatMeetAgainStayATree(t *testing.T) {
	l := build(t, plan(t, map[string]int{"a": 1, "b": 1, "c": 1}, 8,
		r{[]string{"a", "c"}, 1, 0, 0}, r{[]string{"a", "b", "c"}, 1, 1, 0}), 2)
	if got := l.Routes["local-a-0"][0].Tree.String(); got != "local-a-0>local-c-0" {
		t.Errorf("%v", got)
	}
	if got := l.Writers(1); !reflect.DeepEqual(got, []route.Gateway{"local-c-0"}) {
		t.Errorf("writers of 1: %v", got)
	}
}

func TestCreditOfAWriterIsSharedByItsReaders(t *testing.T) {
	l := build(t, plan(t, map[string]int{"a": 2, "c": 1}, 8, r{[]string{"a", "c"}, 2, 0, 0}), 1)
	for _, reader := range l.Readers() {
		if got := l.Credit(reader, 100); !reflect.DeepEqual(got, map[route.Gateway]int64{"local-c-0": 50}) {
			t.Errorf("%s has %v", reader, got)
		}
	}
	if got := l.Peers("local-a-1"); got["local-c-0"] != 4 {
		t.Errorf("8 connections of two pairs: %v", got)
	}
}

// TestEveryReaderHasRoomForAPart at a writer that several have, and that holds a
// part for each of its destinations.
func TestEveryReaderHasRoomForAPart(t *testing.T) {
	for _, c := range []struct {
		readers, dests int
		want           int64
	}{{1, 1, 120}, {8, 1, 15}, {1, 3, 40}, {2, 3, 20}} {
		var routes []r
		for d := range c.dests {
			routes = append(routes, r{[]string{"a", "c"}, 1, d, 0})
		}
		l := build(t, plan(t, map[string]int{"a": c.readers, "c": 1}, 8, routes...), c.dests)
		if got := l.Part(120); got != c.want {
			t.Errorf("%d readers, %d destinations: %d, want %d", c.readers, c.dests, got, c.want)
		}
	}
	if got := build(t, &overlay.Overlay{}, 3).Part(120); got != 40 {
		t.Errorf("the engine inside skyctl has room for parts of %d", got)
	}
}

func TestInside(t *testing.T) {
	l := build(t, &overlay.Overlay{}, 2)
	if got := l.Routes[Inside]; len(l.Gateways) != 0 || len(got) != 1 || !reflect.DeepEqual(got[0].Tree.Writes, []route.Dest{0, 1}) {
		t.Errorf("%+v", l)
	}
}
