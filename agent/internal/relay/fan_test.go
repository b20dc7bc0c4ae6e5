package relay

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/internal/link"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/agent/wire"
)

// large is a stream with a chunk of several frames, and what is in it.
func large(tree route.Node, frames int) (encoded, payload []byte) {
	h := header(tree)
	frame := bytes.Repeat([]byte("x"), wire.MaxData)
	h.Length = int64(frames * len(frame))
	encoded = h.Append(nil)
	for range frames {
		encoded = append(encoded, data(string(frame))...)
		payload = append(payload, frame...)
	}
	return append(encoded, end(string(payload))...), payload
}

func written(d route.Dest) []byte {
	return (&wire.Ack{Chunk: chunk.ID{Object: 1}, Attempt: 1, Dest: d, Digest: chunk.Sum([]byte("payload"))}).Append(nil)
}

// TestAChildWithoutProgressIsCut: and its sibling gets everything.
func TestAChildWithoutProgressIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNet(t, "r", "w")
		forever, cancel := context.WithCancel(t.Context())
		n.peers["stuck"] = func(s *memStream) {
			<-forever.Done()
			s.Release()
		}
		b, payload := large(node("r", leaf("stuck", 0), leaf("w", 1)), 8)
		s, err := n.open(t.Context(), "r", link.Leg{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Release()
		start := time.Now()
		if _, err := s.Write(b); err != nil {
			t.Fatal(err)
		}
		s.CloseWrite()
		var acks []wire.Ack
		for a, err := wire.ReadAck(s); err == nil; a, err = wire.ReadAck(s) {
			acks = append(acks, a)
		}
		checkAcks(t, acks, map[route.Dest]string{0: "route: stalled: stuck took nothing for 10s", 1: ""})
		if took := time.Since(start); took != stallAfter {
			t.Errorf("it took %v", took)
		}
		if o, err := n.bucket.Stat(t.Context(), "1"); err != nil || *o.CRC32C != chunk.Sum(payload) {
			t.Errorf("the sibling has %+v, %v", o, err)
		}
		cancel()
		n.served.Wait()
	})
}

// TestAChildOnASlowLinkIsNotStalled: a frame takes it longer than stallAfter.
func TestAChildOnASlowLinkIsNotStalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNet(t, "r")
		n.window = 1
		n.peers["slow"] = func(s *memStream) {
			defer s.Release()
			piece := make([]byte, pieceSize)
			for range 3 * wire.MaxData / pieceSize {
				time.Sleep(stallAfter / 2)
				if _, err := io.ReadFull(s, piece); err != nil {
					t.Errorf("cut: %v", err)
					return
				}
			}
			io.Copy(io.Discard, s)
			s.Write(written(0))
			s.CloseWrite()
		}
		b, _ := large(node("r", leaf("slow", 0)), 3)
		acks, _ := n.give("r", b)
		checkAcks(t, acks, map[route.Dest]string{0: ""})
	})
}

// TestAcknowledgementsPassAsTheyCome: a slow destination keeps no other's.
func TestAcknowledgementsPassAsTheyCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNet(t, "r", "m", "w")
		n.peers["late"] = func(s *memStream) {
			defer s.Release()
			io.Copy(io.Discard, s)
			time.Sleep(time.Minute)
			s.Write(written(0))
			s.CloseWrite()
		}
		s, err := n.open(t.Context(), "r", link.Leg{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Release()
		start := time.Now()
		if _, err := s.Write(good(node("r", node("m", leaf("late", 0), leaf("w", 1))))); err != nil {
			t.Fatal(err)
		}
		s.CloseWrite()
		for _, want := range []struct {
			dest route.Dest
			at   time.Duration
		}{{1, 0}, {0, time.Minute}} {
			a, err := wire.ReadAck(s)
			if err != nil || a.Failure != nil || a.Dest != want.dest || time.Since(start) != want.at {
				t.Errorf("after %v: %+v, %v; want destination %d after %v", time.Since(start), a, err, want.dest, want.at)
			}
		}
		n.served.Wait()
	})
}

