package link_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skyctl/skyctl/agent"
	"github.com/skyctl/skyctl/agent/agenttest"
	"github.com/skyctl/skyctl/agent/enroll"
	"github.com/skyctl/skyctl/agent/internal/link"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/agent/wire"
)

// fabric is endpoints on a simulated network, in simulated time. That nothing
// runs when a test ends is checked by synctest itself.
type fabric struct {
	t         *testing.T
	transport link.Transport
	sim       *agenttest.Sim
	authority *enroll.Authority
}

// overBoth runs the test over each transport.
func overBoth(t *testing.T, test func(f *fabric)) {
	for _, x := range []link.Transport{link.QUIC, link.TLS} {
		t.Run(string(x), func(t *testing.T) { simulated(t, x, test) })
	}
}

func simulated(t *testing.T, x link.Transport, test func(f *fabric)) {
	synctest.Test(t, func(t *testing.T) {
		a, err := enroll.NewAuthority("test", time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		test(&fabric{t, x, agenttest.NewSim(10 * time.Millisecond), a})
	})
}

// endpoint starts one. Its streams answer with what they are sent, unless
// change says otherwise.
func (f *fabric) endpoint(name route.Gateway, change func(*link.Config)) (*link.Endpoint, string) {
	f.t.Helper()
	id, err := f.authority.NewIdentity(name)
	if err != nil {
		f.t.Fatal(err)
	}
	cfg := link.Config{
		Server: id.ServerConfig(wire.ALPN), ServerTCP: id.ServerConfig(wire.ALPN),
		Client:  func(peer route.Gateway) *tls.Config { return id.ClientConfig(peer, wire.ALPN) },
		PeerOf:  agent.GatewayOf,
		Serve:   echo,
		Socket:  func() (net.PacketConn, error) { return f.sim.Socket(name) },
		DialTCP: func(ctx context.Context, address string) (net.Conn, error) { return f.sim.Dial(ctx, name, address) },
		Log:     slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&cfg)
	}
	socket, listener, err := agenttest.Port(f.sim, name)
	if err != nil {
		f.t.Fatal(err)
	}
	e := link.New(cfg)
	if err := e.Listen(socket); err != nil {
		f.t.Fatal(err)
	}
	e.ListenTCP(listener)
	f.t.Cleanup(e.Close)
	return e, socket.LocalAddr().String()
}

// frames are those of a payload that is text.
func frames(text string) []byte {
	b := (&wire.Probe{}).Append(nil)
	head := make([]byte, wire.HeadSize)
	wire.PutHead(head, wire.TypeData, len(text))
	return wire.AppendEnd(append(append(b, head...), text...), 0)
}

// hear reads a payload's text.
func hear(s link.Stream) (string, error) {
	buf := make([]byte, wire.MaxFrame)
	text := ""
	for {
		f, err := wire.Read(s, buf)
		switch {
		case err != nil:
			return text, err
		case f.Type == wire.TypeData:
			text += string(f.Body)
		case f.Type.Ends():
			return text, nil
		}
	}
}

func echo(_ context.Context, _ route.Gateway, s link.Stream) {
	defer s.Release()
	text, err := hear(s)
	if err != nil {
		return
	}
	if _, err := s.Write([]byte(text)); err == nil {
		s.CloseWrite()
	}
}

// ask sends text to the peer and returns what comes back.
func ask(e *link.Endpoint, peer route.Gateway, text string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s, err := e.Open(ctx, peer, link.Leg{})
	if err != nil {
		return "", err
	}
	defer s.Release()
	if _, err := s.Write(frames(text)); err != nil {
		return "", err
	}
	if err := s.CloseWrite(); err != nil {
		return "", err
	}
	b, err := io.ReadAll(s)
	return string(b), err
}

func (f *fabric) expect(e *link.Endpoint, peer route.Gateway, text string) {
	f.t.Helper()
	if got, err := ask(e, peer, text); err != nil || got != text {
		f.t.Errorf("%s answers %q, %v", peer, got, err)
	}
}

func (f *fabric) to(peer route.Gateway, address string, connections int) map[route.Gateway]link.Peer {
	return map[route.Gateway]link.Peer{peer: {Address: address, Connections: connections, Transport: f.transport}}
}

// TestStreamsOpenFromEitherSide: on connections that came before or after the
// accepting side knew of the peer.
func TestStreamsOpenFromEitherSide(t *testing.T) {
	for name, before := range map[string]bool{"known before": true, "known after": false} {
		t.Run(name, func(t *testing.T) {
			overBoth(t, func(f *fabric) {
				server, address := f.endpoint("server", nil)
				client, _ := f.endpoint("client", nil)
				if before {
					server.SetPeers(f.to("client", "", 0))
				}
				client.SetPeers(f.to("server", address, 2))
				f.expect(client, "server", "there")
				if !before {
					server.SetPeers(f.to("client", "", 0))
				}
				f.expect(server, "client", "and back")

				// When it hangs up it is not waited for, until it dials again.
				client.SetPeers(nil)
				time.Sleep(time.Second)
				start := time.Now()
				if _, err := ask(server, "client", "?"); err == nil || time.Since(start) != 0 {
					t.Errorf("after %v: %v", time.Since(start), err)
				}
				client.SetPeers(f.to("server", address, 1))
				time.Sleep(time.Second)
				f.expect(server, "client", "again")
			})
		})
	}
}

