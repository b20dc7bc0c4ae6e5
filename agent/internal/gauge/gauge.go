// Package gauge counts what passes through an agent and how long its chunks
// wait for what.
//
// Nothing is counted twice: a chunk waits for one thing at a time at each
// agent, so the resource that most of them wait for is the one that holds the
// agent back. Counting costs two readings of the clock a frame, and nothing
// grows with the number of chunks.
package gauge

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/route"
)

// Gauge is the counters of one agent.
type Gauge struct {
	Read, Write, Memory, Limit Wait

	mu      sync.Mutex
	peers   map[route.Gateway]*peer
	credit  map[route.Gateway]*Wait
	starved *Wait // the one of credit that is waited for now
	routes  map[int]control.RouteStats
	stores  map[operation]*latency
}

// peer is what passes between this agent and another.
type peer struct {
	in, out             atomic.Int64 // bytes, frames included
	chunksIn, chunksOut atomic.Int64
	send, ack, receive  Wait
}

// New returns counters that stand at zero.
func New() *Gauge {
	return &Gauge{peers: map[route.Gateway]*peer{}, credit: map[route.Gateway]*Wait{},
		routes: map[int]control.RouteStats{}, stores: map[operation]*latency{}}
}

func (g *Gauge) peer(name route.Gateway) *peer {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.peers[name]
	if p == nil {
		p = &peer{}
		g.peers[name] = p
	}
	return p
}

// Starved says that the next chunk waits for credit at a writer; at "" it does
// not, or not any more.
func (g *Gauge) Starved(writer route.Gateway) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var next *Wait
	if writer != "" {
		if next = g.credit[writer]; next == nil {
			next = &Wait{}
			g.credit[writer] = next
		}
	}
	if next == g.starved {
		return
	}
	if g.starved != nil {
		g.starved.End()
	}
	if g.starved = next; next != nil {
		next.Begin()
	}
}

// Results counts what became of a chunk on its route.
func (g *Gauge) Results(rs []control.Result) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, r := range rs {
		if r.Route < 0 {
			continue
		}
		s := g.routes[r.Route]
		if s.ID = r.Route; r.Failure != nil {
			s.Failed++
		} else {
			s.Chunks++
			s.Bytes += r.Bytes
		}
		g.routes[r.Route] = s
	}
}

// Peers are the counters by peer, without what a transport knows.
func (g *Gauge) Peers() map[route.Gateway]control.PeerStats {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := map[route.Gateway]control.PeerStats{}
	for name, p := range g.peers {
		all[name] = control.PeerStats{Name: name, BytesIn: p.in.Load(), BytesOut: p.out.Load(),
			ChunksIn: p.chunksIn.Load(), ChunksOut: p.chunksOut.Load()}
	}
	return all
}

// Routes are the counters by route.
func (g *Gauge) Routes() []control.RouteStats {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.SortedFunc(maps.Values(g.routes), func(a, b control.RouteStats) int { return cmp.Compare(a.ID, b.ID) })
}

// waits are the totals of all that anybody has ever waited for.
func (g *Gauge) waits() []control.Wait {
	g.mu.Lock()
	defer g.mu.Unlock()
	var all []control.Wait
	add := func(on control.Resource, at route.Gateway, w *Wait) {
		if total := w.Total(); total > 0 {
			all = append(all, control.Wait{On: on, Gateway: at, Seconds: total.Seconds()})
		}
	}
	add(control.ResourceRead, "", &g.Read)
	add(control.ResourceWrite, "", &g.Write)
	add(control.ResourceMemory, "", &g.Memory)
	add(control.ResourceLimit, "", &g.Limit)
	for _, name := range slices.Sorted(maps.Keys(g.credit)) {
		add(control.ResourceCredit, name, g.credit[name])
	}
	for _, name := range slices.Sorted(maps.Keys(g.peers)) {
		p := g.peers[name]
		add(control.ResourceSend, name, &p.send)
		add(control.ResourceAck, name, &p.ack)
		add(control.ResourceReceive, name, &p.receive)
	}
	return all
}
