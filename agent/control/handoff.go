package control

import (
	"crypto/tls"
	"net"
	"sync"
	"time"
)

// Handoff is a listener whose connections somebody else accepted: who serves
// another protocol on the same TCP port gives it those that asked for HTTP.
type Handoff struct {
	addr   net.Addr
	given  chan net.Conn
	closed chan struct{}
	once   sync.Once

	strangers time.Duration // what those have who showed no certificate
}

// strangersWithin bounds a connection whose other end has shown no certificate. It
// is there to enroll the agent, which takes a moment; without an end whoever finds
// the port in time could keep all places that connections have.
const strangersWithin = 15 * time.Second

// NewHandoff returns a listener that says it listens on addr.
func NewHandoff(addr net.Addr) *Handoff {
	return &Handoff{addr: addr, given: make(chan net.Conn), closed: make(chan struct{}), strangers: strangersWithin}
}

// Give hands over a connection whose handshake is complete. After Close it
// closes the connection instead.
func (h *Handoff) Give(c *tls.Conn) {
	if len(c.ConnectionState().PeerCertificates) == 0 {
		time.AfterFunc(h.strangers, func() { _ = c.NetConn().Close() }) // at most, it is closed already
	}
	select {
	case h.given <- c:
	case <-h.closed:
		c.Close()
	}
}

// Accept implements net.Listener.
func (h *Handoff) Accept() (net.Conn, error) {
	select {
	case c := <-h.given:
		return c, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (h *Handoff) Close() error {
	h.once.Do(func() { close(h.closed) })
	return nil
}

// Addr implements net.Listener.
func (h *Handoff) Addr() net.Addr { return h.addr }
