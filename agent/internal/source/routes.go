package source

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/route"
)

// routes are the trees a reader may use and the credit it has at writers.
type routes struct {
	all     []*weighted
	credit  map[route.Gateway]int64     // that may be outstanding
	spent   map[route.Gateway]int64     // that is, also on routes which all no longer has
	carries func(route.Gateway) float64 // as in Config
}

type weighted struct {
	control.Route
	pace    pace
	unsent  int64     // bytes of chunks that chose it and were not sent yet
	sending int       // chunks of which some are
	widest  int       // most chunks at once that its connections are for
	turns   turns     // at these, where one carries one payload at a time
	resting time.Time // until when it is avoided, after a failure on it
}

// way is a route as one chunk follows it: pruned to the chunk's destinations,
// with the credit taken.
type way struct {
	from    *routes
	route   *weighted
	tree    route.Node
	writers []route.Writer
	unsent  int64 // bytes of the chunk
	sent    bool  // all of it, or as much as there will be
	turn    bool  // it has one
}

func newRoutes(rs []control.Route, credit map[route.Gateway]int64) *routes {
	x := &routes{spent: map[route.Gateway]int64{}}
	x.replace(rs, credit, nil)
	return x
}

// replace sets new routes and credit. What is outstanding stays charged.
func (x *routes) replace(rs []control.Route, credit map[route.Gateway]int64, peers map[route.Gateway]control.Peer) {
	x.all, x.credit = nil, maps.Clone(credit)
	for _, r := range rs {
		w := &weighted{Route: r, pace: pace{planned: r.Weight * 1e9 / 8}, widest: widest(r.Tree.Children, peers)}
		w.turns.needed = len(r.Tree.Children) > 0
		for _, child := range r.Tree.Children {
			w.turns.needed = w.turns.needed && peers[child.Gateway].Transport == control.TransportTLS
		}
		x.all = append(x.all, w)
	}
}

// widest is the most connections by which one of the first gateways is reached.
// A chunk that goes several ways at once has a connection of each for as long as
// the slowest takes, and over TLS nobody else has it meanwhile: half of them are
// left to routes that have only that way.
func widest(first []route.Node, peers map[route.Gateway]control.Peer) int {
	n, most := 1, math.MaxInt
	for _, child := range first {
		p := peers[child.Gateway]
		n = max(n, p.Connections)
		if p.Transport == control.TransportTLS && len(first) > 1 {
			most = min(most, max(1, p.Connections/2))
		}
	}
	return min(n, most)
}

// width is how many chunks a route needs at once to get its planned rate. Over
// QUIC that is one a connection: each loss costs a connection half of its rate,
// and only their number makes up for it. Over TLS it is as many connections as
// are needed by what one carries, and no more: see turns.
func (r *weighted) width() int {
	if !r.turns.needed || r.turns.each <= 0 {
		return r.widest
	}
	return max(1, min(r.widest, int(math.Ceil(r.pace.most()/r.turns.each))))
}

type choice int

const (
	found choice = iota
	wait         // for credit, or for a route that has enough to send
	noRoute
)

// restAfterFailure is how long a route on which a chunk failed gets nothing
// while another is there.
const restAfterFailure = 5 * time.Second

// minCharge bounds how many tiny chunks a writer has outstanding: each costs
// it a stream and a buffer, whatever its length.
const minCharge = 64 << 10

func charge(a *control.Assignment) int64 { return max(a.Range.Length, minCharge) }

// ahead is how much a route is given before it has sent the rest, in seconds
// of its pace. What a route has begun it keeps, however slow it turns out to be;
// with less it might run dry before the next chunk is read.
const ahead = 0.5

