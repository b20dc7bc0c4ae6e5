package link

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"log/slog"
	"net"
	"sync"

	"github.com/quic-go/quic-go"

	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/agent/wire"
)

// Config is what an Endpoint needs. Sockets come through Listen, ListenTCP,
// Socket and DialTCP so that tests can put a simulated network there.
type Config struct {
	Server    *tls.Config                                      // for accepted QUIC connections; its ALPN list decides what is served
	ServerTCP *tls.Config                                      // the same over TCP
	Client    func(peer route.Gateway) *tls.Config             // for a dialed connection, pinned to the peer
	PeerOf    func(tls.ConnectionState) (route.Gateway, error) // who an accepted connection's certificate names
	// Serve handles a stream that a peer opened, and returns when it is done
	// with it. ctx ends with the endpoint.
	Serve func(ctx context.Context, peer route.Gateway, s Stream)
	// ServeHTTP3 handles a connection that asked for ALPN h3; nil refuses it.
	ServeHTTP3 func(context.Context, *quic.Conn) error
	// ServeHTTP takes over a connection that asked for an HTTP over TCP; nil
	// refuses it.
	ServeHTTP func(*tls.Conn)
	// Window grants or refuses growth of a connection's receive window by
	// delta bytes. giveBack is called when the connection has ended. Nil
	// grants all.
	Window func(delta uint64) (giveBack func(), ok bool)
	// Socket opens one for a dialed connection; nil: a real one.
	Socket func() (net.PacketConn, error)
	// DialTCP connects to address, a host and port; nil: by the machine's TCP.
	DialTCP func(ctx context.Context, address string) (net.Conn, error)
	Log     *slog.Logger
}

// Endpoint is one agent's end of all its connections.
type Endpoint struct {
	cfg      Config
	quic     *quic.Config
	tokenKey quic.TokenGeneratorKey // of all sockets on the port, as
	resetKey quic.StatelessResetKey
	places   chan struct{} // one an accepted connection
	checkGSO sync.Once

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu       sync.Mutex
	peers    map[route.Gateway]*peer
	accepted map[route.Gateway][]*connection // that are open
	closed   bool
}

// maxAccepted is how many connections, of any protocol, an endpoint has accepted
// and open at once, handshakes included: several times what a plan gives a gateway.
const maxAccepted = 512

// New returns an endpoint that neither listens nor dials yet.
func New(cfg Config) *Endpoint {
	if cfg.DialTCP == nil {
		cfg.DialTCP = dialTCP
	}
	e := &Endpoint{cfg: cfg, peers: map[route.Gateway]*peer{}, accepted: map[route.Gateway][]*connection{},
		places: make(chan struct{}, maxAccepted)}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	e.quic = e.quicConfig()
	rand.Read(e.tokenKey[:])
	rand.Read(e.resetKey[:])
	return e
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

// admit takes a place for an accepted connection, if there is one; leave gives
// it back.
func (e *Endpoint) admit() bool {
	select {
	case e.places <- struct{}{}:
		return true
	default:
		return false
	}
}

func (e *Endpoint) leave() { <-e.places }

// serveAccepted serves an accepted connection of the data plane to its end, or
// refuses it.
func (e *Endpoint) serveAccepted(accepted conn, state tls.ConnectionState, remote net.Addr) {
	name, err := e.cfg.PeerOf(state)
	if err != nil || state.NegotiatedProtocol != wire.ALPN {
		accepted.close(codeRefused, "not a peer of this run")
		e.cfg.Log.Warn("refused a connection", "remote", remote, "alpn", state.NegotiatedProtocol, "error", err)
		return
	}
	c := &connection{conn: accepted}
	e.accept(name, c)
	defer e.forget(name, c)
	e.serveStreams(name, c)
}

// serveStreams hands the peer's streams to their handlers until the connection
// ends, then waits for the handlers.
func (e *Endpoint) serveStreams(name route.Gateway, c *connection) {
	stop := context.AfterFunc(e.ctx, func() { c.close(codeDone, "") })
	defer stop()
	var handlers sync.WaitGroup
	defer handlers.Wait()
	for {
		s, err := c.conn.accept(e.ctx)
		if err != nil {
			return
		}
		handlers.Go(func() { e.cfg.Serve(e.ctx, name, s) })
	}
}

// clientTLS is the configuration for a connection to the peer.
func (e *Endpoint) clientTLS(name route.Gateway) *tls.Config {
	c := e.cfg.Client(name).Clone()
	c.NextProtos = []string{wire.ALPN}
	return c
}
