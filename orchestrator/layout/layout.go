// Package layout turns an overlay of regions into one of gateways: their
// names, the routes each reader gets, who connects to whom, and how much
// credit a reader has at a writer. It is pure; deploy makes the gateways and
// hands out what this package computed.
package layout

import (
	"fmt"
	"slices"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/region"
)

// Inside is the name of the engine inside skyctl.
const Inside route.Gateway = "skyctl"

// Gateway is one machine or process of the plan.
type Gateway struct {
	Name    route.Gateway
	Region  region.Region
	Machine string
}

// Layout is a planned run at the level of gateways.
type Layout struct {
	Gateways []Gateway // empty: the engine runs inside skyctl
	Routes   map[route.Gateway][]control.Route
	Dests    int

	pairs map[pair]int // connections to open
}

type pair struct{ from, to route.Gateway }

// Build lays out an overlay for a run with the given number of destinations.
func Build(o *overlay.Overlay, dests int) (*Layout, error) {
	l := &Layout{Dests: dests, Routes: map[route.Gateway][]control.Route{}, pairs: map[pair]int{}}
	if o.Inside() {
		tree := route.Node{Gateway: Inside}
		for d := range dests {
			tree.Writes = append(tree.Writes, route.Dest(d))
		}
		l.Routes[Inside] = []control.Route{{Tree: tree, Weight: 1}}
		return l, nil
	}
	names := map[region.Region][]route.Gateway{}
	for _, r := range o.Regions {
		for i := range r.Gateways {
			g := Gateway{Name: route.Gateway(fmt.Sprintf("%s-%d", r.Region.Slug(), i)), Region: r.Region, Machine: r.Machine}
			l.Gateways = append(l.Gateways, g)
			names[r.Region] = append(names[r.Region], g.Name)
		}
	}
	byReader := map[route.Gateway][][]lane{} // of each destination
	for _, r := range o.Routes {
		for _, x := range lanes(r, names) {
			reader := x.path[0]
			if byReader[reader] == nil {
				byReader[reader] = make([][]lane, dests)
			}
			byReader[reader][r.Dest] = append(byReader[reader][r.Dest], x)
		}
	}
	for _, g := range l.Gateways {
		if err := l.addTrees(g.Name, byReader[g.Name]); err != nil {
			return nil, err
		}
	}
	l.connect(&o.Graph)
	return l, nil
}

// lane is a region route as it passes single gateways.
type lane struct {
	path  []route.Gateway
	gbits float64
}

// maxLanes bounds how finely one region route is spread over gateways.
const maxLanes = 64

// lanes spreads a route over the gateways of its regions so that each carries
// the same share: as many lanes as the least common multiple of the numbers of
// gateways, and lane k passes gateway k mod n.
func lanes(r overlay.Route, names map[region.Region][]route.Gateway) []lane {
	n := 1
	for _, at := range r.Path {
		n = lcm(n, max(1, len(names[at])))
	}
	n = min(n, maxLanes)
	out := make([]lane, n)
	for k := range out {
		out[k].gbits = float64(r.Gbits) / float64(n)
		for _, at := range r.Path {
			out[k].path = append(out[k].path, names[at][k%len(names[at])])
		}
	}
	return out
}

func lcm(a, b int) int {
	x, y := a, b
	for y != 0 {
		x, y = y, x%y
	}
	return a / x * b
}

// addTrees gives a reader its routes. With one destination each lane is one;
// with several, tree k takes lane k of every destination, so that what they
// have in common is sent once.
func (l *Layout) addTrees(reader route.Gateway, byDest [][]lane) error {
	n := 0
	for _, ls := range byDest {
		n = max(n, len(ls))
	}
	for k := range n {
		tree := route.Node{Gateway: reader}
		weight := 0.0
		for d, ls := range byDest {
			if len(ls) == 0 {
				continue
			}
			x := ls[k%len(ls)]
			graft(&tree, x.path, route.Dest(d))
			// A lane that several trees share is shared by their weights too.
			weight += x.gbits * float64(len(ls)) / float64(n*len(byDest))
		}
		if err := tree.Validate(); err != nil {
			return fmt.Errorf("the routes of %s: %w", reader, err)
		}
		l.Routes[reader] = append(l.Routes[reader], control.Route{ID: len(l.Routes[reader]), Tree: tree, Weight: weight})
	}
	return nil
}

