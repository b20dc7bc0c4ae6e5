package ledger

import (
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/journal"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// Egress is what bytes cost on the edges of the routes that they took. One that
// several destinations share is counted for each.
func Egress(l *layout.Layout, carried map[journal.RouteKey]int64) unit.USD {
	var usd float64
	for key, bytes := range carried {
		path := l.Path(key.Reader, key.Route, key.Dest)
		for i := 1; i < len(path); i++ {
			if e, ok := l.Overlay.Edge(path[i-1], path[i]); ok {
				usd += float64(bytes) / 1e9 * float64(e.USDPerGB)
			}
		}
	}
	return unit.USD(usd)
}

// exposed returns how many bytes may be under way at once, where every writer has
// room for so many, and what one costs on the dearest route, in USD.
func exposed(l *layout.Layout, room int64) (underWay int64, dearest float64) {
	for _, reader := range l.Readers() {
		for _, credit := range l.Credit(reader, room) {
			underWay += credit
		}
		for _, r := range l.Routes[reader] {
			for _, d := range r.Tree.Dests() {
				dearest = max(dearest, perByte(l, reader, r.ID, d))
			}
		}
	}
	return underWay, dearest
}

// perByte is what a byte on one route costs.
func perByte(l *layout.Layout, reader route.Gateway, id int, dest route.Dest) float64 {
	return float64(Egress(l, map[journal.RouteKey]int64{{Reader: reader, Route: id, Dest: dest}: 1e9})) / 1e9
}

// sent returns the bytes that passed each edge. What a route brought to several
// destinations passed the edges that they share once.
func sent(l *layout.Layout, carried map[journal.RouteKey]int64) map[grid.Pair]int64 {
	type shared struct {
		reader route.Gateway
		route  int
		pair   grid.Pair
	}
	once := map[shared]int64{}
	for key, bytes := range carried {
		path := l.Path(key.Reader, key.Route, key.Dest)
		for i := 1; i < len(path); i++ {
			on := shared{key.Reader, key.Route, grid.Pair{From: path[i-1], To: path[i]}}
			once[on] = max(once[on], bytes)
		}
	}
	sent := map[grid.Pair]int64{}
	for on, bytes := range once {
		sent[on.pair] += bytes
	}
	return sent
}
