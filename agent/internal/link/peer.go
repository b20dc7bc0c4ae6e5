package link

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/quic-go/quic-go"

	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/agent/wire"
)

// Peer says how to reach another agent.
type Peer struct {
	Address     string // host:port; empty: it dials
	Connections int    // to keep open towards it
}

// connection is one QUIC connection; streams counts those this side opened.
type connection struct {
	quic    *quic.Conn
	streams atomic.Int64
}

// peer is the pool of connections to one agent.
type peer struct {
	name   route.Gateway
	cfg    Peer
	cancel context.CancelFunc

	mu      sync.Mutex
	conns   []*connection
	changed chan struct{} // closed and replaced when conns or err changes
	err     error         // of the last dial, nil once one succeeded
	gone    bool
}

// SetPeers makes peers the whole set of them: new ones are dialed, changed and
// missing ones are closed.
func (e *Endpoint) SetPeers(peers map[route.Gateway]Peer) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for name, p := range e.peers {
		if cfg, ok := peers[name]; !ok || cfg != p.cfg {
			p.close()
			delete(e.peers, name)
		}
	}
	if e.closed {
		return
	}
	for name, cfg := range peers {
		if e.peers[name] != nil {
			continue
		}
		ctx, cancel := context.WithCancel(e.ctx)
		p := &peer{name: name, cfg: cfg, cancel: cancel, changed: make(chan struct{})}
		e.peers[name] = p
		if cfg.Address == "" {
			continue
		}
		for range cfg.Connections {
			e.wg.Go(func() { e.keep(ctx, p) })
		}
	}
}

func (e *Endpoint) peer(name route.Gateway) *peer {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.peers[name]
}

// keep keeps one connection to the peer open until ctx ends.
func (e *Endpoint) keep(ctx context.Context, p *peer) {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = 100*time.Millisecond, 3*time.Second
	for ctx.Err() == nil {
		if err := e.dial(ctx, p, pause.Reset); err != nil {
			p.failed(err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause.NextBackOff()):
		}
	}
}

// dial opens a connection, adds it to the pool, and serves it to its end.
func (e *Endpoint) dial(ctx context.Context, p *peer, connected func()) error {
	addr, err := net.ResolveUDPAddr("udp", p.cfg.Address)
	if err != nil {
		return fmt.Errorf("address of %s: %w", p.name, err)
	}
	socket, err := e.cfg.Socket()
	if err != nil {
		return fmt.Errorf("socket for %s: %w", p.name, err)
	}
	tr := &quic.Transport{Conn: socket}
	defer e.closeSocket(tr, socket)
	tlsConfig := e.cfg.Client(p.name).Clone()
	tlsConfig.NextProtos = []string{wire.ALPN}
	conn, err := tr.Dial(ctx, addr, tlsConfig, e.quic)
	if err != nil {
		return fmt.Errorf("connect to %s at %s: %w", p.name, p.cfg.Address, err)
	}
	connected()
	stop := context.AfterFunc(ctx, func() { conn.CloseWithError(codeDone, "") })
	defer stop()
	c := &connection{quic: conn}
	if !p.add(c) {
		return conn.CloseWithError(codeDone, "")
	}
	defer p.remove(c)
	e.serveStreams(p.name, c)
	return nil
}

// Open opens a stream to the peer on the connection with the fewest, waiting
// for a connection while the first one is being made.
func (e *Endpoint) Open(ctx context.Context, name route.Gateway) (*Stream, error) {
	p := e.peer(name)
	if p == nil {
		return nil, fmt.Errorf("gateway %q is not a peer of this one", name)
	}
	for {
		c, changed, err := p.pick()
		if err != nil {
			return nil, err
		}
		if c == nil {
			select {
			case <-changed:
				continue
			case <-ctx.Done():
				return nil, fmt.Errorf("no connection to %s: %w", name, ctx.Err())
			}
		}
		c.streams.Add(1)
		s, err := c.quic.OpenStreamSync(ctx)
		if err == nil {
			return &Stream{s: s, conn: c, opened: true}, nil
		}
		c.streams.Add(-1)
		if c.quic.Context().Err() == nil || ctx.Err() != nil {
			return nil, fmt.Errorf("open a stream to %s: %w", name, err)
		}
		p.remove(c) // it died since it was picked: take another
	}
}

// pick returns the live connection with the fewest streams; none and a channel
// to wait on while the first dial is under way; or why there is none.
func (p *peer) pick() (*connection, <-chan struct{}, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var best *connection
	for _, c := range p.conns {
		if c.quic.Context().Err() != nil {
			continue
		}
		if best == nil || c.streams.Load() < best.streams.Load() {
			best = c
		}
	}
	switch {
	case best != nil:
		return best, nil, nil
	case p.gone:
		return nil, nil, fmt.Errorf("gateway %s is no longer a peer", p.name)
	case p.err != nil:
		return nil, nil, p.err
	}
	return nil, p.changed, nil
}

func (p *peer) add(c *connection) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		return false
	}
	p.conns = append(p.conns, c)
	p.err = nil
	p.wake()
	return true
}

// accept adds a connection that the peer dialed, if streams towards the peer
// have to use such.
func (p *peer) accept(c *connection) bool {
	return p.cfg.Address == "" && p.add(c)
}

func (p *peer) remove(c *connection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, x := range p.conns {
		if x == c {
			p.conns = append(p.conns[:i], p.conns[i+1:]...)
			p.wake()
			return
		}
	}
}

func (p *peer) failed(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
	p.wake()
}

func (p *peer) close() {
	p.cancel()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
	p.wake()
}

// wake tells all waiters that something changed. The caller holds mu.
func (p *peer) wake() {
	close(p.changed)
	p.changed = make(chan struct{})
}
