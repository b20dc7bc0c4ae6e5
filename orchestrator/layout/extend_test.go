package layout

import (
	"reflect"
	"slices"
	"testing"

	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/region"
)

// TestExtend: what a run has keeps its names, numbers and connections, and new
// trees come after it.
func TestExtend(t *testing.T) {
	gateways := map[string]int{"a": 2, "b": 1, "c": 2}
	direct, multicast := r{[]string{"a", "c"}, 6, 0, 0}, r{[]string{"a", "b"}, 6, 1, 0}
	o := plan(t, gateways, 9, direct, multicast)
	was := build(t, o, 2)

	wider := *o
	slow, slowly := direct, multicast
	slow.gbits, slowly.gbits = 1, 1
	wider.Routes = plan(t, gateways, 9, slow, slowly, r{[]string{"a", "b", "c"}, 4, 0, 3}, r{[]string{"a", "b"}, 4, 1, 3}).Routes
	wider.Edges = append(wider.Edges, overlay.Edge{From: at(t, "b"), To: at(t, "c"), Connections: 7})
	wider.Edges[0].Connections = 64
	is, err := was.Extend(&wider)
	if err != nil {
		t.Fatal(err)
	}
	for reader, routes := range was.Routes {
		more := is.Routes[reader]
		if len(more) != 2*len(routes) {
			t.Fatalf("%s had %d routes, and has %d", reader, len(routes), len(more))
		}
		for i, rt := range more {
			if i < len(routes) && (rt.ID != routes[i].ID || !reflect.DeepEqual(rt.Tree, routes[i].Tree) || rt.Weight != routes[i].Weight/6) {
				t.Errorf("%s: route %d was %+v, is %+v", reader, i, routes[i], rt)
			}
			if i >= len(routes) && (rt.ID != i || !slices.Contains(is.Path(reader, i, 0), at(t, "b"))) {
				t.Errorf("%s: route %d is %+v", reader, i, rt)
			}
		}
		for peer, n := range was.Peers(reader) {
			if got := is.Peers(reader)[peer]; got != n {
				t.Errorf("%s to %s had %d connections, and has %d", reader, peer, n, got)
			}
		}
	}
	if got, want := is.Peers("local-b-0"), (map[route.Gateway]int{"local-c-0": 3, "local-c-1": 3}); !reflect.DeepEqual(got, want) {
		t.Errorf("the new pairs have %v, want %v", got, want)
	}
}

func TestExtendRefuses(t *testing.T) {
	o := plan(t, map[string]int{"a": 1, "b": 1, "c": 1}, 8, r{[]string{"a", "b", "c"}, 6, 0, 0})
	was := build(t, o, 1)
	for name, change := range map[string]func(*overlay.Overlay){
		"a gateway between":    func(o *overlay.Overlay) { o.Regions[0].Gateways = 2 },
		"a gateway less":       func(o *overlay.Overlay) { o.Regions[1].Gateways = 0 },
		"another writer":       func(o *overlay.Overlay) { o.Routes[0].Path = []region.Region{at(t, "a"), at(t, "c"), at(t, "b")} },
		"another reader":       func(o *overlay.Overlay) { o.Routes[0].Path = []region.Region{at(t, "b"), at(t, "c")} },
		"another way":          func(o *overlay.Overlay) { o.Routes[0].Path = []region.Region{at(t, "a"), at(t, "c")} },
		"no gateways there":    func(o *overlay.Overlay) { o.Routes[0].Path = []region.Region{at(t, "a"), at(t, "d"), at(t, "c")} },
		"the tree is not kept": func(o *overlay.Overlay) { o.Routes = nil },
	} {
		other := *o
		other.Regions, other.Routes = slices.Clone(o.Regions), slices.Clone(o.Routes)
		change(&other)
		if _, err := was.Extend(&other); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// TestExtendByGateways: trees keep the gateways that they were made of, and those
// that are made when others have joined use these too. What a lane of such a tree
// has in common with a route that there is makes that carry more.
func TestExtendByGateways(t *testing.T) {
	o := plan(t, map[string]int{"a": 1, "c": 1}, 8, r{[]string{"a", "c"}, 6, 0, 0})
	was := build(t, o, 1)

	more := *o
	more.Regions = append(slices.Clone(o.Regions), overlay.Region{Region: at(t, "b"), Gateways: 1, Joined: 1},
		overlay.Region{Region: at(t, "a"), Gateways: 1, Joined: 1}, overlay.Region{Region: at(t, "c"), Gateways: 1, Joined: 1})
	wide := plan(t, nil, 16, r{[]string{"a", "c"}, 4, 0, 1}, r{[]string{"a", "b", "c"}, 2, 0, 2})
	for i := range wide.Routes {
		wide.Routes[i].Since = 1
	}
	more.Routes = append(slices.Clone(o.Routes), wide.Routes...)
	more.Edges = wide.Edges
	is, err := was.Extend(&more)
	if err != nil {
		t.Fatal(err)
	}
	names := func(gs []Gateway) (all []route.Gateway) {
		for _, g := range gs {
			all = append(all, g.Name)
		}
		return all
	}
	if got, want := names(is.Gateways), []route.Gateway{"local-a-0", "local-c-0", "local-b-0", "local-a-1", "local-c-1"}; !slices.Equal(got, want) {
		t.Errorf("the gateways are %v, want %v", got, want)
	}
	got := map[string]float64{}
	for reader, routes := range is.Routes {
		for i, rt := range routes {
			if rt.ID != i {
				t.Errorf("%s: route %d is number %d", reader, i, rt.ID)
			}
			got[rt.Tree.String()] = rt.Weight
		}
	}
	want := map[string]float64{"local-a-0>local-c-0": 6 + 2, "local-a-1>local-c-1": 2, "local-a-0>local-b-0>local-c-0": 1, "local-a-1>local-b-0>local-c-1": 1}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the routes are %v, want %v", got, want)
	}
	if is.Routes["local-a-0"][0].Tree.String() != "local-a-0>local-c-0" || is.Peers("local-a-0")["local-c-0"] != 8 || is.Peers("local-a-1")["local-c-1"] != 8 {
		t.Errorf("%+v, %v", is.Routes, is.pairs)
	}
	if got := is.Writers(0); !slices.Equal(got, []route.Gateway{"local-c-0", "local-c-1"}) {
		t.Errorf("%v write", got)
	}

	// Two of a gateway that was there and the next that joins share its credit.
	third := more
	third.Regions = append(slices.Clone(more.Regions), overlay.Region{Region: at(t, "a"), Gateways: 1, Joined: 2})
	last := plan(t, nil, 16, r{[]string{"a", "c"}, 4, 0, 3}).Routes[0]
	last.Since = 2
	third.Routes = append(slices.Clone(more.Routes), last)
	grown, err := is.Extend(&third)
	if err != nil {
		t.Fatal(err)
	}
	if before, after := is.Credit("local-a-0", 600)["local-c-0"], grown.Credit("local-a-0", 600)["local-c-0"]; before != 600 || after != 200 {
		t.Errorf("a reader had %d of 600 bytes at a writer, and has %d", before, after)
	}
	// A tree cannot use what had not joined when it was made.
	early := more
	early.Routes = slices.Clone(more.Routes)
	early.Routes[2].Since = 0
	if _, err := was.Extend(&early); err == nil {
		t.Error("a tree was made of gateways that joined later")
	}
	// Who resumes the run finds the same.
	if again := build(t, &third, 1); !reflect.DeepEqual(again.Routes, grown.Routes) {
		t.Errorf("resumed, the routes are %+v; they were %+v", again.Routes, grown.Routes)
	}
}