func TestAConnectionThatDiesIsReplaced(t *testing.T) {
	overBoth(t, func(f *fabric) {
		_, address := f.endpoint("server", func(c *link.Config) {
			c.Serve = func(_ context.Context, _ route.Gateway, s link.Stream) {
				defer s.Release()
				text, err := hear(s)
				if err == nil && text == "die" {
					s.Malformed(errors.New("as you wish"))
				}
				s.Write([]byte(text))
				s.CloseWrite()
			}
		})
		client, _ := f.endpoint("client", nil)
		client.SetPeers(f.to("server", address, 1))
		if _, err := ask(client, "server", "die"); err == nil || !strings.Contains(err.Error(), "as you wish") {
			t.Errorf("%v", err)
		}
		if _, err := ask(client, "server", "abcdef"); err == nil || !strings.Contains(err.Error(), "as you wish") {
			t.Errorf("without a connection: %v", err)
		}
		time.Sleep(time.Second)
		if got, err := ask(client, "server", "abcdef"); err != nil || got != "abcdef" {
			t.Errorf("%q, %v", got, err)
		}
	})
}

func TestStreamsEndWithTheirPeer(t *testing.T) {
	overBoth(t, func(f *fabric) {
		_, address := f.endpoint("server", nil)
		client, _ := f.endpoint("client", nil)
		peers := f.to("server", address, 1)
		client.SetPeers(peers)
		s, err := client.Open(f.t.Context(), "server", link.Leg{})
		if err != nil {
			f.t.Fatal(err)
		}
		defer s.Release()
		client.SetPeers(peers) // nothing changes
		if _, err := s.Write((&wire.Probe{}).Append(nil)); err != nil {
			f.t.Errorf("a peer that stays: %v", err)
		}
		client.SetPeers(nil)
		if _, err := io.ReadAll(s); err == nil {
			f.t.Error("the stream outlives its peer")
		}
		if _, err := client.Open(f.t.Context(), "server", link.Leg{}); err == nil {
			f.t.Error("a stream to who is no peer")
		}
	})
}

// TestARefusedPeerDoesNotHammer: its handshakes succeed on its own side.
func TestARefusedPeerDoesNotHammer(t *testing.T) {
	overBoth(t, func(f *fabric) {
		var asked atomic.Int64
		_, address := f.endpoint("server", func(c *link.Config) {
			c.PeerOf = func(tls.ConnectionState) (route.Gateway, error) {
				asked.Add(1)
				return "", errors.New("who?")
			}
		})
		client, _ := f.endpoint("client", nil)
		client.SetPeers(f.to("server", address, 1))
		time.Sleep(time.Minute)
		if n := asked.Load(); n < 10 || n > 40 {
			f.t.Errorf("asked %d times in a minute", n)
		}
		if _, err := ask(client, "server", "x"); err == nil || !strings.Contains(err.Error(), "not a peer of this run") {
			f.t.Errorf("%v", err)
		}
	})
}

// TestWindowsAreGivenBack: what a connection's window grew by counts until it
// ends, and no longer.
func TestWindowsAreGivenBack(t *testing.T) {
	simulated(t, link.QUIC, func(f *fabric) {
		var granted atomic.Int64
		received := make(chan int64, 1)
		server, address := f.endpoint("server", func(c *link.Config) {
			c.Window = func(delta uint64) (func(), bool) {
				granted.Add(int64(delta))
				return func() { granted.Add(-int64(delta)) }, true
			}
			c.Serve = func(_ context.Context, _ route.Gateway, s link.Stream) {
				defer s.Release()
				n, _ := io.Copy(io.Discard, struct{ io.Reader }{s})
				received <- n
			}
		})
		client, _ := f.endpoint("client", nil)
		client.SetPeers(f.to("server", address, 1))
		s, err := client.Open(f.t.Context(), "server", link.Leg{})
		if err != nil {
			f.t.Fatal(err)
		}
		const size = 24 << 20
		if _, err := s.Write(make([]byte, size)); err != nil {
			f.t.Fatal(err)
		}
		s.CloseWrite()
		if n := <-received; n != size || granted.Load() == 0 {
			f.t.Errorf("%d bytes came through windows that grew by %d", n, granted.Load())
		}
		s.Release()
		client.SetPeers(nil)
		time.Sleep(time.Second)
		if n := granted.Load(); n != 0 {
			f.t.Errorf("%d bytes are still charged for a connection that ended", n)
		}
		server.Close()
	})
}
