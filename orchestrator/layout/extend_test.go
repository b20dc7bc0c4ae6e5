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
		"a gateway more":       func(o *overlay.Overlay) { o.Regions[1].Gateways = 2 },
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
