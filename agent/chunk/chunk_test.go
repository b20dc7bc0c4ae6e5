package chunk

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
)

func TestSplitCoversTheObjectInOrder(t *testing.T) {
	for _, c := range []struct{ size, chunk int64 }{
		{0, 5}, {1, 5}, {4, 5}, {5, 5}, {6, 5}, {10, 5}, {11, 5}, {1 << 40, 64 << 20},
	} {
		var end int64
		var n int32
		for i, r := range Split(c.size, c.chunk) {
			if i != n || r.Offset != end || r.Length > c.chunk || (r.Length == 0 && c.size != 0) {
				t.Fatalf("Split(%d, %d): chunk %d is %+v after offset %d", c.size, c.chunk, i, r, end)
			}
			end, n = r.End(), n+1
		}
		if end != c.size || n != Count(c.size, c.chunk) {
			t.Errorf("Split(%d, %d) yields %d chunks, %d bytes; Count says %d", c.size, c.chunk, n, end, Count(c.size, c.chunk))
		}
	}
}

func TestCombineEqualsTheDigestOfTheWhole(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, 1<<16+3)
	for i := range data {
		data[i] = byte(rng.Uint32())
	}
	for range 200 {
		var got Digest
		for rest := data; len(rest) > 0; {
			n := min(len(rest), rng.IntN(20_000))
			got = got.Combine(Sum(rest[:n]), int64(n))
			rest = rest[n:]
		}
		if want := Sum(data); got != want {
			t.Fatalf("combined %v, whole %v", got, want)
		}
	}
}

func TestDigestOfTheCheckString(t *testing.T) {
	// The check value of CRC-32/ISCSI in the catalogue of parametrised CRCs.
	d := Sum([]byte("123456789"))
	if d != 0xe3069283 {
		t.Errorf("CRC32C of 123456789 is %v, want e3069283", d)
	}
	if got, err := ParseBase64(d.Base64()); err != nil || got != d {
		t.Errorf("ParseBase64(%q) = %v, %v", d.Base64(), got, err)
	}
}

func TestTextForms(t *testing.T) {
	type doc struct {
		ID     ID
		Digest Digest
	}
	in := doc{ID{123456789012, 7}, 0x0000beef}
	b, err := json.Marshal(in)
	if err != nil || string(b) != `{"ID":"123456789012.7","Digest":"0000beef"}` {
		t.Fatalf("%s, %v", b, err)
	}
	var out doc
	if err := json.Unmarshal(b, &out); err != nil || out != in {
		t.Fatalf("%+v, %v", out, err)
	}
	for _, bad := range []string{`{"ID":"1"}`, `{"ID":"-1.0"}`, `{"ID":"1.-2"}`, `{"Digest":"beef"}`, `{"Digest":"xxxxxxxx"}`} {
		if err := json.Unmarshal([]byte(bad), &out); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}

func BenchmarkCombine(b *testing.B) {
	d := Digest(0x12345678)
	for b.Loop() {
		d = d.Combine(0x9abcdef0, 64<<20)
	}
}
