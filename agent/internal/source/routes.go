package source

import (
	"maps"
	"slices"
	"time"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/route"
)

// routes are the trees a reader may use and the credit it has at writers.
type routes struct {
	all    []*weighted
	credit map[route.Gateway]int64 // that may be outstanding
	spent  map[route.Gateway]int64 // that is, also on routes which all no longer has
}

type weighted struct {
	control.Route
	outstanding int64     // bytes sent and not yet acknowledged
	resting     time.Time // until when it is avoided, after a failure on it
}

// way is a route as one chunk follows it: pruned to the chunk's destinations,
// with the credit taken.
type way struct {
	from    *routes
	route   *weighted
	tree    route.Node
	writers []route.Writer
}

func newRoutes(rs []control.Route, credit map[route.Gateway]int64) *routes {
	x := &routes{spent: map[route.Gateway]int64{}}
	x.replace(rs, credit)
	return x
}

// replace sets new routes and credit. What is outstanding stays charged.
func (x *routes) replace(rs []control.Route, credit map[route.Gateway]int64) {
	x.all, x.credit = nil, maps.Clone(credit)
	for _, r := range rs {
		x.all = append(x.all, &weighted{Route: r})
	}
}

type choice int

const (
	found choice = iota
	noCredit
	noRoute
)

// restAfterFailure is how long a route on which a chunk failed gets nothing
// while another is there.
const restAfterFailure = 5 * time.Second

// minCharge bounds how many tiny chunks a writer has outstanding: each costs
// it a stream and a buffer, whatever its length.
const minCharge = 64 << 10

func charge(a *control.Assignment) int64 { return max(a.Range.Length, minCharge) }

// choose finds the way on which the chunk is through first. Routes that it is
// to avoid, or that rest, come second.
func (x *routes) choose(a *control.Assignment, now time.Time) (*way, choice) {
	wanted := make([]route.Dest, len(a.Dests))
	for i, d := range a.Dests {
		wanted[i] = d.Number
	}
	var best *way
	var bestCost float64
	bestAvoided := true
	state := noRoute
	waiting := false // for credit, on a route that is not to be avoided
	for _, r := range x.all {
		tree, ok := r.Tree.Prune(wanted)
		if !ok || len(tree.Dests()) != len(wanted) {
			continue
		}
		w := &way{from: x, route: r, tree: tree, writers: tree.Writers()}
		avoided := slices.Contains(a.Avoid, r.ID) || now.Before(r.resting)
		if state == noRoute {
			state = noCredit
		}
		if !x.affords(w, a) {
			waiting = waiting || !avoided
			continue
		}
		cost := float64(r.outstanding+charge(a)) / max(r.Weight, 1e-6)
		if best == nil || (!avoided && bestAvoided) || (avoided == bestAvoided && cost < bestCost) {
			best, bestCost, bestAvoided = w, cost, avoided
		}
	}
	if best == nil || (bestAvoided && waiting) {
		return nil, state
	}
	best.route.outstanding += charge(a)
	for _, writer := range best.writers {
		x.spent[writer.Gateway] += charge(a)
	}
	return best, found
}

// affords tells whether there is credit at every writer. A writer whose whole
// credit is less than the chunk gets it alone.
func (x *routes) affords(w *way, a *control.Assignment) bool {
	for _, writer := range w.writers {
		if spent := x.spent[writer.Gateway]; spent > 0 && spent+charge(a) > x.credit[writer.Gateway] {
			return false
		}
	}
	return true
}

// finished gives back what choose took. A failure between gateways rests the
// route.
func (w *way) finished(a *control.Assignment, results []control.Result, now time.Time) {
	w.route.outstanding -= charge(a)
	for _, writer := range w.writers {
		if w.from.spent[writer.Gateway] -= charge(a); w.from.spent[writer.Gateway] == 0 {
			delete(w.from.spent, writer.Gateway)
		}
	}
	for _, r := range results {
		if r.Failure != nil && r.Failure.Stage == control.StageRoute {
			w.route.resting = now.Add(restAfterFailure)
		}
	}
}
