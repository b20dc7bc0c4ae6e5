package transfer

import (
	"fmt"
	"slices"
	"time"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/route"
)

// takeOver gives the readers their new routes, and lets gateways join that were
// no part of the run; survey tells the readers.
func (s *scheduler) takeOver(found Replanned) error {
	joins := func(name route.Gateway) bool { return s.gateways[name] == nil && slices.Contains(found.Joined, name) }
	for name, routes := range found.Routes {
		if g := s.gateways[name]; !joins(name) && (g == nil || g.reader == nil) {
			return fmt.Errorf("the new routes begin at %s, which does not read", name)
		}
		for _, rt := range routes {
			if unknown := s.unknown(rt.Tree, joins); unknown != "" {
				return fmt.Errorf("route %d of %s passes %s, which is no part of the run", rt.ID, name, unknown)
			}
		}
	}
	s.join(found)
	for name, routes := range found.Routes {
		r := s.gateways[name].reader
		r.routes, r.weighing = routes, weighing{since: time.Now(), carried: map[int]int64{}}
		r.share = 0 // it is configured with what is planned
	}
	return nil
}

// unknown is a gateway of the tree that is no part of the run and does not join
// it, "" if there is none.
func (s *scheduler) unknown(tree route.Node, joins func(route.Gateway) bool) (name route.Gateway) {
	walkTree(&tree, func(n *route.Node) {
		if s.gateways[n.Gateway] == nil && !joins(n.Gateway) {
			name = n.Gateway
		}
	})
	return name
}

// join starts gateways that join the run. What they write of a destination they
// may also begin, commit and abort there.
func (s *scheduler) join(found Replanned) {
	var newcomers []*gateway
	for _, name := range found.Joined {
		if s.gateways[name] != nil {
			continue // it joined before, when the answer could not be followed
		}
		newcomers = append(newcomers, s.add(name))
		if routes := found.Routes[name]; len(routes) > 0 {
			s.addReader(Reader{Name: name, Routes: routes})
		}
	}
	s.cfg.Dests = slices.Clone(s.cfg.Dests) // they are the caller's
	for _, g := range newcomers {
		for d := range s.cfg.Dests {
			if writes(found.Routes, g.name, route.Dest(d)) {
				s.cfg.Dests[d].Writers = append(slices.Clone(s.cfg.Dests[d].Writers), g.name)
			}
		}
		s.enlist(g)
		s.emit(Event{Kind: EventJoined, Gateway: g.name})
	}
}

// writes tells whether some route has the gateway write the destination.
func writes(routes map[route.Gateway][]control.Route, name route.Gateway, dest route.Dest) bool {
	for _, rts := range routes {
		for i := range rts {
			if slices.Contains(rts[i].Tree.Writers(), route.Writer{Gateway: name, Dest: dest}) {
				return true
			}
		}
	}
	return false
}
