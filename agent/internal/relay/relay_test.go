package relay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/internal/budget"
	"github.com/skyctl/skyctl/agent/internal/link"
	"github.com/skyctl/skyctl/agent/internal/sink"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/mem"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/agent/wire"
)

// net is relays that reach each other over streams in memory. Peers that are
// not relays are functions.
type net struct {
	t      testing.TB
	bucket objstore.Bucket
	memory *budget.Budget
	relays map[route.Gateway]*Relay
	peers  map[route.Gateway]func(*memStream)
	window int // pieces of writes that a stream takes ahead
	served sync.WaitGroup
}

func newNet(t testing.TB, names ...route.Gateway) *net {
	b, err := mem.Open(t.Context(), objstore.Config{Bucket: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	n := &net{t: t, bucket: b, memory: budget.New(64 << 20), window: 16, relays: map[route.Gateway]*Relay{}, peers: map[route.Gateway]func(*memStream){}}
	for _, name := range names {
		to := sink.New(sink.Config{
			Store:  func(string) (objstore.Bucket, error) { return n.bucket, nil },
			Budget: func() *budget.Budget { return n.memory }, ReadBack: func() bool { return false }})
		n.relays[name] = New(Config{Self: name, Run: "run", Session: func() string { return "now" }, Key: func() []byte { return nil },
			Enter: func(ctx context.Context) (context.Context, func(), bool) { return ctx, func() {}, true }, Open: n.open, Sink: to, Log: slog.New(slog.DiscardHandler)})
	}
	return n
}

func (n *net) open(_ context.Context, peer route.Gateway, _ link.Leg) (Stream, error) {
	serve, ok := n.peers[peer]
	if r := n.relays[peer]; r != nil {
		serve = func(s *memStream) { r.Serve(context.Background(), "test", s) }
	} else if !ok {
		return nil, fmt.Errorf("gateway %q is not a peer of this one", peer)
	}
	opener, acceptor := streamPair(n.window)
	n.served.Go(func() { serve(acceptor) })
	return opener, nil
}

// give opens a stream to the gateway, writes all of bytes, ends it, and
// returns what is answered and why the connection was closed, if it was.
func (n *net) give(to route.Gateway, bytes []byte) ([]wire.Ack, error) {
	n.t.Helper()
	s, err := n.open(n.t.Context(), to, link.Leg{})
	if err != nil {
		n.t.Fatal(err)
	}
	defer s.Release()
	if _, err := s.Write(bytes); err == nil {
		s.CloseWrite()
	}
	var acks []wire.Ack
	for {
		a, err := wire.ReadAck(s)
		if err != nil {
			n.served.Wait()
			if n.memory.Used() != 0 {
				n.t.Errorf("%d bytes are still charged", n.memory.Used())
			}
			return acks, s.(*memStream).broken.cause()
		}
		acks = append(acks, a)
	}
}

func (n *net) content(key string) string {
	n.t.Helper()
	r, _, err := n.bucket.Open(n.t.Context(), key, "", chunk.Range{Length: int64(len("payload"))})
	if objstore.KindOf(err) == objstore.KindNotFound {
		return ""
	}
	if err != nil {
		n.t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		n.t.Fatal(err)
	}
	return string(b)
}

// leaf is a gateway that writes.
func leaf(name route.Gateway, dests ...route.Dest) route.Node {
	return route.Node{Gateway: name, Writes: dests}
}

func node(name route.Gateway, children ...route.Node) route.Node {
	return route.Node{Gateway: name, Children: children}
}

// header is that of a chunk of 7 bytes along the tree; destination N has key
// "N".
func header(tree route.Node) *wire.Header {
	var d wire.Dests
	for _, number := range tree.Dests() {
		d.Dests = append(d.Dests, wire.Dest{Number: number, Store: "dst", Key: fmt.Sprint(number)})
	}
	return &wire.Header{Run: "run", Session: "now", Chunk: chunk.ID{Object: 1}, Attempt: 1, Length: 7, Route: tree, Dests: d.Append(nil)}
}

func data(s string) []byte {
	b := append(make([]byte, wire.HeadSize), s...)
	wire.PutHead(b, wire.TypeData, len(s))
	return b
}

func end(s string) []byte { return wire.AppendEnd(nil, chunk.Sum([]byte(s))) }

func stream(h *wire.Header, frames ...[]byte) []byte {
	return append(h.Append(nil), bytes.Join(frames, nil)...)
}

func good(tree route.Node) []byte {
	return stream(header(tree), data("pay"), data("load"), end("payload"))
}

// TestMalformedBytesCloseTheConnection holds the first two rows of what goes
// wrong in PROTOCOL.md.
func TestMalformedBytesCloseTheConnection(t *testing.T) {
	h := header(leaf("w", 0))
	block := header(leaf("w", 0))
	block.Dests = append(block.Dests, 0)
	bodied := func(frame []byte, extra ...byte) []byte { // the same frame with a longer body
		b := append(bytes.Clone(frame), extra...)
		wire.PutHead(b, wire.Type(b[0]), len(b)-wire.HeadSize)
		return b
	}
	for name, b := range map[string][]byte{
		"not frames":                    []byte("GET / HTTP/1.1\r\n\r\n"),
		"payload first":                 data("x"),
		"unknown type":                  stream(h, []byte{9, 0, 0, 1, 0}),
		"length over its limit":         {byte(wire.TypeHeader), 0xff, 0xff, 0xff},
		"bytes behind the header":       bodied(h.Append(nil), 0),
		"bytes behind the destinations": block.Append(nil),
		"bytes behind an abort":         stream(h, bodied(wire.AppendAbort(nil, wire.Failure{Stage: wire.StageRead}), 0)),
		"second header":                 stream(h, h.Append(nil)),
		"more payload than announced":   stream(h, data("payloads")),
		"end before all payload":        stream(h, data("pay"), end("pay")),
	} {
		t.Run(name, func(t *testing.T) {
			n := newNet(t, "w")
			acks, why := n.give("w", b)
			if !errors.Is(why, wire.ErrMalformed) || len(acks) != 0 {
				t.Errorf("answered %+v, closed with %v", acks, why)
			}
			if got := n.content("0"); got != "" {
				t.Errorf("%q was written", got)
			}
		})
	}
}

// TestWhatGoesWrongIsAnswered holds the other rows.
func TestWhatGoesWrongIsAnswered(t *testing.T) {
	of := func(change func(*wire.Header)) []byte {
		h := header(leaf("w", 0))
		change(h)
		return stream(h, data("payload"), end("payload"))
	}
	for _, c := range []struct {
		name  string
		bytes []byte
		acks  map[route.Dest]string // "" for written
		kept  string                // what is at destination 0 afterwards
	}{
		{"nothing", good(leaf("w", 0, 1)), map[route.Dest]string{0: "", 1: ""}, "payload"},
		{"another run", of(func(h *wire.Header) { h.Run = "other" }), map[route.Dest]string{0: "route: the chunk is of another run"}, "before"},
		{"an earlier session", of(func(h *wire.Header) { h.Session = "then" }), map[route.Dest]string{0: "route: the chunk is of an earlier session"}, "before"},
		{"a route that starts elsewhere", of(func(h *wire.Header) { h.Route.Gateway = "v" }), map[route.Dest]string{0: `route: the route starts at "v"`}, "before"},
		{"no such peer", good(route.Node{Gateway: "w", Writes: []route.Dest{0}, Children: []route.Node{node("nobody", leaf("x", 1), leaf("y", 2))}}),
			map[route.Dest]string{0: "", 1: `route: gateway "nobody" is not`, 2: `route: gateway "nobody" is not`}, "payload"},
		{"CRC differs", stream(header(leaf("w", 0)), data("payload"), end("pay1oad")), map[route.Dest]string{0: "write: write"}, "before"},
		{"CRC differs two gateways on", stream(header(node("r", leaf("w", 0))), data("payload"), end("pay1oad")), map[route.Dest]string{0: "write: write"}, "before"},
		{"the stream ends early", stream(header(leaf("w", 0)), data("pay")), nil, "before"},
		{"the header ends early", header(leaf("w", 0)).Append(nil)[:20], nil, "before"},
		{"abort", stream(header(leaf("w", 0)), data("payload"), wire.AppendAbort(nil, wire.Failure{Stage: wire.StageRead})), nil, "before"},
		{"abort two gateways on", stream(header(node("r", leaf("w", 0))), data("payload"), wire.AppendAbort(nil, wire.Failure{Stage: wire.StageRead})), nil, "before"},
		{"a destination the header does not describe", of(func(h *wire.Header) { h.Route.Writes = []route.Dest{0, 5} }),
			map[route.Dest]string{0: "", 5: "write: the header says nothing of destination 5"}, "payload"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNet(t, "w", "r")
			before := []byte("before")
			if _, err := n.bucket.Put(t.Context(), "0", objstore.Body{Size: 6, Bytes: before, Digest: chunk.Sum(before)}, objstore.Metadata{}); err != nil {
				t.Fatal(err)
			}
			to := route.Gateway("w")
			if strings.Contains(c.name, "two gateways") {
				to = "r"
			}
			for range 2 { // a duplicate is answered, and ends, like the first
				acks, why := n.give(to, c.bytes)
				if why != nil {
					t.Fatalf("the connection was closed: %v", why)
				}
				checkAcks(t, acks, c.acks)
			}
			if o, err := n.bucket.Stat(t.Context(), "0"); err != nil || *o.CRC32C != chunk.Sum([]byte(c.kept)) {
				t.Errorf("destination 0 has %+v, not %q (%v)", o, c.kept, err)
			}
		})
	}
}

func checkAcks(t *testing.T, got []wire.Ack, want map[route.Dest]string) {
	t.Helper()
	said := map[route.Dest]bool{}
	for _, a := range got {
		text := ""
		if a.Failure != nil {
			text = map[wire.Stage]string{wire.StageRead: "read", wire.StageRoute: "route", wire.StageWrite: "write"}[a.Failure.Stage] + ": " + a.Failure.Message
		}
		expected, ok := want[a.Dest]
		if !ok || said[a.Dest] || (expected == "") != (text == "") || !strings.HasPrefix(text, expected) {
			t.Errorf("destination %d: %q, want %q (answered before: %v)", a.Dest, text, expected, said[a.Dest])
		}
		said[a.Dest] = true
	}
	if len(said) != len(want) {
		t.Errorf("%d destinations are answered for, not %d", len(said), len(want))
	}
}

// TestManyDestinationsBehindOneBranch: more than gateways are allowed.
func TestManyDestinationsBehindOneBranch(t *testing.T) {
	n := newNet(t, "r", "w")
	var dests []route.Dest
	want := map[route.Dest]string{}
	for d := range route.Dest(200) {
		dests = append(dests, d)
		want[d] = ""
	}
	n.window = 300
	acks, why := n.give("r", good(node("r", leaf("w", dests...))))
	if why != nil {
		t.Fatal(why)
	}
	checkAcks(t, acks, want)
}

func TestAPeerThatSaysNothingIsLetGo(t *testing.T) {
	for _, c := range []struct {
		name   string
		bytes  []byte
		within time.Duration
	}{
		{"no header", nil, headerWithin},
		{"no payload", header(leaf("w", 0)).Append(nil), payloadWithin},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNet(t, "w")
				s, err := n.open(t.Context(), "w", link.Leg{})
				if err == nil && c.bytes != nil {
					_, err = s.Write(c.bytes)
				}
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				n.served.Wait()
				if took := time.Since(start); took != c.within || n.memory.Used() != 0 {
					t.Errorf("let go after %v, not %v; %d bytes charged", took, c.within, n.memory.Used())
				}
			})
		})
	}
}
