package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/skyctl/skyctl/agent/internal/udp"
	"github.com/skyctl/skyctl/agent/wire"
)

// Flow control. quic-go's own windows stop at 6 MB a stream, 335 Mbit/s at
// 150 ms. What a connection begins with is charged to nobody, and 64 of them may
// fill before a relay has passed anything on: it is small, and grows where it is
// needed and there is memory.
const (
	streamWindow       = 1 << 20
	maxStreamWindow    = 16 << 20
	connectionWindow   = 2 << 20
	maxConnWindow      = 512 << 20
	maxIncomingStreams = 1024
)

func (e *Endpoint) quicConfig() *quic.Config {
	c := &quic.Config{
		HandshakeIdleTimeout:           handshakeTimeout,
		MaxIdleTimeout:                 idleTimeout,
		KeepAlivePeriod:                keepAlive,
		InitialStreamReceiveWindow:     streamWindow,
		MaxStreamReceiveWindow:         maxStreamWindow,
		InitialConnectionReceiveWindow: connectionWindow,
		MaxConnectionReceiveWindow:     maxConnWindow,
		MaxIncomingStreams:             maxIncomingStreams,
		MaxIncomingUniStreams:          16, // HTTP/3 needs three
	}
	if e.cfg.Window != nil {
		c.AllowConnectionWindowIncrease = func(conn *quic.Conn, delta uint64) bool {
			giveBack, ok := e.cfg.Window(delta)
			if ok {
				context.AfterFunc(conn.Context(), giveBack)
			}
			return ok
		}
	}
	return c
}

// Listen serves connections on the sockets, which share a port, until the
// endpoint is closed. It closes the sockets, also when it fails.
func (e *Endpoint) Listen(sockets ...net.PacketConn) error {
	var listeners []*quicListener
	for _, socket := range sockets {
		// A peer's packets stay with one socket as long as its address and port
		// do. Should they move, another socket takes its tokens.
		tr := &quic.Transport{Conn: socket, TokenGeneratorKey: &e.tokenKey, StatelessResetKey: &e.resetKey,
			ConnContext: e.placeQUIC, VerifySourceAddress: e.crowded}
		ln, err := tr.Listen(e.cfg.Server, e.quic)
		if err != nil {
			err = fmt.Errorf("listen on %v: %w", socket.LocalAddr(), err)
			for _, s := range sockets[len(listeners):] {
				err = errors.Join(err, s.Close())
			}
			for _, l := range listeners {
				e.closeSocket(l.tr, l.socket)
			}
			return err
		}
		listeners = append(listeners, &quicListener{tr, ln, socket})
	}
	for _, l := range listeners { // only now that all are open
		e.wg.Go(func() { e.acceptQUIC(l) })
	}
	return nil
}

// placeQUIC takes a place for a connection before its handshake begins, to its end.
func (e *Endpoint) placeQUIC(ctx context.Context, _ *quic.ClientInfo) (context.Context, error) {
	if !e.admit() {
		return nil, errors.New("too many connections")
	}
	context.AfterFunc(ctx, e.leave)
	return ctx, nil
}

// crowded has whoever dials prove its address, for a round trip more, before it
// takes a place: of those that are left, strangers who name others' addresses get
// none.
func (e *Endpoint) crowded(net.Addr) bool { return len(e.places) >= maxAccepted/2 }

type quicListener struct {
	tr     *quic.Transport
	ln     *quic.Listener
	socket net.PacketConn
}

func (e *Endpoint) acceptQUIC(l *quicListener) {
	defer e.closeSocket(l.tr, l.socket)
	var conns sync.WaitGroup
	defer conns.Wait() // they say goodbye through the socket
	for {
		conn, err := l.ln.Accept(e.ctx)
		if err != nil {
			return // only when the endpoint closes
		}
		conns.Go(func() { e.serveQUIC(conn) })
	}
}

// serveQUIC serves an accepted connection to its end.
func (e *Endpoint) serveQUIC(conn *quic.Conn) {
	state := conn.ConnectionState().TLS
	if state.NegotiatedProtocol == "h3" && e.cfg.ServeHTTP3 != nil {
		if err := e.cfg.ServeHTTP3(e.ctx, conn); err != nil && e.ctx.Err() == nil {
			e.cfg.Log.Debug("control connection ended", "remote", conn.RemoteAddr(), "error", err)
		}
		return
	}
	e.serveAccepted(&quicConn{conn}, state, conn.RemoteAddr())
}

