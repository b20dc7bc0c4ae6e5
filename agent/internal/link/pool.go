package link

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/skyctl/skyctl/agent/route"
)

// peer is the pool of connections to one agent.
type peer struct {
	name   route.Gateway
	cfg    Peer
	cancel context.CancelFunc

	mu      sync.Mutex
	conns   []*connection
	waiting []waiter // whoever waits for a connection, the longest first
	heights []int    // to be expected, in order: see spares
	err     error    // why there was no connection last time, nil once there is one
	gone    bool
	past    Path // packets of connections that have ended

	dialed  int         // how many dials have succeeded or failed
	settled bool        // that was all of them, or gatherWithin has passed
	gather  *time.Timer // until then; nil: there was no connection yet
}

// gatherWithin is how long the first connection waits for the others before
// streams open: they come within a round trip of each other unless a packet is
// lost. Whatever waited would go over the first alone.
const gatherWithin = 500 * time.Millisecond

// turn is what a waiter gets: a connection with one more stream counted for
// it, or why there will be none.
type turn struct {
	c   *connection
	err error
}

// Leg is where on its route a payload wants a connection.
type Leg struct {
	Height  int  // how many gateways follow one another from here on, at most
	Relayed bool // it has a connection, and keeps it while it waits
}

// waiter waits for its turn.
type waiter struct {
	height int
	turn   chan turn
}

// take returns the live connection with the fewest streams, one more counted
// for the caller, who calls give when it has room again. It waits while the
// first dials are under way, and while all connections are busy, as long as
// they get on.
func (p *peer) take(ctx context.Context, leg Leg) (*connection, error) {
	height := leg.Height
	p.mu.Lock()
	p.expect(leg)
	if len(p.waiting) == 0 {
		if t := p.next(height); t != (turn{}) {
			p.mu.Unlock()
			return t.c, t.err
		}
	}
	mine := make(chan turn, 1)
	p.waiting = append(p.waiting, waiter{height, mine})
	p.serve() // those who wait before this one may be served, too
	moved := p.moved()
	p.mu.Unlock()

	stalled := time.NewTimer(stalledAfter)
	defer stalled.Stop()
	for {
		var err error
		select {
		case t := <-mine:
			return t.c, t.err
		case <-ctx.Done():
			err = fmt.Errorf("no connection to %s: %w", p.name, ctx.Err())
		case <-stalled.C:
			err = fmt.Errorf("stalled: %s took nothing for %v", p.name, stalledAfter)
		}
		p.mu.Lock()
		if now := p.moved(); ctx.Err() == nil && now != moved {
			moved = now
			p.mu.Unlock()
			stalled.Reset(stalledAfter)
			continue
		}
		p.waiting = slices.DeleteFunc(p.waiting, func(w waiter) bool { return w.turn == mine })
		p.mu.Unlock()
		select {
		case t := <-mine: // it came just now
			if t.c != nil {
				p.give(t.c)
			}
		default:
		}
		return nil, err
	}
}

// moved is how many bytes the connections have sent: that it grows is the sign
// that the pool gets on. The caller holds mu.
func (p *peer) moved() (sum int64) {
	for _, c := range p.conns {
		sum += c.moved()
	}
	return sum
}

// next is what one of that height gets; the zero turn means to wait. The caller
// holds mu.
func (p *peer) next(height int) turn {
	for i := len(p.conns) - 1; i >= 0; i-- {
		if c := p.conns[i]; c.Context().Err() != nil {
			p.drop(c)
		}
	}
	if len(p.conns) > 0 && !p.settled {
		return turn{}
	}
	var best *connection
	for _, c := range p.conns {
		if c.active < c.atOnce() && (best == nil || c.active < best.active) {
			best = c
		}
	}
	switch {
	case best != nil && (best.atOnce() > 1 || p.spares(height)):
		best.active++
		best.height = height
		return turn{c: best}
	case p.gone:
		return turn{err: fmt.Errorf("gateway %s is no longer a peer", p.name)}
	case len(p.conns) == 0 && p.err != nil:
		return turn{err: p.err}
	}
	return turn{}
}

// expect notes the heights that may want a connection. Where payloads are
// relayed, lower ones may come that way too, and it is too late for them when the
// connections have gone to higher ones. The caller holds mu.
func (p *peer) expect(leg Leg) {
	lowest := leg.Height
	if leg.Relayed {
		lowest = 1
	}
	for h := lowest; h <= leg.Height; h++ {
		if i, ok := slices.BinarySearch(p.heights, h); !ok {
			p.heights = slices.Insert(p.heights, i, h)
		}
	}
}

// spares tells whether one more payload of that height leaves a connection for
// each lower height. Where a connection carries one payload at a time, a payload
// keeps it while it waits for the next: routes that lead around a circle would
// wait for each other. But the heights along a route decrease, and so what waits
// at the lowest always gets on, then what waits for that, and so on. With fewer
// connections than heights there is no help. The caller holds mu.
func (p *peer) spares(height int) bool {
	for i, low := range p.heights {
		if low >= height {
			break
		}
		higher := 1
		for _, c := range p.conns {
			if c.active > 0 && c.height > low {
				higher++
			}
		}
		if higher > max(1, len(p.conns)-(i+1)) {
			return false
		}
	}
	return true
}

// serve gives those who wait their turns, as far as there are any. The caller
// holds mu.
func (p *peer) serve() {
	refused := math.MaxInt // what waits at that height, or higher, has no turn now
	for i := 0; i < len(p.waiting) && refused > p.heights[0]; {
		w, t := p.waiting[i], turn{}
		if w.height < refused {
			if t = p.next(w.height); t == (turn{}) {
				refused = w.height
			}
		}
		if t == (turn{}) {
			i++
			continue
		}
		w.turn <- t
		p.waiting = slices.Delete(p.waiting, i, i+1)
	}
}

// give says that the connection has room for one more stream.
func (p *peer) give(c *connection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.active--
	p.serve()
}

func (p *peer) add(c *connection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, c)
	p.err = nil
	if p.tried(); !p.settled && p.gather == nil {
		p.gather = time.AfterFunc(gatherWithin, p.settle)
	}
	p.serve()
}

// tried counts a dial that has succeeded or failed. The caller holds mu.
func (p *peer) tried() {
	p.dialed++
	p.settled = p.settled || p.dialed >= p.cfg.Connections
}

// settle lets streams open although connections are missing.
func (p *peer) settle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settled = true
	p.serve()
}

func (p *peer) remove(c *connection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(c)
	p.serve()
}

// drop takes a connection out of the pool. The caller holds mu.
func (p *peer) drop(c *connection) {
	i := slices.Index(p.conns, c)
	if i < 0 {
		return
	}
	p.conns = slices.Delete(p.conns, i, i+1)
	c.look()
	p.past.Sent, p.past.Lost = p.past.Sent+c.path.Sent, p.past.Lost+c.path.Lost
	if len(p.conns) == 0 {
		p.err = ended(p.name, cmp.Or(context.Cause(c.Context()), net.ErrClosed))
	}
}

func (p *peer) failed(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.conns) == 0 {
		p.err = err
	}
	p.tried()
	p.serve()
}

func (p *peer) close() {
	p.cancel()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
	if p.gather != nil {
		p.gather.Stop()
	}
	p.serve()
}
