package control

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"syscall"

	"github.com/quic-go/quic-go"
)

// connected is a UDP socket that is connected to one agent, so that the kernel
// says when nobody listens there: of a socket that is not, that news is kept
// from QUIC, to which an agent that was killed is one that is silent for
// lostAfter.
type connected struct {
	bound
	udp *net.UDPConn
}

// bound is what quic-go wants of a socket, but for its batches, which would
// come with addresses of their own.
type bound interface {
	net.PacketConn
	SyscallConn() (syscall.RawConn, error)
	SetReadBuffer(bytes int) error
	SetWriteBuffer(bytes int) error
}

// connect returns a socket for the address HOST:PORT, and that of the other end.
func connect(ctx context.Context, address string) (*connected, net.Addr, error) {
	c, err := new(net.Dialer).DialContext(ctx, "udp", address)
	if err != nil {
		return nil, nil, err
	}
	udp := c.(*net.UDPConn)
	return &connected{udp, udp}, udp.RemoteAddr(), nil
}

func (c *connected) WriteTo(p []byte, _ net.Addr) (int, error) { return c.udp.Write(p) }

// ReadFrom passes over what the kernel says of QUIC's probes for the size of
// packets: that one was too large is no end of the connection.
func (c *connected) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		n, from, err := c.udp.ReadFrom(p)
		if !errors.Is(err, syscall.EMSGSIZE) {
			return n, from, err
		}
	}
}

// dial opens a QUIC connection on a socket of its own, which is closed with it.
func dial(ctx context.Context, address string, tlsConfig *tls.Config, cfg *quic.Config) (*quic.Conn, error) {
	socket, to, err := connect(ctx, address)
	if err != nil {
		return nil, err
	}
	tr := &quic.Transport{Conn: socket}
	conn, err := tr.Dial(ctx, to, tlsConfig, cfg)
	if err != nil {
		return nil, errors.Join(err, tr.Close(), socket.Close())
	}
	context.AfterFunc(conn.Context(), func() {
		_, _ = tr.Close(), socket.Close() // nothing can be done about a socket that does not close
	})
	return conn, nil
}
