package transfer

import (
	"time"

	"github.com/skyctl/skyctl/agent/control"
)

// Planned weights that are wrong for long are corrected. A reader shares what
// it may have outstanding out by weight, so a route that is slower than planned
// holds what a faster one could have used. What is measured over a while is
// closer to the truth, and moving half the way to it each time converges: where
// each route gets by weight what it carries, all take the same time.
const (
	weighEvery = 10 * time.Second
	// wrong is the factor by which a route's part of what was carried differs
	// from its weight's before that counts; it must do so wrongTimes in a row.
	wrong      = 1.2
	wrongTimes = 3
	// least is the part of an even share that a weight never falls below, so
	// that a route which recovers is found out.
	least = 0.1
)

// weighing is what a reader's routes carried since the weights were looked at.
type weighing struct {
	since   time.Time
	carried map[int]int64 // bytes by route
	off     int           // times in a row that they were wrong
}

// weigh looks at every reader's weights when it is time.
func (s *scheduler) weigh() {
	for _, r := range s.readers {
		w := &r.weighing
		if time.Since(w.since) < weighEvery {
			continue
		}
		var better []control.Route
		if r.gateway.state == working && r.heldBackByRoutes() {
			better = r.corrected(w.carried)
		}
		if w.off++; better == nil {
			w.off = 0
		}
		if w.off >= wrongTimes {
			r.routes, w.off = better, 0
		}
		w.since, w.carried = time.Now(), map[int]int64{}
	}
}

// heldBackByRoutes: where it is the source or the limit that a reader waits
// for, what its routes carry says nothing of what they could.
func (r *reader) heldBackByRoutes() bool {
	switch r.gateway.stats.Bottleneck.On {
	case control.ResourceSend, control.ResourceAck, control.ResourceCredit:
		return len(r.out) > 0
	}
	return false
}

// corrected returns the routes with weights half way to what they carried, nil
// where the weights are right. Routes that are not in use keep theirs.
func (r *reader) corrected(carried map[int]int64) []control.Route {
	weights, bytes := 0.0, int64(0)
	for _, rt := range r.told {
		weights += rt.Weight
		bytes += carried[rt.ID]
	}
	if len(r.told) < 2 || weights <= 0 || bytes == 0 {
		return nil
	}
	off := false
	share := map[int]float64{}
	for _, rt := range r.told {
		planned, got := rt.Weight/weights, float64(carried[rt.ID])/float64(bytes)
		lowest := least / float64(len(r.told))
		share[rt.ID] = max(lowest, (planned+got)/2)
		off = off || planned > wrong*max(got, lowest) || got > wrong*planned
	}
	if !off {
		return nil
	}
	routes := append([]control.Route(nil), r.routes...)
	for i := range routes {
		if x, ok := share[routes[i].ID]; ok {
			routes[i].Weight = x * weights
		}
	}
	return routes
}
