package azblob

import (
	"bytes"
	"hash/crc64"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/minio/crc64nvme"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/objstoretest"
)

// TestKeysOnTheWire: neither the SDK nor Go's URLs touch a key, and those that
// Azure would touch are not written.
func TestKeysOnTheWire(t *testing.T) {
	f, b := newFake(t)
	refused := []string{`back\slash`, "...", "a.", "tab\tand\nnewline", "./dot", "a/./b", "../up", "a/../b", "a/..", "a/.", ".", "..", "del\x7f", strings.Repeat("x", 1025), strings.Repeat("a/", 254)}
	var keys []string
	for _, key := range slices.Concat(objstoretest.CommonKeys, objstoretest.PathKeys, refused, []string{strings.Repeat("🚀", 512)}) {
		data := []byte("content of " + key)
		_, err := b.Put(t.Context(), key, bodyOf(data), objstore.Metadata{})
		if slices.Contains(refused, key) {
			if objstore.KindOf(err) != objstore.KindInvalid || objstore.KindOf(b.Delete(t.Context(), key)) != objstore.KindInvalid {
				t.Errorf("Put(%q): %v, want it refused", key, err)
			}
			f.blobs[key] = &stored{exists: true, data: data, etag: `"x"`} // somebody could
		} else if err != nil {
			t.Errorf("Put(%q): %v", key, err)
			continue
		}
		keys = append(keys, key)
		if s := f.blobs[key]; s == nil || !bytes.Equal(s.data, data) {
			t.Errorf("key %q went over the wire as %q", key, f.requests[len(f.requests)-1])
			continue
		}
		if strings.ContainsAny(key, "\t\x7f") {
			delete(f.blobs, key) // XML cannot list it
			continue
		}
		obj, err := b.Stat(t.Context(), key)
		if err != nil {
			t.Errorf("Stat(%q): %v", key, err)
			continue
		}
		r, _, err := b.Open(t.Context(), key, obj.Version, chunk.Range{Length: obj.Size})
		if err != nil {
			t.Errorf("Open(%q): %v", key, err)
			continue
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data) {
			t.Errorf("Open(%q) reads %q, %v", key, got, err)
		}
		r.Close()
	}
	keys = slices.DeleteFunc(keys, func(key string) bool { return f.blobs[key] == nil })
	slices.Sort(keys)
	keys = slices.Compact(keys)
	var listed []string
	err := b.List(t.Context(), "", "", func(o objstore.Object) error {
		listed = append(listed, o.Key)
		return nil
	})
	if err != nil || !slices.Equal(listed, keys) {
		t.Errorf("listed are %v\n%q, want\n%q", err, listed, keys)
	}
	for _, prefix := range []string{"/", "a/", "a//", "%2", "Größe/", "../"} {
		n := 0
		err := b.List(t.Context(), prefix, "", func(o objstore.Object) error { n++; return nil })
		if want := len(slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return !strings.HasPrefix(key, prefix) })); err != nil || n != want {
			t.Errorf("List(%q): %d, %v, want %d", prefix, n, err, want)
		}
	}
}

// TestCRC64IsAzures: the same polynomial as the SDK's.
func TestCRC64IsAzures(t *testing.T) {
	data := []byte("123456789")
	if got, want := crc64nvme.Checksum(data), crc64.Checksum(data, crc64.MakeTable(0x9A6C9329AC4BC9B5)); got != want {
		t.Errorf("got %x, want %x", got, want)
	}
}
