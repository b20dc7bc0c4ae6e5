package link

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
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
	err     error         // why there was no connection last time, nil once there is one
	gone    bool
}

// SetPeers makes peers the whole set of them: new ones are dialed, changed and
// missing ones are closed, and with them the streams opened towards them.
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
			for _, c := range e.accepted[name] { // it may have dialed before we knew it
				p.add(c)
			}
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

// accept notes a connection that the peer dialed. It serves for streams
// towards the peer if the peer has no address.
func (e *Endpoint) accept(name route.Gateway, c *connection) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.accepted[name] = append(e.accepted[name], c)
	if p := e.peers[name]; p != nil && p.cfg.Address == "" {
		p.add(c)
	}
}

// forget undoes accept when the connection has ended.
func (e *Endpoint) forget(name route.Gateway, c *connection) {
	e.mu.Lock()
	defer e.mu.Unlock()
	left := slices.DeleteFunc(e.accepted[name], func(x *connection) bool { return x == c })
	if e.accepted[name] = left; len(left) == 0 {
		delete(e.accepted, name)
	}
	if p := e.peers[name]; p != nil {
		p.remove(c)
	}
}

// lasted is how long a connection lives that is worth replacing at once. One
// that a peer refuses ends right after its handshake.
const lasted = 5 * time.Second

// keep keeps one connection to the peer open until ctx ends.
func (e *Endpoint) keep(ctx context.Context, p *peer) {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = 100*time.Millisecond, 3*time.Second
	for ctx.Err() == nil {
		start := time.Now()
		connected, err := e.dial(ctx, p)
		if ctx.Err() == nil {
			p.failed(err)
			e.cfg.Log.Debug("no connection", "peer", p.name, "error", err)
		}
		if connected && time.Since(start) > lasted {
			pause.Reset()
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause.NextBackOff()):
		}
	}
}

// dial opens a connection, adds it to the pool, and serves it to its end. It
// returns whether there was one and why there is none any more.
func (e *Endpoint) dial(ctx context.Context, p *peer) (connected bool, _ error) {
	addr, err := resolve(ctx, p.cfg.Address)
	if err != nil {
		return false, fmt.Errorf("address of %s: %w", p.name, err)
	}
	socket, err := e.cfg.Socket()
	if err != nil {
		return false, fmt.Errorf("socket for %s: %w", p.name, err)
	}
	tr := &quic.Transport{Conn: socket}
	defer e.closeSocket(tr, socket)
	tlsConfig := e.cfg.Client(p.name).Clone()
	tlsConfig.NextProtos = []string{wire.ALPN}
	conn, err := tr.Dial(ctx, addr, tlsConfig, e.quic)
	if err != nil {
		return false, fmt.Errorf("connect to %s at %s: %w", p.name, p.cfg.Address, err)
	}
	stop := context.AfterFunc(ctx, func() { conn.CloseWithError(codeDone, "") })
	defer stop()
	c := &connection{quic: conn}
	p.add(c)
	defer p.remove(c)
	e.serveStreams(p.name, c)
	return true, fmt.Errorf("the connection to %s ended: %w", p.name, context.Cause(conn.Context()))
}

// resolve is net.ResolveUDPAddr with a context.
func resolve(ctx context.Context, address string) (*net.UDPAddr, error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := net.DefaultResolver.LookupPort(ctx, "udp", service)
	if err != nil {
		return nil, err
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	return net.UDPAddrFromAddrPort(netip.AddrPortFrom(ips[0].Unmap(), uint16(port))), nil
}

// Open opens a stream to the peer on the connection with the fewest. It waits
// for the first connection while that is being made; a peer to which there is
// no connection any more fails at once, until there is one again.
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

// pick returns the live connection with the fewest streams, one more counted
// for the caller; or a channel to wait on while the first dial is under way;
// or why there is no connection.
func (p *peer) pick() (*connection, <-chan struct{}, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.conns) - 1; i >= 0; i-- {
		if c := p.conns[i]; c.quic.Context().Err() != nil {
			p.drop(c)
		}
	}
	var best *connection
	for _, c := range p.conns {
		if best == nil || c.streams.Load() < best.streams.Load() {
			best = c
		}
	}
	switch {
	case best != nil:
		best.streams.Add(1)
		return best, nil, nil
	case p.gone:
		return nil, nil, fmt.Errorf("gateway %s is no longer a peer", p.name)
	case p.err != nil:
		return nil, nil, p.err
	}
	return nil, p.changed, nil
}

func (p *peer) add(c *connection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, c)
	p.err = nil
	p.wake()
}

func (p *peer) remove(c *connection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(c)
}

// drop takes a connection out of the pool. The caller holds mu.
func (p *peer) drop(c *connection) {
	i := slices.Index(p.conns, c)
	if i < 0 {
		return
	}
	p.conns = slices.Delete(p.conns, i, i+1)
	if len(p.conns) == 0 {
		cause := cmp.Or(context.Cause(c.quic.Context()), net.ErrClosed)
		p.err = fmt.Errorf("the connection to %s ended: %w", p.name, cause)
	}
	p.wake()
}

func (p *peer) failed(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.conns) == 0 {
		p.err = err
	}
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
