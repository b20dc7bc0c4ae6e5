package s3

import (
	"fmt"
	"io"
	"testing"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/objstoretest"
)

// BenchmarkPutGet4KiB is the hot path of small objects: one read, one write.
func BenchmarkPutGet4KiB(b *testing.B) {
	bucket := open(b, objstoretest.StartVersityGW(b).Config(b, "bench"))
	defer bucket.Close()
	body := bodyOf(make([]byte, 4<<10))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		key := fmt.Sprint("key", i%1000)
		obj, err := bucket.Put(b.Context(), key, body, objstore.Metadata{})
		if err != nil {
			b.Fatal(err)
		}
		r, _, err := bucket.Open(b.Context(), key, obj.Version, chunk.Range{Length: obj.Size})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
}

// BenchmarkWritePart writes parts of 16 MiB.
func BenchmarkWritePart(b *testing.B) {
	const size = 16 << 20
	bucket := open(b, objstoretest.StartVersityGW(b).Config(b, "bench"))
	defer bucket.Close()
	body := bodyOf(make([]byte, size))
	up, err := bucket.Begin(b.Context(), "key", maxParts*size, objstore.Metadata{})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(size)
	for i := int32(0); b.Loop(); i++ {
		part := objstore.Part{Number: i % 16, Offset: int64(i%16) * size}
		if _, err := bucket.WritePart(b.Context(), up, part, body); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpenBucket is what each process pays once for each bucket.
func BenchmarkOpenBucket(b *testing.B) {
	cfg := objstore.Config{Bucket: "b", Endpoint: "http://127.0.0.1:1", Credentials: map[string]string{"access_key_id": "a", "secret_access_key": "b"}}
	for b.Loop() {
		open(b, cfg)
	}
}
