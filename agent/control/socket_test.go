package control

import (
	"errors"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"
)

// passage forwards datagrams between its own port and a server's, for one
// client, until it is closed: what is behind it is killed then, for no
// connection can be told goodbye.
func passage(t *testing.T, server string) net.PacketConn {
	t.Helper()
	port, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	inside, err := net.Dial("udp", server)
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	t.Cleanup(func() {
		port.Close()
		inside.Close()
		running.Wait()
	})
	client := make(chan net.Addr, 1)
	running.Go(func() {
		var first sync.Once
		for b := make([]byte, 2048); ; {
			n, from, err := port.ReadFrom(b)
			if err != nil {
				return
			}
			first.Do(func() { client <- from })
			if _, err := inside.Write(b[:n]); err != nil {
				return
			}
		}
	})
	running.Go(func() {
		b := make([]byte, 2048)
		for {
			n, err := inside.Read(b)
			if err != nil {
				return
			}
			from := <-client
			client <- from
			if _, err := port.WriteTo(b[:n], from); err != nil {
				return
			}
		}
	})
	return port
}

// TestAKilledAgentIsRefusedAtOnce: that nobody is there any more is what the
// next call says, and not that an answer was waited for in vain. Who asks
// often waits for less than it takes a silent connection to be given up.
func TestAKilledAgentIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	s := serve(t, identity(t), Handler(newFake()), "", offer{quic: true})
	port := passage(t, s.address)
	c := client(t, port.LocalAddr().String(), authority().ClientConfig("gw-0"), offer{quic: true})
	if _, err := c.Info(t.Context()); err != nil || c.Protocol() != protocolQUIC {
		t.Fatalf("%v over %q", err, c.Protocol())
	}
	begun := time.Now()
	port.Close()
	_, err := c.Info(t.Context())
	if took := time.Since(begun); !errors.Is(err, syscall.ECONNREFUSED) || took >= lostAfter {
		t.Errorf("after %v: %v", took, err)
	}
}
