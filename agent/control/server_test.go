package control

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/skyctl/skyctl/agent/enroll"
	"github.com/skyctl/skyctl/agent/port"
)

const testRun = "r7"

var authority = sync.OnceValue(func() *enroll.Authority {
	a, err := enroll.NewAuthority(testRun, time.Now().Add(time.Hour))
	if err != nil {
		panic(err)
	}
	return a
})

// site is an agent's port: the same number for UDP and TCP.
type site struct {
	address string
	offer   offer
	stop    func() // ends the servers and waits for them; safe to call twice
}

// transports that a site offers.
type offer struct{ quic, tcp bool }

var both = offer{quic: true, tcp: true}

// serve opens a port, at address unless that is empty, and serves handler
// there as id.
func serve(t testing.TB, id *enroll.Identity, handler http.Handler, address string, with offer) site {
	t.Helper()
	s := NewServer(handler, slog.New(slog.DiscardHandler))
	s.patience = 500 * time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	if address == "" {
		address = freePort(t)
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if with.tcp {
		running.Go(func() {
			if err := s.ServeTCP(ctx, ln, id.ServerConfig(ALPNTCP...)); err != nil {
				t.Errorf("ServeTCP: %v", err)
			}
		})
	} else if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	if with.quic {
		udp, err := net.ListenPacket("udp", address)
		if err != nil {
			t.Fatal(err)
		}
		transport := &quic.Transport{Conn: udp}
		listener, err := transport.Listen(id.ServerConfig(ALPN, "skyctl/1"), &quic.Config{MaxIdleTimeout: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		running.Go(func() {
			var conns sync.WaitGroup
			for {
				conn, err := listener.Accept(ctx)
				if err != nil {
					break
				}
				conns.Go(func() {
					if err := s.ServeQUICConn(ctx, conn); err != nil {
						t.Errorf("ServeQUICConn: %v", err)
					}
				})
			}
			conns.Wait()
			if err := errors.Join(listener.Close(), transport.Close(), udp.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	stop := sync.OnceFunc(func() { cancel(); running.Wait() })
	t.Cleanup(stop)
	return site{address: address, offer: with, stop: stop}
}

// freePort is one for TCP and UDP, that nobody else gets while a site is between
// two servers.
func freePort(t testing.TB) string {
	t.Helper()
	free, err := port.Hold("127.0.0.1")
	if err == nil {
		err = free.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(free.Number))
}

func identity(t testing.TB) *enroll.Identity {
	t.Helper()
	id, err := authority().NewIdentity("gw-0")
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// client returns a client that waits for QUIC as long as usual. The tests of
// TCP shorten that: nothing answers there.
func client(t testing.TB, address string, config *tls.Config, o offer) *Client {
	t.Helper()
	var patience time.Duration
	if !o.quic {
		patience = 100 * time.Millisecond
	}
	c, err := NewClient(ClientConfig{Address: address, TLS: config, QUICTimeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// transports are the ways to an agent that the tests go.
var transports = []struct {
	protocol string
	offer    offer
}{
	{protocolQUIC, both},
	{protocolTCP, offer{tcp: true}},
}

// overBoth runs a test over both transports.
func overBoth(t *testing.T, test func(t *testing.T, f *fake, s site, c *Client)) {
	t.Parallel()
	for _, tr := range transports {
		t.Run(tr.protocol, func(t *testing.T) {
			t.Parallel()
			f := newFake()
			s := serve(t, identity(t), Handler(f), "", tr.offer)
			c := client(t, s.address, authority().ClientConfig("gw-0"), tr.offer)
			if _, err := c.Stats(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := c.Protocol(); got != tr.protocol {
				t.Fatalf("the client speaks %q", got)
			}
			test(t, f, s, c)
		})
	}
}

// overBothServing runs a test against another handler than the API's.
func overBothServing(t *testing.T, handler http.Handler, test func(t *testing.T, c *Client)) {
	t.Parallel()
	for _, tr := range transports {
		t.Run(tr.protocol, func(t *testing.T) {
			t.Parallel()
			s := serve(t, identity(t), handler, "", tr.offer)
			test(t, client(t, s.address, authority().ClientConfig("gw-0"), tr.offer))
		})
	}
}

func TestStoppingLetsCallsFinish(t *testing.T) {
	overBoth(t, func(t *testing.T, f *fake, s site, c *Client) {
		started, stopped := make(chan struct{}), make(chan struct{})
		f.with(func() {
			f.enter = func(ctx context.Context, what string) {
				if what == "commit" {
					close(started)
					<-stopped
				}
			}
		})
		result := make(chan error, 2)
		go func() {
			_, err := c.Commit(context.Background(), CommitRequest{Store: "s"})
			result <- err
		}()
		<-started
		results := make(chan error, 1)
		listening := make(chan struct{})
		go func() {
			var once sync.Once
			results <- c.Results(context.Background(), 0, func([]Result) error {
				once.Do(func() { close(listening) })
				return nil
			})
		}()
		<-listening
		done := make(chan struct{})
		go func() { s.stop(); close(done) }()
		if err := <-results; err == nil || err.Error() != errStopping.Error() {
			t.Errorf("Results: %v", err)
		}
		close(stopped)
		if err := <-result; err != nil {
			t.Errorf("Commit: %v", err)
		}
		<-done
	})
}

func TestStoppingCancelsWhatTakesTooLong(t *testing.T) {
	overBoth(t, func(t *testing.T, f *fake, s site, c *Client) {
		started := make(chan struct{})
		var once sync.Once
		f.with(func() {
			f.enter = func(ctx context.Context, what string) {
				if what == "commit" {
					once.Do(func() { close(started) })
					<-ctx.Done()
				}
			}
		})
		result := make(chan error, 1)
		go func() {
			_, err := c.Commit(context.Background(), CommitRequest{Store: "s"})
			result <- err
		}()
		<-started
		s.stop() // returns only when the handler has
		if err := <-result; err == nil {
			t.Error("Commit succeeded")
		}
	})
}

func TestOnlyTheOrchestratorMayCall(t *testing.T) {
	peer, err := authority().NewIdentity("gw-1")
	if err != nil {
		t.Fatal(err)
	}
	overBoth(t, func(t *testing.T, f *fake, s site, c *Client) {
		gateway := client(t, s.address, peer.ClientConfig("gw-0"), s.offer)
		if _, err := gateway.Info(t.Context()); err == nil || err.Error() != "only the run's orchestrator may ask this" {
			t.Errorf("Info: %v", err)
		}
		err := gateway.Results(t.Context(), 0, func([]Result) error { return nil })
		if err == nil || err.Error() != "only the run's orchestrator may ask this" {
			t.Errorf("Results: %v", err)
		}
	})
}

func TestFromBootToControlOnOnePort(t *testing.T) {
	a := authority()
	token := a.NewToken()
	boot := enroll.Boot{Run: testRun, Name: "gw-0", CACertificate: a.CertificatePEM(), Token: token, NotAfter: a.NotAfter()}
	id, err := enroll.NewIdentity(boot)
	if err != nil {
		t.Fatal(err)
	}
	h, err := enroll.Handler(id, token, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, id, Mux(h, Handler(newFake()), nil), "", both)

	c := client(t, s.address, a.ClientConfig("gw-0"), both)
	var unreachable *UnreachableError
	if _, err := c.Info(t.Context()); !errors.As(err, &unreachable) {
		t.Errorf("before enrollment: %v", err)
	}
	stranger := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}}}
	resp, err := stranger.Get("https://" + s.address + pathInfo)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("a stranger before enrollment gets %s, %v", resp.Status, err)
	}
	stranger.CloseIdleConnections()

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := enroll.Enroll(ctx, s.address, "gw-0", token, a); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Info(t.Context()); err != nil || c.Protocol() != protocolQUIC {
		t.Errorf("after enrollment: %v over %q", err, c.Protocol())
	}
	if resp, err := stranger.Get("https://" + s.address + pathInfo); err == nil {
		resp.Body.Close()
		t.Errorf("a stranger after enrollment gets %s", resp.Status)
	}
}
