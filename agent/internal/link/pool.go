package link

import (
	"cmp"
	"context"
	"fmt"
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
	waiting []chan turn // whoever waits for a connection, the longest first
	err     error       // why there was no connection last time, nil once there is one
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

// take returns the live connection with the fewest streams, one more counted
// for the caller, who calls give when it has room again. It waits while the
// first dials are under way, and while all connections are busy, as long as
// they get on.
func (p *peer) take(ctx context.Context) (*connection, error) {
	p.mu.Lock()
	if len(p.waiting) == 0 {
		if t := p.next(); t != (turn{}) {
			p.mu.Unlock()
			return t.c, t.err
		}
	}
	mine := make(chan turn, 1)
	p.waiting = append(p.waiting, mine)
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
		p.waiting = slices.DeleteFunc(p.waiting, func(x chan turn) bool { return x == mine })
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

// next is what the next in turn gets; the zero turn means to wait. The caller
// holds mu.
func (p *peer) next() turn {
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
	case best != nil:
		best.active++
		return turn{c: best}
	case p.gone:
		return turn{err: fmt.Errorf("gateway %s is no longer a peer", p.name)}
	case len(p.conns) == 0 && p.err != nil:
		return turn{err: p.err}
	}
	return turn{}
}

// serve gives those who wait their turns, as far as there are any. The caller
// holds mu.
func (p *peer) serve() {
	for len(p.waiting) > 0 {
		t := p.next()
		if t == (turn{}) {
			return
		}
		p.waiting[0] <- t
		p.waiting = slices.Delete(p.waiting, 0, 1)
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
