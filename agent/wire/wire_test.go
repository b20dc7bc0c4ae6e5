package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
)

var (
	dests = Dests{
		Offset: 1 << 20,
		Metadata: objstore.Metadata{ContentType: "text/plain", User: map[string]string{"a": "1", "b": "2"},
			Tags: map[string]string{"t": ""}, StorageClass: "IA", Modified: time.Unix(1700000000, 5).UTC(), Mode: 0o644},
		Dests: []Dest{
			{Number: 0, Store: "west", Key: "dir/é"},
			{Number: 1, Store: "east", Key: "k", Upload: &objstore.Upload{Key: "k", ID: "u-7", Size: 300}},
		},
	}
	header = Header{
		Run: "r1", Session: "s1", Chunk: chunk.ID{Object: 300, Index: 2}, Attempt: 1, Length: 4096,
		Route: route.Node{Gateway: "mid", Children: []route.Node{{Gateway: "w", Writes: []route.Dest{0, 1}}}},
		Dests: dests.Append(nil),
	}
	sealed  = sealedHeader()
	answers = []Answer{{Number: 300, Say: SayBytes, Bytes: []byte{5, 1}}, {Number: 1, Say: SayStop}}
	probe   = Probe{Window: 300 * time.Millisecond}
	bye     = Bye{Code: 2, Message: "no peer"}
	failure = Failure{Stage: StageWrite, Kind: objstore.KindQuota, Gateway: "w", Message: "full"}
	acks    = []Ack{
		{Chunk: chunk.ID{Object: 300, Index: 2}, Attempt: 1, Dest: 1, Digest: 0xe3069283, Token: "etag", Verified: VerifiedStore, Lost: objstore.FieldUser},
		{Chunk: chunk.ID{Object: 300, Index: 2}, Attempt: 1, Dest: 1, Failure: &failure},
	}
)

func sealedHeader() Header {
	h := header
	h.Codec = CodecZstd | CodecSealed
	for i := range h.Salt {
		h.Salt[i] = byte(i)
	}
	h.Dests = []byte("sealed")
	return h
}

// golden holds every frame as PROTOCOL.md describes it. A change here is a new
// protocol version.
var golden = []struct {
	name, hex string
	frame     []byte
}{
	{"header", "0100006b" + "01" + "027231" + "027331" + "ac02" + "02" + "01" + "00" + "8020" +
		"036d6964" + "00" + "01" + "0177" + "020001" + "00" +
		"50" + "808040" + "0a746578742f706c61696e" + "00000000" + "024941" + "00" + "a403" + "01" + "000000006553f100" + "00000005" +
		"02" + "01610131" + "01620132" + "01" + "017400" +
		"02" + "00" + "0477657374" + "066469722fc3a9" + "00" + "01" + "0465617374" + "016b" + "01" + "03752d37" + "ac02",
		header.Append(nil)},
	{"sealed header", "01000041" + "01" + "027231" + "027331" + "ac02" + "02" + "01" + "03" +
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f" + "8020" +
		"036d6964" + "00" + "01" + "0177" + "020001" + "00" + "067365616c6564",
		sealed.Append(nil)},
	{"end", "03000004" + "e3069283", AppendEnd(nil, 0xe3069283)},
	{"abort", "04000009" + "03" + "06" + "0177" + "0466756c6c", AppendAbort(nil, failure)},
	{"ack", "05000011" + "ac02" + "02" + "01" + "01" + "00" + "e3069283" + "0465746167" + "01" + "20", acks[0].Append(nil)},
	{"failed ack", "0500000f" + "ac02" + "02" + "01" + "01" + "01" + "03" + "06" + "0177" + "0466756c6c", acks[1].Append(nil)},
	{"answer", "06000005" + "ac02" + "00" + "0501", answers[0].Append(nil)},
	{"stop", "06000002" + "01" + "03", answers[1].Append(nil)},
	{"bye", "07000009" + "02" + "076e6f2070656572", bye.Append(nil)},
	{"probe", "08000003" + "01" + "ac02", probe.Append(nil)},
}

func TestGolden(t *testing.T) {
	for _, g := range golden {
		t.Run(g.name, func(t *testing.T) {
			if got := hex.EncodeToString(g.frame); got != g.hex {
				t.Errorf("got  %s\nwant %s", got, g.hex)
			}
		})
	}
}

func body(t testing.TB, frame []byte) []byte {
	t.Helper()
	f, err := Read(bytes.NewReader(frame), make([]byte, MaxFrame))
	if err != nil {
		t.Fatal(err)
	}
	return f.Body
}