// choose finds the way on which the chunk is through first, where behind bytes
// wait for a way after it. Routes that it is to avoid, or that rest, come
// second.
//
// A slower route gets the chunk too, when the faster ones have enough to send,
// unless it would be the last to be done: near the end it is quicker to wait
// for a fast one.
func (x *routes) choose(a *control.Assignment, behind int64, now time.Time) (*way, choice) {
	ways := x.ways(a, now)
	if len(ways) == 0 {
		return nil, noRoute
	}
	length := float64(a.Range.Length)
	done := func(w *way) float64 { return (float64(w.route.unsent) + length) / w.route.pace.expected() }
	var rate float64
	left := length + float64(behind)
	soonest := math.Inf(1)
	for _, w := range ways {
		w.route.turns.ask(w.route.Tree.Children, x.carries, now)
		rate += w.route.pace.expected()
		left += float64(w.route.unsent)
		soonest = min(soonest, done(w))
	}
	last := max(soonest, left/rate) // when all is sent, if nobody waits for anybody
	var best *way
	for _, w := range ways {
		if w.route.hasRoom() && x.affords(w, a) && done(w) <= last && (best == nil || done(w) < done(best)) {
			best = w
		}
	}
	if best == nil {
		return nil, wait
	}
	x.take(best, a, now)
	return best, found
}

// ways are those to all of the chunk's destinations: the ones that are to be
// avoided only if there is no other.
func (x *routes) ways(a *control.Assignment, now time.Time) []*way {
	wanted := make([]route.Dest, len(a.Dests))
	for i, d := range a.Dests {
		wanted[i] = d.Number
	}
	var good, avoided []*way
	for _, r := range x.all {
		tree, ok := r.Tree.Prune(wanted)
		if !ok || len(tree.Dests()) != len(wanted) {
			continue
		}
		w := &way{from: x, route: r, tree: tree, writers: tree.Writers()}
		if slices.Contains(a.Avoid, r.ID) || now.Before(r.resting) {
			avoided = append(avoided, w)
		} else {
			good = append(good, w)
		}
	}
	if len(good) == 0 {
		return avoided
	}
	return good
}

// sooner tells whether the chunk, of which nothing was sent on its way, would be
// through sooner on another.
func (x *routes) sooner(a *control.Assignment, w *way, now time.Time) bool {
	mine := float64(w.route.unsent) / w.route.pace.expected()
	return slices.ContainsFunc(x.ways(a, now), func(other *way) bool {
		return other.route != w.route && float64(other.route.unsent+w.unsent)/other.route.pace.expected() < mine
	})
}

// hasRoom tells whether the route takes one more chunk to send.
func (r *weighted) hasRoom() bool {
	return r.sending < r.width() || float64(r.unsent) < ahead*r.pace.most()
}

// take charges the way with the chunk.
func (x *routes) take(w *way, a *control.Assignment, now time.Time) {
	w.route.pace.begin(now)
	w.route.sending++
	w.unsent = a.Range.Length
	w.route.unsent += w.unsent
	for _, writer := range w.writers {
		x.spent[writer.Gateway] += charge(a)
	}
}

// affords tells whether there is credit at every writer. A writer whose whole
// credit is less than the chunk gets it alone.
func (x *routes) affords(w *way, a *control.Assignment) bool {
	for _, writer := range w.writers {
		if spent := x.spent[writer.Gateway]; spent > 0 && spent+w.parts(writer.Gateway)*charge(a) > x.credit[writer.Gateway] {
			return false
		}
	}
	return true
}

// parts is how many destinations the gateway writes: it holds the chunk once for
// each.
func (w *way) parts(gateway route.Gateway) (n int64) {
	for _, writer := range w.writers {
		if writer.Gateway == gateway {
			n++
		}
	}
	return n
}

// sends notes that the route took bytes of the chunk.
func (w *way) sends(bytes int64, now time.Time) {
	bytes = min(bytes, w.unsent)
	w.unsent -= bytes
	w.route.unsent -= bytes
	w.route.pace.took(bytes, now)
}

// hasSent notes that no more of the chunk will be sent.
func (w *way) hasSent() {
	if w.sent {
		return
	}
	w.sent = true
	if w.turn {
		w.route.turns.end(w.route.width())
	}
	w.route.unsent -= w.unsent
	if w.route.sending--; w.route.sending == 0 {
		w.route.pace.rest()
	}
}

// finished gives back what choose took. A failure between gateways rests the
// route.
func (w *way) finished(a *control.Assignment, results []control.Result, now time.Time) {
	w.hasSent()
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
