package agenttest

import (
	"context"
	"fmt"
	"net"

	"github.com/skyctl/skyctl/agent/route"
)

// loopback is this machine's network.
type loopback struct{}

func (loopback) Socket(route.Gateway) (net.PacketConn, error) {
	return net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
}

func (loopback) Listen(_ route.Gateway, socket net.Addr) (net.Listener, error) {
	return net.Listen("tcp", socket.String())
}

func (loopback) Dial(ctx context.Context, _ route.Gateway, address string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", address)
}

// Port opens a UDP socket and a TCP listener of one port number. On a machine
// that others use too a number may be free for the one and taken for the other.
func Port(n Net, name route.Gateway) (net.PacketConn, net.Listener, error) {
	const tries = 20
	var err error
	for range tries {
		var socket net.PacketConn
		if socket, err = n.Socket(name); err != nil {
			return nil, nil, err
		}
		var ln net.Listener
		if ln, err = n.Listen(name, socket.LocalAddr()); err == nil {
			return socket, ln, nil
		}
		if cerr := socket.Close(); cerr != nil {
			return nil, nil, cerr
		}
	}
	return nil, nil, fmt.Errorf("a port for %s: %w", name, err)
}
