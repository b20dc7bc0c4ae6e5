package agent_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/skyctl/skyctl/agent/agenttest"
	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/enroll"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/agent/wire"
)

// stranger is the other end of a connection, with nothing of ours but frames.
type stranger interface {
	Write([]byte) (int, error)
	// reason waits for the agent to close the connection and returns what it
	// says about it.
	reason() string
	// answers reads what the agent answers to the first chunk.
	answers() ([]byte, error)
	hangUp()
}

// dialers connect over each transport.
var dialers = map[string]func(ctx context.Context, address string, c *tls.Config) (stranger, error){
	control.TransportQUIC: dialQUIC,
	control.TransportTLS:  dialTLS,
}

type quicStranger struct {
	conn *quic.Conn
	*quic.Stream
}

func dialQUIC(ctx context.Context, address string, c *tls.Config) (stranger, error) {
	conn, err := quic.DialAddr(ctx, address, c, nil)
	if err != nil {
		return nil, err
	}
	s, err := conn.OpenStream()
	return &quicStranger{conn, s}, err
}

func (s *quicStranger) hangUp() { s.conn.CloseWithError(0, "") }

func (s *quicStranger) reason() string {
	select {
	case <-s.conn.Context().Done():
		return context.Cause(s.conn.Context()).Error()
	case <-time.After(time.Minute):
		return "the connection is still open"
	}
}

func (s *quicStranger) answers() ([]byte, error) { return io.ReadAll(s.Stream) }

type tlsStranger struct{ *tls.Conn }

func dialTLS(ctx context.Context, address string, c *tls.Config) (stranger, error) {
	d := tls.Dialer{Config: c}
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &tlsStranger{conn.(*tls.Conn)}, conn.SetReadDeadline(time.Now().Add(time.Minute))
}

func (s *tlsStranger) hangUp() { s.Close() }

func (s *tlsStranger) reason() string {
	for {
		f, err := wire.Read(s, make([]byte, wire.MaxFrame))
		if err != nil {
			return err.Error()
		}
		if f.Type == wire.TypeBye {
			x, err := wire.ParseBye(f.Body)
			return errors.Join(errors.New(x.Message), err).Error()
		}
	}
}

func (s *tlsStranger) answers() ([]byte, error) {
	var b []byte
	for {
		f, err := wire.Read(s, make([]byte, wire.MaxFrame))
		if err != nil {
			return b, err
		}
		a, err := wire.ParseAnswer(f.Body)
		if err != nil || a.Number != 1 {
			return b, errors.Join(err, errors.New("not an answer to chunk 1"))
		}
		switch a.Say {
		case wire.SayBytes:
			b = append(b, a.Bytes...)
		case wire.SayStop: // the reason follows
		default:
			return b, nil
		}
	}
}

