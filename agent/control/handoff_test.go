package control

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/enroll"
)

// TestStrangersAreLetGo: before an agent is enrolled whoever finds its port gets
// as far as HTTP. They keep neither a request that does not end, nor a connection
// on which they ask again and again.
func TestStrangersAreLetGo(t *testing.T) {
	a := authority()
	token := a.NewToken()
	id, err := enroll.NewIdentity(enroll.Boot{Run: testRun, Name: "gw-0", CACertificate: a.CertificatePEM(), Token: token, NotAfter: a.NotAfter()})
	if err != nil {
		t.Fatal(err)
	}
	h, err := enroll.Handler(id, token, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", id.ServerConfig(ALPNTCP...))
	if err != nil {
		t.Fatal(err)
	}
	given := NewHandoff(ln.Addr())
	given.strangers = 200 * time.Millisecond
	server := NewServer(Mux(h, Handler(newFake()), nil), slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- server.ServeTLS(ctx, given) }()
	defer func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	defer ln.Close()

	for name, say := range map[string]func(net.Conn){
		"a body that does not come": func(c net.Conn) {
			io.WriteString(c, "POST /v1/enroll/hello HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
		},
		"one request after the other": func(c net.Conn) {
			in := bufio.NewReader(c)
			for err := error(nil); err == nil; {
				if _, err = io.WriteString(c, "GET /v1/info HTTP/1.1\r\nHost: x\r\n\r\n"); err == nil {
					_, err = in.ReadString('}')
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			accepted := make(chan net.Conn, 1)
			go func() {
				c, err := ln.Accept()
				if err == nil {
					err = c.(*tls.Conn).Handshake()
				}
				if err != nil {
					t.Error(err)
					close(accepted)
					return
				}
				given.Give(c.(*tls.Conn))
				accepted <- c
			}()
			c, err := tls.Dial("tcp", ln.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
				t.Fatal(err)
			}
			<-accepted
			say(c)
			_, err = io.Copy(io.Discard, c)
			if ne, ok := err.(net.Error); ok && ne.Timeout() {
				t.Error("the connection is kept")
			}
		})
	}
}
