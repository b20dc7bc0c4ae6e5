package wire

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
)

func TestReadHeaderTakesWhatComesInPieces(t *testing.T) {
	h := Header{Run: "r", Session: "s", Route: route.Node{Gateway: "w", Writes: []route.Dest{0}}, Dests: bytes.Repeat([]byte("d"), 50_000)}
	got, err := ReadHeader(iotest.HalfReader(bytes.NewReader(h.Append(nil))))
	if err != nil || !bytes.Equal(got.Dests, h.Dests) {
		t.Errorf("%d bytes of destinations, %v", len(got.Dests), err)
	}
}

func TestReadingStopsEarlyForAReason(t *testing.T) {
	h := Header{Run: "r", Session: "s", Route: route.Node{Gateway: "w", Writes: []route.Dest{0}}}
	whole := h.Append(nil)
	for _, c := range []struct {
		name  string
		bytes []byte
		want  error
	}{
		{"nothing", nil, io.EOF},
		{"half a head", whole[:2], io.ErrUnexpectedEOF},
		{"a head", whole[:HeadSize], io.ErrUnexpectedEOF},
		{"half a body", whole[:len(whole)-1], io.ErrUnexpectedEOF},
		{"another type", AppendEnd(nil, 1), ErrMalformed},
		{"a length over the limit", []byte{byte(TypeHeader), 1, 0, 1}, ErrMalformed},
	} {
		if _, err := ReadHeader(bytes.NewReader(c.bytes)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if _, err := ReadAck(bytes.NewReader(whole)); !errors.Is(err, ErrMalformed) {
		t.Errorf("a header for an acknowledgement: %v", err)
	}
}

// TestAnAnnouncedLengthCostsNothing: 64 KiB announced and never sent.
func TestAnAnnouncedLengthCostsNothing(t *testing.T) {
	head := []byte{byte(TypeHeader), 1, 0, 0}
	const times = 100
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range times {
		if _, err := ReadHeader(bytes.NewReader(head)); err != io.ErrUnexpectedEOF {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if n := (after.TotalAlloc - before.TotalAlloc) / times; n > 8<<10 {
		t.Errorf("%d bytes for a head of %d", n, len(head))
	}
}

// TestCheckKeepsTheLimitsOfParse: what the one lets pass the other takes, and
// what the one refuses the other does too.
func TestCheckKeepsTheLimitsOfParse(t *testing.T) {
	user := func(n int) map[string]string {
		m := map[string]string{}
		for i := range n {
			m[strings.Repeat("k", i+1)] = ""
		}
		return m
	}
	text := func(n int) string { return strings.Repeat("x", n) }
	for name, of := range map[string]func(over int) Dests{
		"store":       func(n int) Dests { return Dests{Dests: []Dest{{Store: text(maxStore + n)}}} },
		"key":         func(n int) Dests { return Dests{Dests: []Dest{{Key: text(maxKey + n)}}} },
		"upload":      func(n int) Dests { return Dests{Dests: []Dest{{Upload: &objstore.Upload{ID: text(maxUploadID + n)}}}} },
		"metadata":    func(n int) Dests { return Dests{Metadata: objstore.Metadata{CacheControl: text(maxField + n)}} },
		"tags":        func(n int) Dests { return Dests{Metadata: objstore.Metadata{Tags: user(maxUser + n)}} },
		"user fields": func(n int) Dests { return Dests{Metadata: objstore.Metadata{User: user(maxUser + n)}} },
		"user key": func(n int) Dests {
			return Dests{Metadata: objstore.Metadata{User: map[string]string{text(maxField + n): ""}}}
		},
		"user value": func(n int) Dests {
			return Dests{Metadata: objstore.Metadata{User: map[string]string{"k": text(maxField + n)}}}
		},
	} {
		for over := range 2 {
			d := of(over)
			checked := d.Check()
			_, parsed := ParseDests(d.Append(nil))
			if (checked == nil) != (over == 0) || (parsed == nil) != (over == 0) {
				t.Errorf("%s, %d over its limit: checked %v, parsed %v", name, over, checked, parsed)
			}
		}
	}
	if d := (&Dests{Dests: make([]Dest, 256)}); d.Check() == nil {
		t.Error("256 destinations pass")
	}
}
