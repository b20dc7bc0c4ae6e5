// Package layout turns an overlay of regions into one of gateways: their
// names, the routes each reader gets, who connects to whom, and how much
// credit a reader has at a writer. It is pure; deploy makes the gateways and
// hands out what this package computed.
package layout

import (
	"fmt"
	"maps"
	"reflect"
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

// Layout is a planned run at the level of gateways. It does not change, nor does
// its overlay: a run that is planned anew gets another.
type Layout struct {
	Overlay  *overlay.Overlay
	Gateways []Gateway // empty: the engine runs inside skyctl
	Routes   map[route.Gateway][]control.Route
	Dests    int

	pairs map[pair]int // connections to open
}

type pair struct{ from, to route.Gateway }

// Build lays out an overlay for a run with the given number of destinations.
func Build(o *overlay.Overlay, dests int) (*Layout, error) {
	l := &Layout{Overlay: o, Dests: dests, Routes: map[route.Gateway][]control.Route{}, pairs: map[pair]int{}}
	if o.Inside() {
		tree := route.Node{Gateway: Inside}
		for d := range dests {
			tree.Writes = append(tree.Writes, route.Dest(d))
		}
		l.Routes[Inside] = []control.Route{{Tree: tree, Weight: 1}}
		return l, nil
	}
	sites := map[region.Region]*site{}
	for _, r := range o.Regions {
		at := sites[r.Region]
		if at == nil {
			at = &site{}
			sites[r.Region] = at
		}
		for range r.Gateways {
			g := Gateway{Name: route.Gateway(fmt.Sprintf("%s-%d", r.Region.Slug(), len(at.names))), Region: r.Region, Machine: r.Machine}
			l.Gateways = append(l.Gateways, g)
			at.names, at.gbits, at.joined = append(at.names, g.Name), append(at.gbits, float64(r.Gbits)), append(at.joined, r.Joined)
		}
	}
	byTree := map[int][]overlay.Route{}
	for _, r := range o.Routes {
		byTree[r.Tree] = append(byTree[r.Tree], r)
	}
	for _, t := range slices.Sorted(maps.Keys(byTree)) {
		if err := l.addTree(byTree[t], sites); err != nil {
			return nil, fmt.Errorf("the routes of tree %d: %w", t, err)
		}
	}
	l.connect()
	return l, nil
}

// site is the gateways of one region, and what each is planned to pass. Where
// that is not said all pass the same.
type site struct {
	names  []route.Gateway
	gbits  []float64
	joined []int // overlay.Region.Joined
}

// by are the gateways that had joined by a time.
func (s *site) by(since int) *site {
	then := &site{}
	for i, joined := range s.joined {
		if joined <= since {
			then.names, then.gbits, then.joined = append(then.names, s.names[i]), append(then.gbits, s.gbits[i]), append(then.joined, joined)
		}
	}
	return then
}

// even tells whether all gateways pass the same.
func (s *site) even() bool {
	return !slices.ContainsFunc(s.gbits, func(g float64) bool { return g != s.gbits[0] })
}

// maxLanes bounds how finely one tree of regions is spread over gateways.
const maxLanes = 64

// spread returns the gateway of each of n lanes, so that at any lane each has
// had its share as nearly as can be.
func (s *site) spread(n int) []route.Gateway {
	total, had := 0.0, make([]float64, len(s.names))
	share := slices.Clone(s.gbits)
	if s.even() {
		share = slices.Repeat([]float64{1}, len(share))
	}
	for _, w := range share {
		total += w
	}
	lanes := make([]route.Gateway, n)
	for k := range lanes {
		next, lacks := 0, 0.0
		for i, w := range share {
			if lack := float64(k+1)*w/total - had[i]; lack > lacks+1e-9 {
				next, lacks = i, lack
			}
		}
		lanes[k] = s.names[next]
		had[next]++
	}
	return lanes
}

// addTree spreads the routes of one tree, one to every destination, over the
// gateways of their regions, so that each carries its share: as many lanes as
// the least common multiple of the numbers of gateways, or the most that there
// may be where they do not all carry the same. What routes have in common is
// sent once. A lane of a tree that was made later may be one that there is: that
// carries more then.
func (l *Layout) addTree(routes []overlay.Route, all map[region.Region]*site) error {
	n, sites, since := 1, map[region.Region]*site{}, routes[0].Since
	for _, r := range routes {
		for _, at := range r.Path {
			if all[at] != nil {
				sites[at] = all[at].by(since)
			}
			if sites[at] == nil || len(sites[at].names) == 0 {
				return fmt.Errorf("%s has no gateways", at)
			}
			if n = lcm(n, len(sites[at].names)); !sites[at].even() {
				n = maxLanes
			}
			n = min(n, maxLanes)
		}
	}
	spread := map[region.Region][]route.Gateway{}
	for _, r := range routes {
		for _, at := range r.Path {
			spread[at] = sites[at].spread(n)
		}
	}
	for k := range n {
		reader := spread[routes[0].Path[0]][k]
		tree := route.Node{Gateway: reader}
		for _, r := range routes {
			var path []route.Gateway
			for _, at := range r.Path {
				path = append(path, spread[at][k])
			}
			if path[0] != reader {
				return fmt.Errorf("%s begins elsewhere than the others", r)
			}
			graft(&tree, path, route.Dest(r.Dest))
		}
		if err := tree.Validate(); err != nil {
			return fmt.Errorf("from %s: %w", reader, err)
		}
		weight := float64(routes[0].Gbits) / float64(n)
		same := slices.IndexFunc(l.Routes[reader], func(rt control.Route) bool { return reflect.DeepEqual(rt.Tree, tree) })
		if since > 0 && same >= 0 {
			l.Routes[reader][same].Weight += weight
			continue
		}
		l.Routes[reader] = append(l.Routes[reader], control.Route{ID: len(l.Routes[reader]), Tree: tree, Weight: weight})
	}
	return nil
}

func lcm(a, b int) int {
	x, y := a, b
	for y != 0 {
		x, y = y, x%y
	}
	return a / x * b
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
func (l *Layout) connect() {
	home := l.Homes()
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
		if e, ok := l.Overlay.Edge(edge[0], edge[1]); ok {
			planned = e.Connections
		}
		for _, p := range pairs {
			l.pairs[p] = max(1, planned/len(pairs))
		}
	}
}

// Homes returns the region of each gateway.
func (l *Layout) Homes() map[route.Gateway]region.Region {
	home := map[route.Gateway]region.Region{}
	for _, g := range l.Gateways {
		home[g.Name] = g.Region
	}
	return home
}

// Joined returns the gateways that joined the run when it went on.
func (l *Layout) Joined() []route.Gateway {
	first := 0
	for _, r := range l.Overlay.Regions {
		if r.Joined == 0 {
			first += r.Gateways
		}
	}
	var names []route.Gateway
	for _, g := range l.Gateways[first:] {
		names = append(names, g.Name)
	}
	return names
}

// In returns the gateways of a region, in the order of their numbers.
func (l *Layout) In(at region.Region) []route.Gateway {
	var names []route.Gateway
	for _, g := range l.Gateways {
		if g.Region == at {
			names = append(names, g.Name)
		}
	}
	return names
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

// Part is the largest part of which every reader can have one under way on each of
// its routes, where writers have room for partBytes: a gateway that writes several
// destinations holds a part for each.
func (l *Layout) Part(partBytes int64) int64 {
	least := partBytes
	for reader, routes := range l.Routes {
		credit := l.Credit(reader, partBytes)
		for i := range routes {
			parts := map[route.Gateway]int64{}
			for _, w := range routes[i].Tree.Writers() {
				parts[w.Gateway]++
				least = min(least, credit[w.Gateway]/parts[w.Gateway])
			}
		}
	}
	return least
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

// Path returns the regions that a route passes on its way to a destination. The
// engine inside skyctl has one to each.
func (l *Layout) Path(reader route.Gateway, routeID int, dest route.Dest) []region.Region {
	if len(l.Gateways) == 0 {
		return l.insidePath(dest)
	}
	home := l.Homes()
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

func (l *Layout) insidePath(dest route.Dest) []region.Region {
	for _, r := range l.Overlay.Routes {
		if r.Dest == int(dest) {
			return r.Path
		}
	}
	return []region.Region{}
}
