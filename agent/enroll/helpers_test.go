package enroll

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/route"
)

const testRun = "r7"

func authority(t *testing.T, run string) *Authority {
	t.Helper()
	a, err := NewAuthority(run, time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func bootOf(a *Authority, name route.Gateway, token Token) Boot {
	return Boot{
		Run: a.Run(), Name: name, Listen: "127.0.0.1:7000", CACertificate: a.CertificatePEM(), Token: token,
		LifetimeSeconds: 3600, NotAfter: a.NotAfter(), EnrollWithinSeconds: 300,
	}
}

// agent is an agent's listener with nothing but enrollment behind it.
type agent struct {
	id      *Identity
	address string
	log     *logBuffer
}

// startAgent serves boot's identity; wrap may put something in front of the
// handler.
func startAgent(t *testing.T, boot Boot, wrap func(http.Handler) http.Handler) agent {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return startAgentOn(t, ln, boot, wrap)
}

func startAgentOn(t *testing.T, ln net.Listener, boot Boot, wrap func(http.Handler) http.Handler) agent {
	t.Helper()
	id, err := NewIdentity(boot)
	if err != nil {
		t.Fatal(err)
	}
	log := &logBuffer{}
	h, err := Handler(id, boot.Token, slog.New(slog.NewJSONHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if wrap != nil {
		h = wrap(h)
	}
	srv := &http.Server{Handler: h, TLSConfig: id.ServerConfig("h2", "http/1.1"), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.ServeTLS(ln, "", "")
	}()
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
		<-done
	})
	return agent{id: id, address: ln.Addr().String(), log: log}
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// within returns a context for what should take no time at all.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// meet makes a connection between two configurations, sends one byte each way
// and returns what each end saw. In TLS 1.3 a client learns that its
// certificate was refused only when it reads.
func meet(t *testing.T, server, client *tls.Config) (atServer, atClient tls.ConnectionState, serverErr, clientErr error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		raw, err := ln.Accept()
		if err != nil {
			serverErr = err
			return
		}
		defer raw.Close()
		atServer, serverErr = echo(tls.Server(raw, server))
	}()
	raw, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	atClient, clientErr = echo(tls.Client(raw, client))
	if err := raw.Close(); err != nil {
		t.Fatal(err)
	}
	<-done
	return atServer, atClient, serverErr, clientErr
}

func echo(c *tls.Conn) (tls.ConnectionState, error) {
	if _, err := c.Write([]byte{1}); err != nil {
		return c.ConnectionState(), err
	}
	_, err := io.ReadFull(c, make([]byte, 1))
	return c.ConnectionState(), err
}

// talk opens a conversation with an agent as an orchestrator would.
func talk(t *testing.T, a agent, e *enrollment) *conversation {
	t.Helper()
	raw, err := (&tls.Dialer{Config: e.config()}).DialContext(t.Context(), "tcp", a.address)
	if err != nil {
		t.Fatal(err)
	}
	c := newConversation(t.Context(), raw.(*tls.Conn))
	t.Cleanup(c.close)
	return c
}
