package codec

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/wire"
)

var (
	runKey = bytes.Repeat([]byte{7}, control.KeySize)
	codecs = []wire.Codec{wire.CodecZstd, wire.CodecSealed, wire.CodecZstd | wire.CodecSealed}
)

func header(c wire.Codec) *wire.Header {
	return &wire.Header{Run: "r", Session: "s", Chunk: chunk.ID{Object: 1}, Codec: c, Length: 10, Dests: []byte("destinations")}
}

// code returns the payload's segments, coded, and the digest of its bytes.
func code(t testing.TB, h *wire.Header, payload []byte) (segments [][]byte, d chunk.Digest) {
	t.Helper()
	e, err := NewEncoder(h, runKey)
	if err != nil {
		t.Fatal(err)
	}
	d = chunk.Sum(payload)
	for {
		n := min(len(payload), MaxSegment(h.Codec))
		isLast := n == len(payload)
		segments = append(segments, e.Append(nil, payload[:n], isLast, d))
		if payload = payload[n:]; isLast {
			return segments, d
		}
	}
}

func decode(h *wire.Header, key []byte, segments [][]byte) (payload []byte, _ chunk.Digest, _ error) {
	d, err := NewDecoder(h, key)
	if err != nil {
		return nil, 0, err
	}
	for i, s := range segments {
		var room []byte
		if i%2 == 0 {
			room = make([]byte, d.Opened(s))
		}
		plain, err := d.Segment(s, room)
		if err != nil {
			return payload, 0, err
		}
		if len(room) > 0 && (len(plain) != len(room) || &plain[0] != &room[0]) {
			return payload, 0, errors.New("a segment is not in the room that it was given")
		}
		payload = append(payload, plain...)
	}
	digest, err := d.End(0)
	return payload, digest, err
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func sealed(t testing.TB, c wire.Codec) *wire.Header {
	t.Helper()
	h := header(c)
	if c.Has(wire.CodecSealed) {
		if err := Seal(h, runKey); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func TestWhatWasCodedComesBack(t *testing.T) {
	for _, c := range codecs {
		for name, payload := range map[string][]byte{
			"nothing": nil, "a byte": {1}, "text": bytes.Repeat([]byte("text "), 50_000), "noise": random(3*wire.MaxData + 5),
			"a full segment": random(MaxSegment(c)),
		} {
			if c == wire.CodecZstd && len(payload) == 0 {
				continue // has no segment
			}
			t.Run(fmt.Sprint(c, "/", name), func(t *testing.T) {
				h := sealed(t, c)
				segments, want := code(t, h, payload)
				for _, s := range segments {
					if len(s) > wire.MaxData {
						t.Errorf("a segment has %d bytes", len(s))
					}
				}
				got, d, err := decode(h, runKey, segments)
				if err != nil || !bytes.Equal(got, payload) || c.Has(wire.CodecSealed) && d != want {
					t.Errorf("%d of %d bytes, digest %v of %v, %v", len(got), len(payload), d, want, err)
				}
			})
		}
	}
}

// TestWhatWasTamperedWithDoesNotOpen: bits, the order, the number and the
// place of segments, and the header.
func TestWhatWasTamperedWithDoesNotOpen(t *testing.T) {
	payload := random(3 * wire.MaxData)
	for name, tamper := range map[string]func(h *wire.Header, s [][]byte) [][]byte{
		"a bit":                func(_ *wire.Header, s [][]byte) [][]byte { s[1][100] ^= 1; return s },
		"the tag":              func(_ *wire.Header, s [][]byte) [][]byte { s[1][len(s[1])-1] ^= 1; return s },
		"order":                func(_ *wire.Header, s [][]byte) [][]byte { s[0], s[1] = s[1], s[0]; return s },
		"one missing":          func(_ *wire.Header, s [][]byte) [][]byte { return slices.Delete(s, 1, 2) },
		"one twice":            func(_ *wire.Header, s [][]byte) [][]byte { return slices.Insert(s, 1, s[0]) },
		"the last missing":     func(_ *wire.Header, s [][]byte) [][]byte { return s[:len(s)-1] },
		"all missing":          func(*wire.Header, [][]byte) [][]byte { return nil },
		"an early one as last": func(_ *wire.Header, s [][]byte) [][]byte { s[1][0] = last; return s[:2] },
		"something behind":     func(_ *wire.Header, s [][]byte) [][]byte { return append(s, s[0]) },
		"an empty one":         func(_ *wire.Header, s [][]byte) [][]byte { return append([][]byte{{}}, s...) },
		"an unknown kind":      func(_ *wire.Header, s [][]byte) [][]byte { s[0][0] = 9; return s },
		"the chunk's name":     func(h *wire.Header, s [][]byte) [][]byte { h.Chunk.Index++; return s },
		"the attempt":          func(h *wire.Header, s [][]byte) [][]byte { h.Attempt++; return s },
		"the length":           func(h *wire.Header, s [][]byte) [][]byte { h.Length++; return s },
		"the salt":             func(h *wire.Header, s [][]byte) [][]byte { h.Salt[0]++; return s },
	} {
		t.Run(name, func(t *testing.T) {
			h := sealed(t, wire.CodecSealed)
			segments, _ := code(t, h, payload)
			_, _, err := decode(h, runKey, tamper(h, segments))
			if objstore.KindOf(err) != objstore.KindCorrupt {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestDestinationsAreForWritersOnly(t *testing.T) {
	h := sealed(t, wire.CodecSealed)
	if bytes.Contains(h.Dests, []byte("destinations")) {
		t.Error("they are there to be read")
	}
	if b, err := Dests(h, runKey); err != nil || string(b) != "destinations" {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := Dests(h, nil); objstore.KindOf(err) != objstore.KindPermission {
		t.Errorf("without the key: %v", err)
	}
	if _, err := Dests(h, bytes.Repeat([]byte{8}, control.KeySize)); objstore.KindOf(err) != objstore.KindCorrupt {
		t.Errorf("with another key: %v", err)
	}
	moved := *h
	moved.Chunk.Object++
	if _, err := Dests(&moved, runKey); objstore.KindOf(err) != objstore.KindCorrupt {
		t.Errorf("at another chunk: %v", err)
	}
}

// TestNoTwoAttemptsShareAKey: the same chunk twice has nothing in common.
func TestNoTwoAttemptsShareAKey(t *testing.T) {
	a, b := sealed(t, wire.CodecSealed), sealed(t, wire.CodecSealed)
	sa, _ := code(t, a, make([]byte, 100))
	sb, _ := code(t, b, make([]byte, 100))
	if a.Salt == b.Salt || bytes.Equal(sa[0], sb[0]) || bytes.Equal(a.Dests, b.Dests) {
		t.Error("two attempts look alike")
	}
}

func TestCompressionIsForWhatShrinks(t *testing.T) {
	if Pays(random(wire.MaxData)) || Pays([]byte("short")) {
		t.Error("noise shrinks")
	}
	if !Pays(bytes.Repeat([]byte("text "), 1000)) {
		t.Error("text does not")
	}
}

// TestABombIsRefused: a segment that would grow beyond what a segment may be.
func TestABombIsRefused(t *testing.T) {
	bomb := encoder().EncodeAll(make([]byte, 64<<20), nil)
	if len(bomb) > wire.MaxData {
		t.Fatalf("the bomb has %d bytes", len(bomb))
	}
	_, _, err := decode(header(wire.CodecZstd), nil, [][]byte{bomb})
	if objstore.KindOf(err) != objstore.KindCorrupt {
		t.Errorf("%v", err)
	}
}

// FuzzSegment: whatever comes, decoding neither panics nor yields more than a
// segment holds.
func FuzzSegment(f *testing.F) {
	for _, c := range codecs {
		segments, _ := code(f, header(c), []byte("payload"))
		f.Add(byte(c), segments[0])
	}
	f.Fuzz(func(t *testing.T, c byte, segment []byte) {
		d, err := NewDecoder(header(wire.Codec(c)&(wire.CodecZstd|wire.CodecSealed)), runKey)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := d.Segment(segment, nil)
		if err == nil && len(plain) > max(wire.MaxData, len(segment)) {
			t.Fatalf("%d bytes of %d", len(plain), len(segment))
		}
		if e := (*objstore.Error)(nil); err != nil && !errors.As(err, &e) {
			t.Fatalf("%v has no kind", err)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	h := sealed(b, wire.CodecSealed)
	e, err := NewEncoder(h, runKey)
	if err != nil {
		b.Fatal(err)
	}
	plain, out := random(MaxSegment(h.Codec)), make([]byte, 0, wire.MaxFrame)
	b.SetBytes(int64(len(plain)))
	b.ReportAllocs()
	for b.Loop() {
		e.Append(out, plain, false, 0)
	}
}
