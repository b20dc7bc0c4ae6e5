package file

import (
	"fmt"
	"io"
	"testing"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

// BenchmarkPut4KiB is the hot path of small objects. Directories hold 100
// objects each, as trees of many small files do.
func BenchmarkPut4KiB(b *testing.B) {
	for name, dir := range map[string]string{"disk": b.TempDir(), "tmpfs": tmpfs(b)} {
		b.Run(name, func(b *testing.B) {
			bucket := open(b, dir)
			defer bucket.Close()
			data := make([]byte, 4<<10)
			body := objstore.Body{Size: 4 << 10, Bytes: data, Digest: chunk.Sum(data)}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				key := fmt.Sprintf("a/%03d/%d", i/100%1000, i)
				if _, err := bucket.Put(b.Context(), key, body, objstore.Metadata{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "objects/s")
		})
	}
}

// BenchmarkOpen4KiB reads what BenchmarkPut4KiB writes.
func BenchmarkOpen4KiB(b *testing.B) {
	bucket := open(b, tmpfs(b))
	defer bucket.Close()
	data := make([]byte, 4<<10)
	body := objstore.Body{Size: 4 << 10, Bytes: data, Digest: chunk.Sum(data)}
	obj, err := bucket.Put(b.Context(), "a/000/0", body, objstore.Metadata{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		r, _, err := bucket.Open(b.Context(), obj.Key, obj.Version, chunk.Range{Length: obj.Size})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(r, data); err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
}

// BenchmarkStream1GiB writes an object of 1 GiB in parts of 16 MiB that arrive
// as streams, commits it, and reads it.
func BenchmarkStream1GiB(b *testing.B) {
	const size, part = 1 << 30, 16 << 20
	bucket := open(b, tmpfs(b))
	defer bucket.Close()
	b.SetBytes(2 * size)
	buf := make([]byte, 256<<10)
	for b.Loop() {
		up, err := bucket.Begin(b.Context(), "object", size, objstore.Metadata{})
		if err != nil {
			b.Fatal(err)
		}
		var refs []objstore.PartRef
		var digest chunk.Digest
		for i, r := range chunk.Split(size, part) {
			ref, err := bucket.WritePart(b.Context(), up, objstore.Part{Number: i, Offset: r.Offset}, objstore.Body{Size: r.Length, Reader: endless{}})
			if err != nil {
				b.Fatal(err)
			}
			refs = append(refs, ref)
			digest = digest.Combine(*ref.Digest, ref.Size)
		}
		obj, err := bucket.Commit(b.Context(), up, refs, size, digest)
		if err != nil {
			b.Fatal(err)
		}
		for _, r := range chunk.Split(size, part) {
			body, _, err := bucket.Open(b.Context(), "object", obj.Version, r)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.CopyBuffer(io.Discard, onlyReader{body}, buf); err != nil {
				b.Fatal(err)
			}
			body.Close()
		}
	}
}

// endless yields bytes for nothing, so that only the store's work is measured.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// onlyReader keeps io.CopyBuffer to its buffer.
type onlyReader struct{ io.Reader }

func BenchmarkList(b *testing.B) {
	bucket := open(b, tmpfs(b))
	defer bucket.Close()
	for i := range 10_000 {
		if _, err := bucket.Put(b.Context(), fmt.Sprintf("a/%03d/%d", i/100, i), objstore.Body{}, objstore.Metadata{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	for b.Loop() {
		n := 0
		if err := bucket.List(b.Context(), "", "", func(objstore.Object) error { n++; return nil }); err != nil || n != 10_000 {
			b.Fatal(n, err)
		}
	}
}
