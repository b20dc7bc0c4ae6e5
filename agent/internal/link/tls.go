package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/skyctl/skyctl/agent/wire"
)

// ListenTCP serves TLS connections on ln until the endpoint is closed, which
// closes ln too: ALPN decides whether one carries chunks or is for ServeHTTP.
func (e *Endpoint) ListenTCP(ln net.Listener) {
	stop := context.AfterFunc(e.ctx, func() { ln.Close() })
	e.wg.Go(func() {
		defer stop()
		for {
			raw, err := ln.Accept()
			switch {
			case e.ctx.Err() != nil:
				return
			case errors.Is(err, net.ErrClosed):
				e.cfg.Log.Error("the TCP port was closed", "error", err)
				return
			case err != nil: // out of file descriptors, or the peer left already
				e.cfg.Log.Warn("accept a TCP connection", "error", err)
				select {
				case <-time.After(acceptPause):
				case <-e.ctx.Done():
				}
				continue
			}
			if !e.admit() {
				raw.Close()
				continue
			}
			e.wg.Go(func() { e.serveTCP(&tcpConn{Conn: raw, closed: e.leave}) })
		}
	})
}

// acceptPause is how long a port that cannot accept waits before it tries
// again.
const acceptPause = 100 * time.Millisecond

// serveTCP serves an accepted connection, or hands it to ServeHTTP.
func (e *Endpoint) serveTCP(raw *tcpConn) {
	c := tls.Server(raw, e.cfg.ServerTCP)
	if err := e.handshake(e.ctx, c); err != nil {
		e.cfg.Log.Debug("a TLS handshake failed", "remote", raw.RemoteAddr(), "error", err)
		raw.Close()
		return
	}
	state := c.ConnectionState()
	if state.NegotiatedProtocol != wire.ALPN && e.cfg.ServeHTTP != nil {
		e.cfg.ServeHTTP(c)
		return
	}
	accepted := newTLSConn(raw, c)
	defer accepted.close(codeDone, "")
	e.serveAccepted(accepted, state, raw.RemoteAddr())
}

func (e *Endpoint) handshake(ctx context.Context, c *tls.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	return c.HandshakeContext(ctx)
}

// dialTLS connects to the peer. release is called when the connection has
// ended.
func (e *Endpoint) dialTLS(ctx context.Context, p *peer) (_ conn, release func(), _ error) {
	dialing, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	dialed, err := e.cfg.DialTCP(dialing, p.cfg.Address)
	if err != nil {
		return nil, nil, err
	}
	raw := &tcpConn{Conn: dialed}
	config := e.clientTLS(p.name)
	config.DynamicRecordSizingDisabled = true // for throughput, not for a browser's first byte
	c := tls.Client(raw, config)
	if err := e.handshake(ctx, c); err != nil {
		return nil, nil, errors.Join(explainTLS(err), raw.Close())
	}
	dialedConn := newTLSConn(raw, c)
	return dialedConn, func() { dialedConn.close(codeDone, "") }, nil
}

// noApplicationProtocol is the alert by which a peer refuses every ALPN it is
// offered.
const noApplicationProtocol = tls.AlertError(120)

// explainTLS says of a failed handshake what is not plain from its error.
func explainTLS(err error) error {
	var alert tls.AlertError
	op := (*net.OpError)(nil)
	if errors.As(err, &alert) && alert == noApplicationProtocol ||
		errors.As(err, &op) && op.Err.Error() == noApplicationProtocol.Error() {
		return fmt.Errorf("%w: %w", errVersion, err)
	}
	return err
}