func TestAChildsLastWordIsHeard(t *testing.T) {
	n := newNet(t, "r")
	n.peers["full"] = func(s *memStream) {
		defer s.Release()
		if _, err := wire.ReadHeader(s); err != nil {
			t.Error(err)
		}
		s.StopReading()
		s.Write((&wire.Ack{Chunk: chunk.ID{Object: 1}, Attempt: 1, Failure: &wire.Failure{
			Stage: wire.StageWrite, Kind: objstore.KindQuota, Message: "no space"}}).Append(nil))
		s.CloseWrite()
	}
	b, _ := large(node("r", leaf("full", 0)), 8)
	s, err := n.open(t.Context(), "r", link.Leg{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	s.Write(b) // it may be stopped in the middle of this
	a, err := wire.ReadAck(s)
	if err != nil || a.Failure == nil || a.Failure.Kind != objstore.KindQuota || a.Failure.Message != "no space" {
		t.Errorf("%+v, %v", a, err)
	}
	n.served.Wait()
}

func TestAnswersAreChecked(t *testing.T) {
	ack := func(change func(*wire.Ack)) []byte {
		a := wire.Ack{Chunk: chunk.ID{Object: 1}, Attempt: 1}
		change(&a)
		return a.Append(nil)
	}
	for _, c := range []struct {
		name      string
		answer    []byte
		malformed bool
		said      string
	}{
		{"none", nil, false, "route: no acknowledgement"},
		{"half of one", written(0)[:6], false, "route: no acknowledgement"},
		{"twice", append(written(0), written(0)...), true, ""},
		{"for another's destination", written(1), true, "route: no acknowledgement: malformed"},
		{"for another chunk", ack(func(a *wire.Ack) { a.Chunk.Index = 1 }), true, "route: no acknowledgement: malformed"},
		{"for another attempt", ack(func(a *wire.Ack) { a.Attempt = 2 }), true, "route: no acknowledgement: malformed"},
		{"not an acknowledgement", data("x"), true, "route: no acknowledgement: malformed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNet(t, "r", "w")
			var child *memStream
			n.peers["odd"] = func(s *memStream) {
				child = s
				io.Copy(io.Discard, s)
				s.Write(c.answer)
				s.CloseWrite()
			}
			acks, _ := n.give("r", good(node("r", leaf("odd", 0), leaf("w", 1))))
			checkAcks(t, acks, map[route.Dest]string{0: c.said, 1: ""})
			if why := child.broken.cause(); errors.Is(why, wire.ErrMalformed) != c.malformed {
				t.Errorf("the child's connection was closed with %v", why)
			}
		})
	}
}

func TestAHeaderThatDoesNotFitFailsForGood(t *testing.T) {
	n := newNet(t, "r", "w")
	h := header(node("r", leaf("w", 0)))
	h.Dests = make([]byte, wire.MaxHeader)
	fan := n.relays["r"].Fan(t.Context(), h, nil)
	defer fan.Release()
	fan.Acks(func(a wire.Ack) {
		if a.Failure == nil || a.Failure.Kind.Retryable() {
			t.Errorf("%+v", a.Failure)
		}
	})
}

// still is a stream without a peer: what is read from it is there, what is
// written to it is dropped.
type still struct {
	Stream
	bytes.Reader
}

func (s *still) Read(p []byte) (int, error)       { return s.Reader.Read(p) }
func (s *still) Write(p []byte) (int, error)      { return len(p), nil }
func (s *still) CloseWrite() error                { return nil }
func (s *still) WriteLast([]byte) error           { return nil }
func (s *still) SetReadDeadline(time.Time) error  { return nil }
func (s *still) SetWriteDeadline(time.Time) error { return nil }
func (s *still) Interrupt()                       {}
func (s *still) Release()                         {}

// BenchmarkRelay passes a chunk of 16 MiB on over streams that cost nothing:
// what it allocates is what a relay needs for a chunk, whatever its size.
func BenchmarkRelay(b *testing.B) {
	n := newNet(b, "r")
	r := n.relays["r"]
	encoded, payload := large(node("r", leaf("out", 0)), 256)
	var in, out still
	r.cfg.Open = func(context.Context, route.Gateway, link.Leg) (Stream, error) {
		out.Reset(written(0))
		return &out, nil
	}
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		in.Reset(encoded)
		r.Serve(b.Context(), "test", &in)
		if out.Len() != 0 {
			b.Fatal("the acknowledgement was not read")
		}
	}
}

// A chunk of 16 MiB costs a relay and a writer no more allocations than a small
// one, under 200 for both: nothing is allocated for a frame.
func TestAllocationsOfAChunk(t *testing.T) {
	const most = 100
	for _, c := range []struct {
		name string
		tree route.Node
	}{
		{"relay", node("r", leaf("out", 0))},
		{"writer", leaf("r", 0)},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNet(t, "r")
			r := n.relays["r"]
			encoded, _ := large(c.tree, 256)
			var in, out still
			r.cfg.Open = func(context.Context, route.Gateway, link.Leg) (Stream, error) {
				out.Reset(written(0))
				return &out, nil
			}
			received := r.Received.Load()
			got := testing.AllocsPerRun(5, func() {
				in.Reset(encoded)
				r.Serve(t.Context(), "test", &in)
			})
			if received = r.Received.Load() - received; received != 6*256*wire.MaxData {
				t.Fatalf("%d bytes were received", received)
			}
			t.Logf("%.0f allocations", got)
			if got > most {
				t.Errorf("%.0f allocations, more than %d", got, most)
			}
		})
	}
}
