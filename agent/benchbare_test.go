package agent_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/skyctl/skyctl/agent/enroll"
	"github.com/skyctl/skyctl/agent/wire"
)

// The other side of the comparison: quic-go and crypto/tls with our settings,
// a buffer, and nothing else. A chunk is its bytes, and a byte for an answer.

type bareCopy struct {
	b     testing.TB
	conns []bareConn
	noise []byte
}

// bareConn carries one chunk and returns when it is answered.
type bareConn func(chunk []byte) error

var bareQUICConfig = &quic.Config{
	InitialStreamReceiveWindow: 1 << 20, MaxStreamReceiveWindow: 16 << 20,
	InitialConnectionReceiveWindow: 2 << 20, MaxConnectionReceiveWindow: 512 << 20, MaxIncomingStreams: 1024, KeepAlivePeriod: 2 * time.Second,
}

func bareIdentities(b testing.TB) (server, client *tls.Config) {
	a, err := enroll.NewAuthority("bare", time.Now().Add(time.Hour))
	if err != nil {
		b.Fatal(err)
	}
	s, err1 := a.NewIdentity("server")
	c, err2 := a.NewIdentity("client")
	if err1 != nil || err2 != nil {
		b.Fatal(err1, err2)
	}
	return s.ServerConfig(wire.ALPN), c.ClientConfig("server", wire.ALPN)
}

func newBareQUIC(b testing.TB, connections int) *bareCopy {
	server, client := bareIdentities(b)
	ln, err := quic.ListenAddr("127.0.0.1:0", server, bareQUICConfig)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	b.Cleanup(func() {
		cancel()
		ln.Close()
		serving.Wait()
	})
	serving.Go(func() {
		for {
			conn, err := ln.Accept(ctx)
			if err != nil {
				return
			}
			serving.Go(func() { bareServeQUIC(ctx, conn) })
		}
	})
	x := &bareCopy{b: b}
	for range connections {
		conn, err := quic.DialAddr(ctx, ln.Addr().String(), client, bareQUICConfig)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { conn.CloseWithError(0, "") })
		x.conns = append(x.conns, func(chunk []byte) error { return bareExchange(conn, chunk) })
	}
	return x
}

func bareServeQUIC(ctx context.Context, conn *quic.Conn) {
	var streams sync.WaitGroup
	defer streams.Wait()
	for {
		s, err := conn.AcceptStream(ctx)
		if err != nil {
			return
		}
		streams.Go(func() {
			buf := make([]byte, wire.MaxData)
			for err := error(nil); err == nil; {
				_, err = s.Read(buf)
			}
			s.Write(buf[:1])
			s.Close()
		})
	}
}

func bareExchange(conn *quic.Conn, chunk []byte) error {
	s, err := conn.OpenStreamSync(context.Background())
	if err != nil {
		return err
	}
	for len(chunk) > 0 {
		n := min(len(chunk), wire.MaxData)
		if _, err := s.Write(chunk[:n]); err != nil {
			return err
		}
		chunk = chunk[n:]
	}
	s.Close()
	_, err = io.ReadFull(s, make([]byte, 1))
	s.CancelRead(0)
	return err
}

func newBareTLS(b testing.TB, connections int) *bareCopy {
	server, client := bareIdentities(b)
	ln, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		b.Fatal(err)
	}
	var serving sync.WaitGroup
	b.Cleanup(func() {
		ln.Close()
		serving.Wait()
	})
	serving.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { bareServeTLS(conn) })
		}
	})
	client.DynamicRecordSizingDisabled = true
	x := &bareCopy{b: b}
	for range connections {
		conn, err := tls.Dial("tcp", ln.Addr().String(), client)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { conn.Close() })
		var mu sync.Mutex
		answer := make([]byte, 1)
		x.conns = append(x.conns, func(chunk []byte) error {
			mu.Lock()
			defer mu.Unlock()
			for len(chunk) > 0 {
				n := min(len(chunk), wire.MaxData)
				if _, err := conn.Write(chunk[:n]); err != nil {
					return err
				}
				chunk = chunk[n:]
			}
			_, err := io.ReadFull(conn, answer)
			return err
		})
	}
	return x
}

func bareServeTLS(conn net.Conn) {
	defer conn.Close()
	buf := make([]byte, wire.MaxData)
	for got := 0; ; {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		for got += n; got >= benchChunk; got -= benchChunk {
			if _, err := conn.Write(buf[:1]); err != nil {
				return
			}
		}
	}
}

// carry moves count chunks, as many at a time as a reader of ours does.
func (x *bareCopy) carry(count, size, atOnce int) {
	next := make(chan struct{})
	var wg sync.WaitGroup
	for i := range atOnce {
		wg.Go(func() {
			for range next {
				if err := x.conns[i%len(x.conns)](x.noise[:size]); err != nil {
					x.b.Error(err)
				}
			}
		})
	}
	for range count {
		next <- struct{}{}
	}
	close(next)
	wg.Wait()
}
