package agent_test

import (
	"context"
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/skyctl/skyctl/agent/agenttest"
	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/enroll"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/agent/wire"
)

func TestAnotherRunsCertificateIsRefused(t *testing.T) {
	p := newPlaces(t, "src", "dst0")
	f := agenttest.Start(t, agenttest.Options{Stores: p.configs}, "r", "w0")
	other, err := enroll.NewAuthority("other", time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := other.NewIdentity("r")
	if err != nil {
		t.Fatal(err)
	}
	dial := func(c *tls.Config) error {
		conn, err := quic.DialAddr(t.Context(), f.Address("w0"), c, nil)
		if err != nil {
			return err
		}
		defer conn.CloseWithError(0, "")
		s, err := conn.OpenStream()
		if err == nil {
			_, err = s.Write([]byte{1, 0, 0, 1, 1})
		}
		if err == nil {
			_, err = s.Read(make([]byte, 1)) // the server refuses after the client believes it is connected
		}
		return err
	}
	if err := dial(stranger.ClientConfig("w0", wire.ALPN)); err == nil {
		t.Error("a gateway that cannot prove its run was believed")
	}
	careless := stranger.ClientConfig("w0", wire.ALPN)
	careless.InsecureSkipVerify, careless.VerifyConnection, careless.VerifyPeerCertificate = true, nil, nil
	if err := dial(careless); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("another run's certificate got %v", err)
	}
	if err := dial(&tls.Config{InsecureSkipVerify: true, NextProtos: []string{wire.ALPN}}); err == nil {
		t.Error("a peer without a certificate got something")
	}
}

func TestMalformedBytesCostTheConnection(t *testing.T) {
	p := newPlaces(t, "src", "dst0")
	f := agenttest.Start(t, agenttest.Options{Stores: p.configs}, "w0")
	f.Configure("s")
	n, id := f.Network("evil")
	n.Socket.Close()
	good := wire.Header{Run: "test", Session: "s", Length: 2, Route: route.Node{Gateway: "w0", Writes: []route.Dest{0}},
		Dests: (&wire.Dests{Dests: []wire.Dest{{Store: "dst0", Key: "k"}}}).Append(nil)}
	data := func(s string) []byte {
		b := append(make([]byte, wire.HeadSize), s...)
		wire.PutHead(b, wire.TypeData, len(s))
		return b
	}
	for _, c := range []struct {
		name  string
		bytes []byte
	}{
		{"garbage", []byte("GET / HTTP/1.1\r\n\r\n")},
		{"data first", data("x")},
		{"oversized", []byte{byte(wire.TypeHeader), 0xff, 0xff, 0xff}},
		{"more than announced", append(good.Append(nil), data("xyz")...)},
		{"less than announced", wire.AppendEnd(append(good.Append(nil), data("x")...), chunk.Sum([]byte("x")))},
		{"unknown frame", append(good.Append(nil), 99, 0, 0, 1, 0)},
		{"acknowledgement from the sender", (&wire.Ack{}).Append(good.Append(nil))},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := quic.DialAddr(t.Context(), f.Address("w0"), id.ClientConfig("w0", wire.ALPN), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.CloseWithError(0, "")
			s, err := conn.OpenStream()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Write(c.bytes); err != nil {
				t.Fatal(err)
			}
			select {
			case <-conn.Context().Done():
			case <-time.After(5 * time.Second):
				t.Fatal("the connection is still open")
			}
			if err := context.Cause(conn.Context()); !strings.Contains(err.Error(), "malformed") {
				t.Errorf("closed with %v", err)
			}
		})
	}
	t.Run("wrong digest", func(t *testing.T) {
		conn, err := quic.DialAddr(t.Context(), f.Address("w0"), id.ClientConfig("w0", wire.ALPN), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.CloseWithError(0, "")
		s, err := conn.OpenStream()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Write(wire.AppendEnd(append(good.Append(nil), data("xy")...), chunk.Sum([]byte("no")))); err != nil {
			t.Fatal(err)
		}
		fr, err := wire.Read(s, make([]byte, wire.MaxFrame))
		if err != nil {
			t.Fatal(err)
		}
		if a, err := wire.ParseAck(fr.Body); err != nil || a.Failure == nil || a.Failure.Kind != objstore.KindCorrupt {
			t.Errorf("%+v, %v", a, err)
		}
		if _, err := p.bucket("dst0").Stat(t.Context(), "k"); objstore.KindOf(err) != objstore.KindNotFound {
			t.Errorf("the corrupt object is there: %v", err)
		}
	})
}