func TestAnotherRunsCertificateIsRefused(t *testing.T) {
	for transport, dial := range dialers {
		t.Run(transport, func(t *testing.T) {
			p := newPlaces(t, "src", "dst0")
			f := agenttest.Start(t, agenttest.Options{Stores: p.configs}, "r", "w0")
			other, err := enroll.NewAuthority("other", time.Now().Add(time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			id, err := other.NewIdentity("r")
			if err != nil {
				t.Fatal(err)
			}
			refused := func(c *tls.Config) string {
				s, err := dial(t.Context(), f.Address("w0"), c)
				if err != nil {
					return err.Error()
				}
				defer s.hangUp()
				if _, err := s.Write((&wire.Probe{}).Append(nil)); err != nil {
					return err.Error()
				}
				return s.reason() // the server refuses after the client believes it is connected
			}
			if why := refused(id.ClientConfig("w0", wire.ALPN)); !strings.Contains(why, "certificate") {
				t.Errorf("a gateway that cannot prove its run was believed: %s", why)
			}
			careless := id.ClientConfig("w0", wire.ALPN)
			careless.InsecureSkipVerify, careless.VerifyConnection, careless.VerifyPeerCertificate = true, nil, nil
			if why := refused(careless); !strings.Contains(why, "certificate") {
				t.Errorf("another run's certificate got %s", why)
			}
			if why := refused(&tls.Config{InsecureSkipVerify: true, NextProtos: []string{wire.ALPN}}); !strings.Contains(why, "certificate") {
				t.Errorf("a peer without a certificate got %s", why)
			}
			_, id = f.Network("r2")
			if why := refused(id.ClientConfig("w0", "skyctl/99")); !strings.Contains(why, "application protocol") && !strings.Contains(why, "0x178") {
				t.Errorf("a peer of another version got %s", why)
			}
		})
	}
}

func TestMalformedBytesCostTheConnection(t *testing.T) {
	for transport, dial := range dialers {
		t.Run(transport, func(t *testing.T) { testMalformedBytes(t, dial) })
	}
}

func testMalformedBytes(t *testing.T, dial func(context.Context, string, *tls.Config) (stranger, error)) {
	p := newPlaces(t, "src", "dst0")
	f := agenttest.Start(t, agenttest.Options{Stores: p.configs}, "w0")
	f.Configure("s")
	n, id := f.Network("evil")
	n.Sockets[0].Close()
	n.Listener.Close()
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
		{"second header", append(good.Append(nil), good.Append(nil)...)},
		{"acknowledgement from the sender", (&wire.Ack{}).Append(good.Append(nil))},
		{"answer to nothing", (&wire.Answer{Number: 7, Say: wire.SayDone}).Append(nil)},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := dial(t.Context(), f.Address("w0"), id.ClientConfig("w0", wire.ALPN))
			if err != nil {
				t.Fatal(err)
			}
			defer s.hangUp()
			if _, err := s.Write(c.bytes); err != nil {
				t.Fatal(err)
			}
			if why := s.reason(); !strings.Contains(why, "malformed") {
				t.Errorf("closed with %s", why)
			}
		})
	}
	t.Run("wrong digest", func(t *testing.T) {
		s, err := dial(t.Context(), f.Address("w0"), id.ClientConfig("w0", wire.ALPN))
		if err != nil {
			t.Fatal(err)
		}
		defer s.hangUp()
		if _, err := s.Write(wire.AppendEnd(append(good.Append(nil), data("xy")...), chunk.Sum([]byte("no")))); err != nil {
			t.Fatal(err)
		}
		b, err := s.answers()
		if err != nil {
			t.Fatal(err)
		}
		if a, err := wire.ReadAck(bytes.NewReader(b)); err != nil || a.Failure == nil || a.Failure.Kind != objstore.KindCorrupt {
			t.Errorf("%+v, %v", a, err)
		}
		if _, err := p.bucket("dst0").Stat(t.Context(), "k"); objstore.KindOf(err) != objstore.KindNotFound {
			t.Errorf("the corrupt object is there: %v", err)
		}
	})
}

// TestARelayWritesNothingOfItsOwn: whoever has no key cannot have anything written
// by a gateway that has, but what was sealed.
func TestARelayWritesNothingOfItsOwn(t *testing.T) {
	for transport, dial := range dialers {
		t.Run(transport, func(t *testing.T) {
			p := newPlaces(t, "src", "dst0")
			f := agenttest.Start(t, agenttest.Options{Stores: p.configs, Transport: transport, Key: bytes.Repeat([]byte{1}, control.KeySize)}, "r", "w0")
			f.Configure("s", agenttest.Chain(0, 1, "r", "relay", "w0"))
			n, id := f.Network("relay")
			n.Sockets[0].Close()
			n.Listener.Close()
			s, err := dial(t.Context(), f.Address("w0"), id.ClientConfig("w0", wire.ALPN))
			if err != nil {
				t.Fatal(err)
			}
			defer s.hangUp()
			h := wire.Header{Run: "test", Session: "s", Length: 2, Route: route.Node{Gateway: "w0", Writes: []route.Dest{0}},
				Dests: (&wire.Dests{Dests: []wire.Dest{{Store: "dst0", Key: "k"}}}).Append(nil)}
			data := append(make([]byte, wire.HeadSize), "xy"...)
			wire.PutHead(data, wire.TypeData, 2)
			if _, err := s.Write(wire.AppendEnd(append(h.Append(nil), data...), chunk.Sum([]byte("xy")))); err != nil {
				t.Fatal(err)
			}
			b, err := s.answers()
			if err != nil {
				t.Fatal(err)
			}
			if a, err := wire.ReadAck(bytes.NewReader(b)); err != nil || a.Failure == nil || a.Failure.Stage != wire.StageRoute || !strings.Contains(a.Failure.Message, "not sealed") {
				t.Errorf("%+v, %v", a, err)
			}
			if _, err := p.bucket("dst0").Stat(t.Context(), "k"); objstore.KindOf(err) != objstore.KindNotFound {
				t.Errorf("the object is there: %v", err)
			}
			f.Configure("direct", agenttest.Chain(0, 1, "r", "w0")) // what a reader sends need not be
			checkResults(t, f.Run("r", many(p, 1, 1000)))
		})
	}
}