func TestParseReturnsWhatWasAppended(t *testing.T) {
	for _, want := range []Header{sealed, header} {
		if h, err := ParseHeader(body(t, want.Append(nil))); err != nil || !reflect.DeepEqual(h, want) {
			t.Errorf("header: %+v, %v", h, err)
		}
	}
	for _, want := range answers {
		if a, err := ParseAnswer(body(t, want.Append(nil))); err != nil || !reflect.DeepEqual(a, want) {
			t.Errorf("answer: %+v, %v", a, err)
		}
	}
	if x, err := ParseBye(body(t, bye.Append(nil))); err != nil || x != bye {
		t.Errorf("bye: %+v, %v", x, err)
	}
	if p, err := ParseProbe(body(t, probe.Append(nil))); err != nil || p != probe {
		t.Errorf("probe: %v, %v", p, err)
	}
	count := Count{Bytes: 1 << 30, Took: time.Second}
	if c, err := ParseCount(count.Token()); err != nil || c != count {
		t.Errorf("count: %v, %v", c, err)
	}
	if d, err := ParseDests(header.Dests); err != nil || !reflect.DeepEqual(d, dests) {
		t.Errorf("dests: %+v, %v", d, err)
	}
	if d, err := ParseEnd(body(t, AppendEnd(nil, 7))); err != nil || d != 7 {
		t.Errorf("end: %v, %v", d, err)
	}
	if why, err := ParseAbort(body(t, AppendAbort(nil, failure))); err != nil || why != failure {
		t.Errorf("abort: %+v, %v", why, err)
	}
	for _, want := range acks {
		if got, err := ParseAck(body(t, want.Append(nil))); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("ack: %+v, %v", got, err)
		}
	}
}

