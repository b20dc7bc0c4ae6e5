package link_test

import (
	"context"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/skyctl/skyctl/agent/internal/link"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/agent/wire"
)

// firstPacket is a socket that keeps the first packet written to it.
type firstPacket struct {
	net.PacketConn
	first chan []byte
}

func (s *firstPacket) WriteTo(p []byte, _ net.Addr) (int, error) {
	select {
	case s.first <- append([]byte(nil), p...):
	default:
	}
	return len(p), nil
}

// opening returns the first packet of somebody who dials over QUIC.
func (f *fabric) opening(to net.Addr) []byte {
	id, err := f.authority.NewIdentity("flood")
	if err != nil {
		f.t.Fatal(err)
	}
	socket, err := f.sim.Socket("flood")
	if err != nil {
		f.t.Fatal(err)
	}
	s := &firstPacket{socket, make(chan []byte, 1)}
	tr := &quic.Transport{Conn: s}
	ctx, cancel := context.WithCancel(f.t.Context())
	var dialing sync.WaitGroup
	dialing.Go(func() { tr.Dial(ctx, to, id.ClientConfig("server", wire.ALPN), nil) })
	p := <-s.first
	cancel()
	dialing.Wait()
	tr.Close()
	socket.Close()
	return p
}

// TestAFloodOfOpeningsIsBounded: whoever sends the first packets of many
// connections, and answers nothing, has some places and leaves the others.
func TestAFloodOfOpeningsIsBounded(t *testing.T) {
	simulated(t, link.QUIC, func(f *fabric) {
		_, address := f.endpoint("server", nil)
		client, _ := f.endpoint("client", nil)
		to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(address))
		const openings = 600
		var flood [][]byte
		for range openings {
			flood = append(flood, f.opening(to))
		}
		stranger, err := f.sim.Socket("stranger")
		if err != nil {
			f.t.Fatal(err)
		}
		defer stranger.Close()
		go func() { // hears, and does not answer
			for err := error(nil); err == nil; {
				_, _, err = stranger.ReadFrom(make([]byte, 2000))
			}
		}()
		synctest.Wait()
		before := runtime.NumGoroutine()
		for _, p := range flood {
			if _, err := stranger.WriteTo(p, to); err != nil {
				f.t.Fatal(err)
			}
			time.Sleep(time.Millisecond) // fake time
		}
		const each = 4 // goroutines of a handshake
		if n := runtime.NumGoroutine() - before; n < 100 || n > 300*each {
			f.t.Errorf("%d openings cost %d goroutines", openings, n)
		}
		client.SetPeers(f.to("server", address, 1))
		f.expect(client, "server", "I am no stranger")
		client.SetPeers(map[route.Gateway]link.Peer{})
	})
}
