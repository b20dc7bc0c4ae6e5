package link

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/skyctl/skyctl/agent/route"
)

// Peer says how to reach another agent.
type Peer struct {
	Address     string // host:port; empty: it dials
	Connections int    // to keep open towards it
	Transport   Transport
	Fallback    bool // from QUIC to TLS, for connections that UDP does not carry
}

// connection is one connection in a pool.
type connection struct {
	conn
	active int  // streams opened by this side that keep others waiting; guarded by the pool
	height int  // of the latest of them; guarded by the pool
	path   Path // as it was measured last; guarded by the pool
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
		p := &peer{name: name, cfg: cfg, cancel: cancel}
		e.peers[name] = p
		if cfg.Address == "" {
			for _, c := range e.accepted[name] { // it may have dialed before we knew it
				p.add(c)
			}
			continue
		}
		e.cfg.Log.Info("connecting", "peer", name, "address", cfg.Address, "connections", cfg.Connections, "transport", cmp.Or(cfg.Transport, QUIC))
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

// refusedPause is the longest pause before a port is dialed again on which
// nobody listened: that costs nobody anything, and an agent that takes another's
// place may be there any moment.
const refusedPause = time.Second

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
		wait := pause.NextBackOff()
		if errors.Is(err, syscall.ECONNREFUSED) {
			wait = min(wait, refusedPause)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// dial opens a connection, adds it to the pool, and serves it to its end. It
// returns whether there was one and why there is none any more.
func (e *Endpoint) dial(ctx context.Context, p *peer) (connected bool, _ error) {
	dialed, release, err := e.connect(ctx, p)
	if err != nil {
		return false, err
	}
	defer release()
	stop := context.AfterFunc(ctx, func() { dialed.close(codeDone, "") })
	defer stop()
	c := &connection{conn: dialed}
	p.add(c)
	defer p.remove(c)
	e.serveStreams(p.name, c)
	dialed.close(codeDone, "") // it has ended; its streams did so a moment before it says why
	<-dialed.Context().Done()
	return true, ended(p.name, context.Cause(dialed.Context()))
}

// connect opens a connection over the peer's transport. release is to be
// called when it has ended.
func (e *Endpoint) connect(ctx context.Context, p *peer) (c conn, release func(), err error) {
	switch {
	case p.cfg.Transport == TLS:
		c, release, err = e.dialTLS(ctx, p)
	case p.cfg.Fallback:
		c, release, err = e.dialEither(ctx, p)
	default:
		c, release, err = e.dialQUIC(ctx, p)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("connect to %s at %s: %w", p.name, p.cfg.Address, err)
	}
	return c, release, nil
}

// resolve finds the address of host:port.
func resolve(ctx context.Context, network, address string) (netip.AddrPort, error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return netip.AddrPort{}, err
	}
	port, err := net.DefaultResolver.LookupPort(ctx, network, service)
	if err != nil {
		return netip.AddrPort{}, err
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return netip.AddrPortFrom(ips[0].Unmap(), uint16(port)), nil
}

// Open opens a stream to the peer on the connection that has the fewest. It
// waits for the first connection while that is being made, and for its turn
// where all are busy and get on; a peer to which there is no connection any
// more fails at once, until there is one again. leg says for what.
func (e *Endpoint) Open(ctx context.Context, name route.Gateway, leg Leg) (Stream, error) {
	p := e.peer(name)
	if p == nil {
		return nil, fmt.Errorf("gateway %q is not a peer of this one", name)
	}
	for {
		c, err := p.take(ctx, leg)
		if err != nil {
			return nil, err
		}
		s, err := c.open(ctx, func() { p.give(c) })
		if err == nil {
			return s, nil
		}
		p.give(c)
		if c.Context().Err() == nil || ctx.Err() != nil {
			return nil, fmt.Errorf("open a stream to %s: %w", name, err)
		}
		p.remove(c) // it died since it was picked: take another
	}
}