func TestMalformed(t *testing.T) {
	oversized := Header{Run: strings.Repeat("r", maxRunName+1), Route: header.Route}
	loop := header
	loop.Route = route.Node{Gateway: "a", Children: []route.Node{{Gateway: "a", Writes: []route.Dest{0}}}}
	version := header.Append(nil)
	version[HeadSize] = Version + 1
	codec := bytes.Replace(header.Append(nil), []byte{0xac, 0x02, 2, 1, 0}, []byte{0xac, 0x02, 2, 1, 9}, 1)
	for _, c := range []struct {
		name  string
		frame []byte
		want  string
	}{
		{"unknown type", []byte{9, 0, 0, 1, 0}, "unknown type 9"},
		{"type zero", make([]byte, 8), "unknown type 0"},
		{"oversized data", []byte{byte(TypeData), 1, 0, 1}, "not 1 to"},
		{"empty data", []byte{byte(TypeData), 0, 0, 0}, "not 1 to"},
		{"short end", []byte{byte(TypeEnd), 0, 0, 3, 1, 2, 3}, "not 4 to 4"},
		{"long run", oversized.Append(nil), "bad run"},
		{"loop", loop.Append(nil), "twice"},
		{"version", version, "protocol version 2"},
		{"codec", codec, "unknown codec 9"},
		{"version of a probe", []byte{byte(TypeProbe), 0, 0, 2, Version + 1, 1}, "protocol version 2"},
		{"answer that says nothing", (&Answer{Number: 1}).Append(nil), "bad answer"},
		{"end of answers with more", (&Answer{Number: 1, Say: SayDone, Bytes: []byte{1}}).Append(nil), "bad answer"},
		{"unknown answer", (&Answer{Number: 1, Say: SayStop + 1}).Append(nil), "bad answer"},
		{"padded varint", []byte{byte(TypeAck), 0, 0, 3, 0x80, 0x00, 0}, "bad object"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := Read(bytes.NewReader(c.frame), make([]byte, MaxFrame))
			if err == nil {
				switch f.Type {
				case TypeHeader:
					_, err = ParseHeader(f.Body)
				case TypeAck:
					_, err = ParseAck(f.Body)
				case TypeAnswer:
					_, err = ParseAnswer(f.Body)
				case TypeProbe:
					_, err = ParseProbe(f.Body)
				}
			}
			if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestEveryTruncationAndExtensionIsMalformed(t *testing.T) {
	parsers := map[string]func([]byte) error{
		"header": func(b []byte) error { _, err := ParseHeader(b); return err },
		"dests":  func(b []byte) error { _, err := ParseDests(b); return err },
		"end":    func(b []byte) error { _, err := ParseEnd(b); return err },
		"abort":  func(b []byte) error { _, err := ParseAbort(b); return err },
		"ack":    func(b []byte) error { _, err := ParseAck(b); return err },
		"sealed": func(b []byte) error { _, err := ParseHeader(b); return err },
		"stop":   func(b []byte) error { _, err := ParseAnswer(b); return err },
		"bye":    func(b []byte) error { _, err := ParseBye(b); return err },
		"probe":  func(b []byte) error { _, err := ParseProbe(b); return err },
		"count":  func(b []byte) error { _, err := ParseCount(string(b)); return err },
	}
	valid := map[string][]byte{
		"header": header.Append(nil)[HeadSize:], "dests": header.Dests, "end": AppendEnd(nil, 1)[HeadSize:],
		"abort": AppendAbort(nil, failure)[HeadSize:], "ack": acks[0].Append(nil)[HeadSize:],
		"sealed": sealed.Append(nil)[HeadSize:], "stop": answers[1].Append(nil)[HeadSize:], "bye": bye.Append(nil)[HeadSize:],
		"probe": probe.Append(nil)[HeadSize:], "count": []byte(Count{Bytes: 300, Took: 7}.Token()),
	}
	for name, parse := range parsers {
		b := valid[name]
		for n := range b {
			if err := parse(b[:n]); !errors.Is(err, ErrMalformed) {
				t.Errorf("%s cut to %d of %d bytes: %v", name, n, len(b), err)
			}
		}
		if err := parse(append(bytes.Clone(b), 0)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s with a byte too many: %v", name, err)
		}
	}
}

func TestReadAtTheEndOfAStream(t *testing.T) {
	buf := make([]byte, MaxFrame)
	if _, err := Read(strings.NewReader(""), buf); err != io.EOF {
		t.Errorf("between frames: %v", err)
	}
	frame := AppendEnd(nil, 1)
	for n := 1; n < len(frame); n++ {
		if _, err := Read(bytes.NewReader(frame[:n]), buf); err != io.ErrUnexpectedEOF {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

// FuzzFrames: whatever comes, parsing neither panics nor accepts bytes that
// are not the one encoding of a value.
func FuzzFrames(f *testing.F) {
	for _, g := range golden {
		f.Add(g.frame)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		frame, err := Read(bytes.NewReader(data), make([]byte, MaxFrame))
		if err != nil {
			return
		}
		var again []byte
		switch frame.Type {
		case TypeHeader:
			if h, err := ParseHeader(frame.Body); err == nil {
				again = h.Append(nil)
				if d, err := ParseDests(h.Dests); err == nil && !bytes.Equal(d.Append(nil), h.Dests) {
					t.Fatalf("destinations %x have a second encoding %x", h.Dests, d.Append(nil))
				}
			}
		case TypeEnd:
			if d, err := ParseEnd(frame.Body); err == nil {
				again = AppendEnd(nil, d)
			}
		case TypeAbort:
			if why, err := ParseAbort(frame.Body); err == nil {
				again = AppendAbort(nil, why)
			}
		case TypeAck:
			if a, err := ParseAck(frame.Body); err == nil {
				again = a.Append(nil)
			}
		case TypeAnswer:
			if a, err := ParseAnswer(frame.Body); err == nil {
				again = a.Append(nil)
			}
		case TypeBye:
			if x, err := ParseBye(frame.Body); err == nil {
				again = x.Append(nil)
			}
		case TypeProbe:
			if p, err := ParseProbe(frame.Body); err == nil {
				again = p.Append(nil)
			}
		}
		if again != nil && !bytes.Equal(again, frame.Raw) {
			t.Fatalf("%x has a second encoding %x", frame.Raw, again)
		}
	})
}

func BenchmarkHeader(b *testing.B) {
	frame := header.Append(nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseHeader(frame[HeadSize:]); err != nil {
			b.Fatal(err)
		}
		frame = header.Append(frame[:0])
	}
}

// FuzzDests: the block comes from whoever holds the run's key, and is parsed
// all the same as if from anybody.
func FuzzDests(f *testing.F) {
	f.Add(header.Dests)
	f.Fuzz(func(t *testing.T, block []byte) {
		if d, err := ParseDests(block); err == nil && !bytes.Equal(d.Append(nil), block) {
			t.Fatalf("%x has a second encoding %x", block, d.Append(nil))
		}
	})
}

func FuzzCount(f *testing.F) {
	f.Add(Count{Bytes: 300, Took: 7}.Token())
	f.Fuzz(func(t *testing.T, token string) {
		if c, err := ParseCount(token); err == nil && c.Token() != token {
			t.Fatalf("%x has a second encoding %x", token, c.Token())
		}
	})
}
