package ledger

import (
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/journal"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// Egress is what has arrived, by routes, cost on the edges that it passed.
func Egress(l *layout.Layout, carried map[journal.RouteKey]int64) unit.USD {
	passed := newTraffic()
	for key, bytes := range carried {
		passed.add(l, key, bytes)
	}
	return passed.usd
}

// traffic adds up what bytes cost by what arrives. What a route brings to several
// destinations passes the edges that they share once.
type traffic struct {
	usd     unit.USD
	edges   map[journal.RouteKey][]grid.Pair
	arrived map[journal.RouteKey]int64
	passed  map[edgeOfRoute]int64
}

type edgeOfRoute struct {
	reader route.Gateway
	route  int
	pair   grid.Pair
}

func newTraffic() *traffic {
	return &traffic{edges: map[journal.RouteKey][]grid.Pair{}, arrived: map[journal.RouteKey]int64{}, passed: map[edgeOfRoute]int64{}}
}

// add counts bytes that have arrived at a destination by a route of a layout. A
// route has its number for as long as the run, whatever is planned anew.
func (t *traffic) add(l *layout.Layout, key journal.RouteKey, bytes int64) {
	edges, known := t.edges[key]
	if !known {
		edges = edgesOf(l, key)
		t.edges[key] = edges
	}
	t.arrived[key] += bytes
	for _, pair := range edges {
		on := edgeOfRoute{key.Reader, key.Route, pair}
		if more := t.arrived[key] - t.passed[on]; more > 0 {
			t.passed[on] += more
			if e, ok := l.Overlay.Edge(pair.From, pair.To); ok {
				t.usd += unit.USD(more) / 1e9 * e.USDPerGB
			}
		}
	}
}

// edgesOf are the edges on the way to one destination of a reader's route. The
// engine inside skyctl has no gateways and reads once: what it was planned with are
// the ways to here and on to each destination, and every object takes all of them.
func edgesOf(l *layout.Layout, key journal.RouteKey) (pairs []grid.Pair) {
	if len(l.Gateways) == 0 {
		for _, e := range l.Overlay.Edges {
			pairs = append(pairs, e.Pair())
		}
		return pairs
	}
	path := l.Path(key.Reader, key.Route, key.Dest)
	for i := 1; i < len(path); i++ {
		pairs = append(pairs, grid.Pair{From: path[i-1], To: path[i]})
	}
	return pairs
}

// exposed returns how many bytes may be under way at once, to all destinations,
// where every writer has room for so many, and what one byte costs by the dearest
// route to all that it leads to, in USD.
func exposed(l *layout.Layout, room int64) (underWay int64, dearest float64) {
	for _, reader := range l.Readers() {
		for _, credit := range l.Credit(reader, room) {
			underWay += credit
		}
		for _, r := range l.Routes[reader] {
			passed := newTraffic()
			for _, d := range r.Tree.Dests() {
				passed.add(l, journal.RouteKey{Reader: reader, Route: r.ID, Dest: d}, 1e9)
			}
			dearest = max(dearest, float64(passed.usd)/1e9)
		}
	}
	return underWay, dearest
}