// graft adds a path to the tree, from the last of its gateways that the tree
// has already: a gateway has one parent, and gets a chunk once.
func graft(tree *route.Node, path []route.Gateway, dest route.Dest) {
	at, rest := tree, path[1:]
	for i, g := range path {
		if n := find(tree, g); n != nil {
			at, rest = n, path[i+1:]
		}
	}
	for _, g := range rest {
		at.Children = append(at.Children, route.Node{Gateway: g})
		at = &at.Children[len(at.Children)-1]
	}
	at.Writes = append(at.Writes, dest)
}

func find(n *route.Node, g route.Gateway) *route.Node {
	if n.Gateway == g {
		return n
	}
	for i := range n.Children {
		if x := find(&n.Children[i], g); x != nil {
			return x
		}
	}
	return nil
}

// connect shares the planned connections of each edge out among the pairs of
// gateways that routes use, at least one a pair.
func (l *Layout) connect(g *overlay.Graph) {
	home := map[route.Gateway]region.Region{}
	for _, x := range l.Gateways {
		home[x.Name] = x.Region
	}
	used := map[[2]region.Region][]pair{}
	var walk func(n *route.Node)
	walk = func(n *route.Node) {
		for i := range n.Children {
			p := pair{n.Gateway, n.Children[i].Gateway}
			edge := [2]region.Region{home[p.from], home[p.to]}
			if !slices.Contains(used[edge], p) {
				used[edge] = append(used[edge], p)
			}
			walk(&n.Children[i])
		}
	}
	for _, routes := range l.Routes {
		for i := range routes {
			walk(&routes[i].Tree)
		}
	}
	for edge, pairs := range used {
		planned := 1
		if e, ok := g.Edge(edge[0], edge[1]); ok {
			planned = e.Connections
		}
		for _, p := range pairs {
			l.pairs[p] = max(1, planned/len(pairs))
		}
	}
}

// Readers returns the gateways that read, sorted.
func (l *Layout) Readers() []route.Gateway {
	var rs []route.Gateway
	for g := range l.Routes {
		rs = append(rs, g)
	}
	slices.Sort(rs)
	return rs
}

// Writers returns the gateways that write a destination, sorted.
func (l *Layout) Writers(dest route.Dest) []route.Gateway {
	var ws []route.Gateway
	for _, routes := range l.Routes {
		for i := range routes {
			for _, w := range routes[i].Tree.Writers() {
				if w.Dest == dest && !slices.Contains(ws, w.Gateway) {
					ws = append(ws, w.Gateway)
				}
			}
		}
	}
	slices.Sort(ws)
	return ws
}

// Peers returns the gateways that a gateway opens connections to, and how many
// to each.
func (l *Layout) Peers(g route.Gateway) map[route.Gateway]int {
	peers := map[route.Gateway]int{}
	for p, n := range l.pairs {
		if p.from == g {
			peers[p.to] = n
		}
	}
	return peers
}

// Credit shares partBytes, the room a writer has for parts, out among its
// readers, and returns what one reader has at each of its writers.
func (l *Layout) Credit(reader route.Gateway, partBytes int64) map[route.Gateway]int64 {
	readers := map[route.Gateway]int64{}
	for _, routes := range l.Routes {
		for _, w := range writersOf(routes) {
			readers[w]++
		}
	}
	credit := map[route.Gateway]int64{}
	for _, w := range writersOf(l.Routes[reader]) {
		credit[w] = partBytes / readers[w]
	}
	return credit
}

func writersOf(routes []control.Route) []route.Gateway {
	var ws []route.Gateway
	for i := range routes {
		for _, w := range routes[i].Tree.Writers() {
			if !slices.Contains(ws, w.Gateway) {
				ws = append(ws, w.Gateway)
			}
		}
	}
	return ws
}

// Path returns the regions that a route passes on its way to a destination.
func (l *Layout) Path(reader route.Gateway, routeID int, dest route.Dest) []region.Region {
	home := map[route.Gateway]region.Region{}
	for _, g := range l.Gateways {
		home[g.Name] = g.Region
	}
	var path []region.Region
	for _, r := range l.Routes[reader] {
		if r.ID != routeID {
			continue
		}
		for _, g := range r.Tree.Path(dest) {
			path = append(path, home[g])
		}
	}
	return path
}
