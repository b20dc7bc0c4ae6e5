package s3

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/objstoretest"
)

// TestKeysOnTheWire: neither the SDK nor Go's URLs touch a key.
func TestKeysOnTheWire(t *testing.T) {
	f, b := newFake(t)
	var keys []string
	for _, key := range slices.Concat(objstoretest.CommonKeys, objstoretest.PathKeys) {
		keys = append(keys, key)
		data := []byte("content of " + key)
		if _, err := b.Put(t.Context(), key, bodyOf(data), objstore.Metadata{}); err != nil {
			t.Errorf("Put(%q): %v", key, err)
			continue
		}
		if got := f.objects[key].data; !bytes.Equal(got, data) {
			t.Errorf("key %q went over the wire as %q", key, f.requests[len(f.requests)-1])
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
	var listed []string
	err := b.List(t.Context(), "", "", func(o objstore.Object) error {
		listed = append(listed, o.Key)
		return nil
	})
	slices.Sort(keys)
	if err != nil || !slices.Equal(listed, keys) {
		t.Errorf("listed are %v\n%q, want\n%q", err, listed, keys)
	}
	for _, prefix := range []string{"/", "a/", "a//", "%2", "Größe/", "../"} {
		err := b.List(t.Context(), prefix, "", func(o objstore.Object) error {
			if !strings.HasPrefix(o.Key, prefix) {
				return fmt.Errorf("%q lacks the prefix %q", o.Key, prefix)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	for _, key := range keys {
		if err := b.Delete(t.Context(), key); err != nil {
			t.Errorf("Delete(%q): %v", key, err)
		}
	}
	if len(f.objects) != 0 {
		t.Errorf("%d objects survive Delete", len(f.objects))
	}
}
