package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/agent/wire"
)

// Config is what an Endpoint needs. Packet sockets come through Listen and
// Socket so that tests can put a simulated network there.
type Config struct {
	Server *tls.Config                                      // for accepted connections; its ALPN list decides what is served
	Client func(peer route.Gateway) *tls.Config             // for a dialed connection, pinned to the peer
	PeerOf func(tls.ConnectionState) (route.Gateway, error) // who an accepted connection's certificate names
	// Serve handles a stream that a peer opened, and returns when it is done
	// with it. ctx ends with the endpoint.
	Serve func(ctx context.Context, peer route.Gateway, s *Stream)
	// ServeHTTP3 handles a connection that asked for ALPN h3; nil refuses it.
	ServeHTTP3 func(context.Context, *quic.Conn) error
	// Window grants or refuses growth of a connection's receive window by
	// delta bytes. giveBack is called when the connection has ended. Nil
	// grants all.
	Window func(delta uint64) (giveBack func(), ok bool)
	Socket func() (net.PacketConn, error) // for one dialed connection
	Log    *slog.Logger
}

// Endpoint is one agent's end of all its connections.
type Endpoint struct {
	cfg  Config
	quic *quic.Config

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu       sync.Mutex
	peers    map[route.Gateway]*peer
	accepted map[route.Gateway][]*connection // that are open
	closed   bool
}

// Application error codes with which connections and streams are closed.
const (
	codeDone      = 0 // orderly end
	codeMalformed = 1 // the peer broke the protocol
	codeRefused   = 2 // not a peer of this run, or an unknown ALPN
	codeGivenUp   = 3 // this stream's chunk was given up
	codeBusy      = 4 // too many connections
)

// Flow control and patience. quic-go's own windows stop at 6 MB a stream,
// 335 Mbit/s at 150 ms. A connection is given up before a stream on it counts
// as stalled, after four keep-alives, or any number of packets sent anew,
// without an answer; every chunk on it is then answered for at once.
const (
	streamWindow       = 1 << 20
	maxStreamWindow    = 16 << 20
	connectionWindow   = 8 << 20
	maxConnWindow      = 512 << 20
	maxIncomingStreams = 1024
	idleTimeout        = 8 * time.Second
	keepAlive          = 2 * time.Second
	handshakeTimeout   = 5 * time.Second
)

// maxAccepted is how many connections, of any protocol, an endpoint has
// accepted and open at once: several times what a plan gives a gateway.
const maxAccepted = 512

// New returns an endpoint that neither listens nor dials yet.
func New(cfg Config) *Endpoint {
	if cfg.Socket == nil {
		cfg.Socket = func() (net.PacketConn, error) { return net.ListenUDP("udp", nil) }
	}
	e := &Endpoint{cfg: cfg, peers: map[route.Gateway]*peer{}, accepted: map[route.Gateway][]*connection{}}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	e.quic = &quic.Config{
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
	if cfg.Window != nil {
		e.quic.AllowConnectionWindowIncrease = func(conn *quic.Conn, delta uint64) bool {
			giveBack, ok := cfg.Window(delta)
			if ok {
				context.AfterFunc(conn.Context(), giveBack)
			}
			return ok
		}
	}
	return e
}

// Listen serves connections on the socket until the endpoint is closed, which
// closes the socket too.
func (e *Endpoint) Listen(socket net.PacketConn) error {
	tr := &quic.Transport{Conn: socket}
	ln, err := tr.Listen(e.cfg.Server, e.quic)
	if err != nil {
		return errors.Join(fmt.Errorf("listen on %v: %w", socket.LocalAddr(), err), socket.Close())
	}
	e.wg.Go(func() {
		defer e.closeSocket(tr, socket)
		var conns sync.WaitGroup
		defer conns.Wait() // they say goodbye through the socket
		places := make(chan struct{}, maxAccepted)
		for {
			conn, err := ln.Accept(e.ctx)
			if err != nil {
				return // only when the endpoint closes
			}
			select {
			case places <- struct{}{}:
			default:
				conn.CloseWithError(codeBusy, "too many connections")
				continue
			}
			conns.Go(func() {
				defer func() { <-places }()
				e.serveConn(conn)
			})
		}
	})
	return nil
}

// Close ends all connections and returns when every stream's handler has
// returned.
func (e *Endpoint) Close() {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.SetPeers(nil)
	e.cancel()
	e.wg.Wait()
}

// serveConn serves an accepted connection to its end.
func (e *Endpoint) serveConn(conn *quic.Conn) {
	state := conn.ConnectionState().TLS
	if state.NegotiatedProtocol == "h3" && e.cfg.ServeHTTP3 != nil {
		if err := e.cfg.ServeHTTP3(e.ctx, conn); err != nil && e.ctx.Err() == nil {
			e.cfg.Log.Debug("control connection ended", "remote", conn.RemoteAddr(), "error", err)
		}
		return
	}
	name, err := e.cfg.PeerOf(state)
	if err != nil || state.NegotiatedProtocol != wire.ALPN {
		conn.CloseWithError(codeRefused, "not a peer of this run")
		e.cfg.Log.Warn("refused a connection", "remote", conn.RemoteAddr(), "alpn", state.NegotiatedProtocol, "error", err)
		return
	}
	c := &connection{quic: conn}
	e.accept(name, c)
	defer e.forget(name, c)
	e.serveStreams(name, c)
}

// serveStreams hands the peer's streams to their handlers until the connection
// ends, then waits for the handlers.
func (e *Endpoint) serveStreams(name route.Gateway, c *connection) {
	stop := context.AfterFunc(e.ctx, func() { c.quic.CloseWithError(codeDone, "") })
	defer stop()
	var handlers sync.WaitGroup
	defer handlers.Wait()
	for {
		s, err := c.quic.AcceptStream(e.ctx)
		if err != nil {
			return
		}
		handlers.Go(func() { e.cfg.Serve(e.ctx, name, &Stream{s: s, conn: c}) })
	}
}

func (e *Endpoint) closeSocket(tr *quic.Transport, socket net.PacketConn) {
	if err := errors.Join(tr.Close(), socket.Close()); err != nil && !errors.Is(err, net.ErrClosed) {
		e.cfg.Log.Warn("close a socket", "error", err)
	}
}
