package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"syscall"
)

// Port is one number, of TCP and of UDP.
type Port struct {
	Listener net.Listener
	Sockets  []net.PacketConn // one receive loop each
}

// maxSockets is how many sockets share the UDP port where there are processors
// for as many: one is a single receive loop, which about fills a processor at
// the rate of a gateway's network card.
const maxSockets = 4

// socketBuffer is what a UDP socket should hold in bytes while its receive
// loop is elsewhere: at 5 Gbit/s, 11 ms.
const socketBuffer = 7 << 20

// OpenPort opens a port at address; port 0 finds a free one.
func OpenPort(address string, log *slog.Logger) (*Port, error) {
	ln, err := listenTCP(address)
	if err != nil {
		return nil, err
	}
	p := &Port{Listener: ln}
	// Others of this user could share the UDP port too. They cannot have the
	// TCP port, so two agents never meet on one.
	lc := net.ListenConfig{Control: controlUDP}
	for range min(runtime.GOMAXPROCS(0), maxSockets) {
		s, err := lc.ListenPacket(context.Background(), "udp", ln.Addr().String())
		if err != nil {
			return nil, errors.Join(fmt.Errorf("listen: %w", err), p.Close())
		}
		p.Sockets = append(p.Sockets, s)
	}
	raw, ok := p.Sockets[0].(syscall.Conn)
	if got := receiveBuffer(raw); ok && got < socketBuffer {
		log.Warn("the kernel limits UDP receive buffers: QUIC may lose packets at high rates",
			"bytes", got, "wanted", socketBuffer, "remedy", fmt.Sprintf("sysctl -w net.core.rmem_max=%d net.core.wmem_max=%d", socketBuffer, socketBuffer))
	}
	log.Info("port open", "address", ln.Addr(), "udp_sockets", len(p.Sockets), "tcp_congestion", congestion(ln))
	return p, nil
}

// Close closes what Listen and ListenTCP were not given.
func (p *Port) Close() error {
	err := p.Listener.Close()
	for _, s := range p.Sockets {
		err = errors.Join(err, s.Close())
	}
	return err
}
