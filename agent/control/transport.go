package control

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"github.com/skyctl/skyctl/agent/internal/udp"
)

// The names of the transports.
const (
	protocolQUIC = "h3"
	protocolTCP  = "tcp"
)

// Times of connections. A peer that vanished is noticed after lostAfter.
const (
	connectTimeout = 5 * time.Second // over TCP
	keepAlive      = 2 * time.Second
	lostAfter      = 8 * time.Second
	tcpIdle        = 30 * time.Second
)

// transport carries requests to the agent one way or the other.
type transport struct {
	http.RoundTripper
	protocol string
	conn     *quic.Conn // of QUIC
	why      error      // of TCP: what was wrong with QUIC
}

// chooser decides between QUIC and TCP and remembers its choice.
type chooser struct {
	address     string
	quicTimeout time.Duration
	quicTLS     *tls.Config
	tcp         *http.Transport

	turn chan struct{} // held by whoever decides, so that one dials and the others wait

	mu      sync.Mutex
	current *transport // nil: undecided
}

func newChooser(cfg ClientConfig) *chooser {
	overQUIC, overTCP := cfg.TLS.Clone(), cfg.TLS.Clone()
	overQUIC.NextProtos, overTCP.NextProtos = []string{ALPN}, ALPNTCP
	return &chooser{
		address:     cfg.Address,
		quicTimeout: cfg.QUICTimeout,
		quicTLS:     overQUIC,
		turn:        make(chan struct{}, 1),
		tcp: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: connectTimeout}).DialContext,
			TLSClientConfig:     overTCP,
			TLSHandshakeTimeout: connectTimeout,
			ForceAttemptHTTP2:   true,
			DisableCompression:  true,
			IdleConnTimeout:     tcpIdle,
			HTTP2:               &http.HTTP2Config{SendPingTimeout: keepAlive, PingTimeout: lostAfter - keepAlive},
		},
	}
}

// choose returns the transport that worked last, or decides anew: QUIC if it
// answers in time, else TCP.
func (c *chooser) choose(ctx context.Context) (*transport, error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if t := c.chosen(); t != nil {
		return t, nil
	}
	t, err := c.dialQUIC(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		t = &transport{RoundTripper: c.tcp, protocol: protocolTCP, why: err}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current = t
	return t, nil
}

// chosen returns the current transport unless its connection is gone.
func (c *chooser) chosen() *transport {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.current; t != nil && t.conn != nil && t.conn.Context().Err() != nil {
		c.current = nil
	}
	return c.current
}

func (c *chooser) dialQUIC(ctx context.Context) (*transport, error) {
	ctx, cancel := context.WithTimeout(ctx, c.quicTimeout)
	defer cancel()
	socket, err := udp.Dial(ctx, c.address)
	if err != nil {
		return nil, err
	}
	conn, release, err := udp.Connect(ctx, socket, socket.RemoteAddr(), c.quicTLS, &quic.Config{
		HandshakeIdleTimeout: c.quicTimeout,
		KeepAlivePeriod:      keepAlive,
		MaxIdleTimeout:       lostAfter,
		MaxIncomingStreams:   -1, // HTTP/3 servers open none
	})
	if err != nil {
		return nil, err
	}
	context.AfterFunc(conn.Context(), func() {
		_ = release() // nothing can be done about a socket that does not close
	})
	h3 := &http3.Transport{DisableCompression: true}
	return &transport{RoundTripper: h3.NewClientConn(conn), protocol: protocolQUIC, conn: conn}, nil
}

// failed takes note that t failed with err and returns err with what else
// there is to say. A QUIC connection that still lives lost one stream only and
// stays; in any other case the next call decides anew.
func (c *chooser) failed(t *transport, err error) error {
	if t.conn != nil && t.conn.Context().Err() == nil {
		return err
	}
	c.mu.Lock()
	if c.current == t {
		c.current = nil
	}
	c.mu.Unlock()
	if t.why != nil {
		err = fmt.Errorf("over TCP: %w; over QUIC: %w", err, t.why)
	}
	return err
}

func (c *chooser) protocol() string {
	if t := c.chosen(); t != nil {
		return t.protocol
	}
	return ""
}

// close closes the connections. No call is under way any more.
func (c *chooser) close() error {
	t := c.chosen()
	c.tcp.CloseIdleConnections()
	if t == nil || t.conn == nil {
		return nil
	}
	err := t.conn.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "")
	if _, gone := errors.AsType[*quic.ApplicationError](err); gone {
		return nil
	}
	return err
}
