package orchestrator

import (
	"slices"

	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/journal"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// path is the way of regions to one destination of a reader's route. The engine
// inside skyctl has no gateways; its way is as it was planned.
func (p planned) path(key journal.RouteKey) []region.Region {
	if len(p.layout.Gateways) > 0 {
		return p.layout.Path(key.Reader, key.Route, key.Dest)
	}
	for _, r := range p.overlay.Routes {
		if r.Dest == int(key.Dest) {
			return r.Path
		}
	}
	return []region.Region{}
}

// routes sums what arrived by paths of regions.
func (p planned) routes(carried map[journal.RouteKey]int64) []RouteBytes {
	out := []RouteBytes{}
	for key, bytes := range carried {
		path := p.path(key)
		i := slices.IndexFunc(out, func(r RouteBytes) bool { return slices.Equal(r.Path, path) })
		if i < 0 {
			i, out = len(out), append(out, RouteBytes{Path: path})
		}
		out[i].Bytes += bytes
	}
	slices.SortFunc(out, func(a, b RouteBytes) int { return slices.Compare(a.Path, b.Path) })
	return out
}

// egress is what has arrived, by routes, cost on the edges that it passed.
func (p planned) egress(carried map[journal.RouteKey]int64) unit.USD {
	passed := newTraffic()
	for key, bytes := range carried {
		passed.add(p, key, bytes)
	}
	return passed.usd
}

// traffic adds up what bytes cost by what arrives. What a route brings to several
// destinations passes the edges that they share once.
type traffic struct {
	usd     unit.USD
	paths   map[journal.RouteKey][]region.Region
	arrived map[journal.RouteKey]int64
	passed  map[edgeOfRoute]int64
}

type edgeOfRoute struct {
	reader route.Gateway
	route  int
	pair   grid.Pair
}

func newTraffic() *traffic {
	return &traffic{paths: map[journal.RouteKey][]region.Region{}, arrived: map[journal.RouteKey]int64{}, passed: map[edgeOfRoute]int64{}}
}

// add counts bytes that have arrived at a destination by a route of a plan. A
// route has its number for as long as the run, whatever is planned anew.
func (t *traffic) add(p planned, key journal.RouteKey, bytes int64) {
	path, known := t.paths[key]
	if !known {
		path = p.path(key)
		t.paths[key] = path
	}
	t.arrived[key] += bytes
	for i := 1; i < len(path); i++ {
		on := edgeOfRoute{key.Reader, key.Route, grid.Pair{From: path[i-1], To: path[i]}}
		if more := t.arrived[key] - t.passed[on]; more > 0 {
			t.passed[on] += more
			if e, ok := p.overlay.Edge(on.pair.From, on.pair.To); ok {
				t.usd += unit.USD(more) / 1e9 * e.USDPerGB
			}
		}
	}
}
