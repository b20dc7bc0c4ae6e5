package transfer

import (
	"context"
	"fmt"
	"slices"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/route"
)

// edge is the connections from one gateway to another.
type edge struct{ from, to route.Gateway }

// unconnected is for how many looks in a row a gateway has no connection to
// another before the link between them counts as dead.
const unconnected = 3

// connected notes which links the gateway's agent has connections on.
func (s *scheduler) connected(g *gateway) {
	changed := false
	for _, p := range g.stats.Peers {
		if !p.Expected {
			continue
		}
		e := edge{g.name, p.Name}
		s.carried(e, p)
		was := s.unlinked[e]
		if s.unlinked[e] = was + 1; p.Connections > 0 {
			s.unlinked[e] = 0
		}
		changed = changed || (was >= unconnected) != (s.unlinked[e] >= unconnected)
	}
	if changed {
		s.survey()
	}
}

// carried notes by which transport the link's connections are, and tells when
// that has become another.
func (s *scheduler) carried(e edge, p control.PeerStats) {
	over, reason := control.TransportQUIC, "UDP gets through again"
	if p.TLS > 0 {
		over, reason = control.TransportTLS, "UDP does not get through any more"
	}
	if p.Connections == 0 || p.TLS > 0 && p.TLS < p.Connections {
		return // nothing to tell, or not yet
	}
	if was := s.over[e]; was != "" && was != over {
		s.emit(Event{Kind: EventTransport, Gateway: e.from, Peer: e.to, Transport: over, Reason: reason})
	}
	s.over[e] = over
}

// linked tells whether no link of the tree is dead.
func (s *scheduler) linked(tree route.Node) bool {
	all := true
	walkTree(&tree, func(n *route.Node) {
		for i := range n.Children {
			all = all && s.unlinked[edge{n.Gateway, n.Children[i].Gateway}] < unconnected
		}
	})
	return all
}

// usable tells whether chunks should take the reader's route: all its gateways
// work, and so do its links. A dead link alone does not keep a route from
// destinations to which the reader has no other: sending fails, then, and the
// failures say what to do.
func (s *scheduler) usable(r *reader, rt control.Route) bool {
	works := func(rt control.Route) bool {
		return s.passes(rt.Tree, func(g *gateway) bool { return g.state == working })
	}
	if !works(rt) {
		return false
	}
	return s.linked(rt.Tree) || !slices.ContainsFunc(r.routes, func(other control.Route) bool {
		return works(other) && s.linked(other.Tree) && leads(other, rt.Tree.Dests())
	})
}

// reroute tells readers which of their routes to use, and with which weights,
// where that has changed.
func (s *scheduler) reroute() {
	if s.stopped != nil {
		return
	}
	for _, r := range s.readers {
		g := r.gateway
		if g.state != working || r.telling {
			continue
		}
		var now []control.Route
		for _, rt := range r.routes {
			if !slices.Contains(r.down, rt.ID) {
				now = append(now, rt)
			}
		}
		if len(now) == 0 || slices.EqualFunc(now, r.told, func(a, b control.Route) bool { return a.ID == b.ID && a.Weight == b.Weight }) {
			continue
		}
		s.tell(r, now)
	}
}

// tell gives the reader its routes. A reader that cannot be told is asked after
// and told again at the next review.
func (s *scheduler) tell(r *reader, routes []control.Route) {
	g, epoch := r.gateway, r.gateway.epoch
	ctx, patience := g.ctx, s.cfg.Health.Grace
	r.telling = true
	s.spawn(func() {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		err := s.cfg.Fleet.Reroute(ctx, g.name, routes)
		s.post(func() {
			r.telling = false
			switch {
			case g.epoch != epoch:
			case err != nil:
				s.probe(g)
			default:
				r.told, r.share = routes, 0 // of the limit it has what was planned again
				s.emit(Event{Kind: EventRoutes, Gateway: g.name, Reason: r.describe(routes)})
			}
		})
	})
}

// describe says what the reader's routes are, for people.
func (r *reader) describe(now []control.Route) string {
	text := fmt.Sprintf("%d of %d routes, weights", len(now), len(r.routes))
	for _, rt := range now {
		text += fmt.Sprintf(" %d: %.3g", rt.ID, rt.Weight)
	}
	return text
}