// dialQUIC connects to the peer from a socket of its own. release is called
// when the connection has ended.
func (e *Endpoint) dialQUIC(ctx context.Context, p *peer) (_ conn, release func(), _ error) {
	addr, err := resolve(ctx, "udp", p.cfg.Address)
	if err != nil {
		return nil, nil, fmt.Errorf("address of %s: %w", p.name, err)
	}
	socket, err := e.socket(ctx, addr.String())
	if err != nil {
		return nil, nil, fmt.Errorf("socket for %s: %w", p.name, err)
	}
	conn, end, err := udp.Connect(ctx, socket, net.UDPAddrFromAddrPort(addr), e.clientTLS(p.name), e.quic)
	if err != nil {
		return nil, nil, explainQUIC(err)
	}
	e.checkGSO.Do(func() {
		if !conn.ConnectionState().GSO {
			e.cfg.Log.Warn("the kernel or the network card does no UDP segmentation offload: QUIC costs about three times the processor time", "peer", p.name)
		}
	})
	return &quicConn{conn}, func() { e.told(end()) }, nil
}

// socket opens one for a dialed connection.
func (e *Endpoint) socket(ctx context.Context, address string) (net.PacketConn, error) {
	if e.cfg.Socket != nil {
		return e.cfg.Socket()
	}
	return udp.Dial(ctx, address)
}

func (e *Endpoint) closeSocket(tr *quic.Transport, socket net.PacketConn) {
	e.told(errors.Join(tr.Close(), socket.Close()))
}

// told tells people of a socket that does not close.
func (e *Endpoint) told(err error) {
	if err != nil && !errors.Is(err, net.ErrClosed) {
		e.cfg.Log.Warn("close a socket", "error", err)
	}
}

// quicConn is a connection on which each chunk has a stream.
type quicConn struct{ *quic.Conn }

func (c *quicConn) open(ctx context.Context, finished func()) (Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, stalledAfter)
	defer cancel()
	s, err := c.OpenStreamSync(ctx)
	if err != nil {
		return nil, err
	}
	return newQUICStream(s, c, finished), nil
}

func (c *quicConn) accept(ctx context.Context) (Stream, error) {
	s, err := c.AcceptStream(ctx)
	if err != nil {
		return nil, err
	}
	return newQUICStream(s, c, nil), nil
}

func (c *quicConn) close(code byte, why string) {
	c.CloseWithError(quic.ApplicationErrorCode(code), why)
}

func (c *quicConn) over() Transport { return QUIC }

func (c *quicConn) atOnce() int { return maxIncomingStreams }

func (c *quicConn) moved() int64 { return 0 } // nobody waits long for a stream

func (c *quicConn) measure() (Path, error) {
	s := c.ConnectionStats()
	return Path{RTT: s.SmoothedRTT, Sent: int64(s.PacketsSent), Lost: int64(s.PacketsLost)}, nil
}

// quicStream is a Stream on QUIC.
type quicStream struct {
	*quic.Stream
	conn     *quicConn
	finished func() // nil: the peer opened it, or it was released
	closed   bool   // for writing

	reading, writing alarm
}

func newQUICStream(s *quic.Stream, c *quicConn, finished func()) *quicStream {
	return &quicStream{Stream: s, conn: c, finished: finished,
		reading: alarm{ring: s.SetReadDeadline}, writing: alarm{ring: s.SetWriteDeadline}}
}

func (s *quicStream) SetReadDeadline(t time.Time) error { return s.reading.set(t) }

func (s *quicStream) SetWriteDeadline(t time.Time) error { return s.writing.set(t) }

func (s *quicStream) CloseWrite() error {
	s.closed = true
	return s.Close()
}

func (s *quicStream) WriteLast(p []byte) error {
	if _, err := s.Write(p); err != nil {
		return err
	}
	return s.CloseWrite()
}

func (s *quicStream) StopReading() { s.CancelRead(codeGivenUp) }

func (s *quicStream) Interrupt() {
	s.CancelRead(codeGivenUp)
	s.CancelWrite(codeGivenUp)
}

func (s *quicStream) Release() {
	s.reading.stop()
	s.writing.stop()
	s.CancelRead(codeGivenUp)
	if !s.closed { // cancelling after that would drop what is on its way
		s.CancelWrite(codeGivenUp)
	}
	if s.finished != nil {
		s.finished()
		s.finished = nil
	}
}

func (s *quicStream) Malformed(why error) { s.conn.close(codeMalformed, why.Error()) }

func stoppedQUIC(err error) bool {
	e, ok := errors.AsType[*quic.StreamError](err)
	return ok && e.Remote
}

// versionsDiffer is the alert by which a peer refuses every ALPN it is offered.
const versionsDiffer = quic.TransportErrorCode(0x100 + 120)

// explainQUIC says of a failed handshake what is not plain from its error.
func explainQUIC(err error) error {
	if e, ok := errors.AsType[*quic.TransportError](err); ok && e.ErrorCode == versionsDiffer {
		return fmt.Errorf("%w: %w", errVersion, err)
	}
	return err
}

var errVersion = errors.New("it does not speak " + wire.ALPN + ": all gateways of a run must be of one release")
