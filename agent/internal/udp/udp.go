// Package udp dials QUIC, each connection from a socket of its own that is
// connected to the one it speaks to. Of such a socket the kernel says when nobody
// listens at the other end. From one that is not connected that news is kept, and
// an agent that was killed is to QUIC one that is silent, until patience ends.
package udp

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"syscall"

	"github.com/quic-go/quic-go"
	"golang.org/x/net/ipv4"
)

// Connect dials from a socket, which is the connection's own from now on and is
// closed if there will be none. release is to be called when the connection has
// ended, or ends it as done: it closes the socket when the peer was told.
func Connect(ctx context.Context, socket net.PacketConn, to net.Addr, t *tls.Config, c *quic.Config) (conn *quic.Conn, release func() error, err error) {
	tr := &quic.Transport{Conn: socket}
	shut := func() error { return errors.Join(tr.Close(), socket.Close()) }
	if conn, err = tr.Dial(ctx, to, t, c); err != nil {
		return nil, nil, errors.Join(err, shut())
	}
	return conn, func() error {
		_ = conn.CloseWithError(0, "") // one that has ended says why to whoever used it
		return shut()
	}, nil
}

// Conn is a connected socket. It implements quic.OOBCapablePacketConn.
type Conn struct {
	*net.UDPConn
	batch *ipv4.PacketConn
}

// Dial opens a socket to HOST:PORT.
func Dial(ctx context.Context, address string) (*Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, "udp", address)
	if err != nil {
		return nil, err
	}
	socket := c.(*net.UDPConn)
	return &Conn{socket, ipv4.NewPacketConn(socket)}, nil
}

// WriteTo sends p to where the socket is connected to, as does WriteMsgUDP.
func (c *Conn) WriteTo(p []byte, _ net.Addr) (int, error) { return c.Write(p) }

func (c *Conn) WriteMsgUDP(p, oob []byte, _ *net.UDPAddr) (n, oobn int, err error) {
	return c.UDPConn.WriteMsgUDP(p, oob, nil)
}

// ReadBatch passes over what the kernel says of QUIC's probes for the size of
// packets, as does ReadFrom: that one was too large is not the end.
func (c *Conn) ReadBatch(ms []ipv4.Message, flags int) (int, error) {
	for {
		n, err := c.batch.ReadBatch(ms, flags)
		if !errors.Is(err, syscall.EMSGSIZE) {
			return n, err
		}
	}
}

func (c *Conn) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		n, from, err := c.UDPConn.ReadFrom(p)
		if !errors.Is(err, syscall.EMSGSIZE) {
			return n, from, err
		}
	}
}
