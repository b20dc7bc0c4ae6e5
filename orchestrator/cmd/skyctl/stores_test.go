package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"cloud.google.com/go/storage"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"

	"github.com/skyctl/skyctl/agent/objstore/objstoretest"
)

// TestThroughEveryStore carries a corpus from store to store, each leg through
// gateways of its own, and compares it at each with code that is not skyctl's.
func TestThroughEveryStore(t *testing.T) {
	gcs, disk := startGCS(t), t.TempDir()
	if err := os.Mkdir(filepath.Join(disk, "data"), 0o755); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, worldOptions{stores: fmt.Sprintf("  cloud: {type: gcs, endpoint: %q, region: \"local:mid\"}\n  disk: {type: file, path: %q, region: \"local:east\"}\n", gcs.endpoint, disk)})
	objects := w.odd()
	from := "east://data/src"
	for _, leg := range []struct {
		to    string
		holds func() map[string]held // by key, all there is
	}{
		{"cloud://data/dst", func() map[string]held { return gcs.holds(t) }},
		{"disk://data/dst", func() map[string]held { return holdsFiles(t, filepath.Join(disk, "data")) }},
		{"west://data/dst", w.holds},
	} {
		t.Logf("%s to %s", from, leg.to)
		r := w.skyctl("cp", "-r", from, leg.to, "--gateways", "1", "--chunk-size", "5MiB", "--yes", "--json")
		w.succeeded(r, int64(len(objects)))
		wantHeld(t, leg.holds(), objects)
		from = leg.to
	}
}

// wantHeld compares what a store holds with what was put.
func wantHeld(t *testing.T, got map[string]held, objects map[string][]byte) {
	t.Helper()
	for key, want := range objects {
		o, ok := got["dst/"+key]
		if !ok || !bytes.Equal(o.data, want) {
			t.Errorf("%q: %d bytes arrived, %d were sent, and they differ", key, len(o.data), len(want))
		}
		if o.metadata != nil && (o.contentType != "text/odd" || !maps.Equal(o.metadata, map[string]string{"origin": "east"})) {
			t.Errorf("%q: content type %q, metadata %v", key, o.contentType, o.metadata)
		}
	}
	if len(got) != len(objects) {
		t.Errorf("%d objects are there, %d were sent", len(got), len(objects))
	}
}

// odd puts a corpus that every store can hold below src/.
func (w *world) odd() map[string][]byte {
	const part = 5 << 20 // the chunk size
	objects := map[string][]byte{
		"empty":                  {},
		"one":                    {1},
		"sizes/part":             random(1, part),
		"sizes/part less":        random(2, part-1),
		"sizes/part more":        random(3, part+1),
		"sizes/two parts":        random(4, 2*part),
		"sizes/many parts":       random(5, 34*part+7), // more than one composition takes
		"odd/é ü 漢 +%25%#?&=;,'": random(6, 1000),
		"odd/%2F":                random(7, 10),
		"odd/...":                random(8, 11),
		"odd/ spaces ":           random(9, 12),
	}
	for i := range 100 {
		objects[fmt.Sprintf("many/%03d", i)] = random(uint64(100+i), 4096)
	}
	for key, data := range objects {
		w.put("src/"+key, data)
	}
	return objects
}

// held is an object as a store holds it; where metadata is nil it is not
// compared.
type held struct {
	data        []byte
	contentType string
	metadata    map[string]string
}

// holds reads the west's bucket. What comes out of files has no metadata.
func (w *world) holds() map[string]held {
	w.t.Helper()
	got := map[string]held{}
	for key := range w.keys(w.west) {
		data, _ := w.get(w.west, key)
		got[key] = held{data: data}
	}
	return got
}

func holdsFiles(t *testing.T, root string) map[string]held {
	t.Helper()
	got := map[string]held{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		key, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		got[key] = held{data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// gcsStore is an emulator of Cloud Storage with a plain client.
type gcsStore struct {
	endpoint string
	bucket   *storage.BucketHandle
}

func startGCS(t *testing.T) gcsStore {
	t.Helper()
	cfg := objstoretest.StartFakeGCS(t).Config(t, "data")
	client, err := storage.NewClient(t.Context(), option.WithEndpoint(cfg.Endpoint), option.WithoutAuthentication(), storage.WithJSONReads())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return gcsStore{endpoint: cfg.Endpoint, bucket: client.Bucket(cfg.Bucket)}
}

// holds reads everything, also what skyctl does not list.
func (s gcsStore) holds(t *testing.T) map[string]held {
	t.Helper()
	got := map[string]held{}
	for it := s.bucket.Objects(t.Context(), nil); ; {
		a, err := it.Next()
		if err == iterator.Done {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := s.read(t.Context(), a.Name)
		if err != nil {
			t.Fatalf("%q: %v", a.Name, err)
		}
		metadata := map[string]string{}
		maps.Copy(metadata, a.Metadata)
		got[a.Name] = held{data: data, contentType: a.ContentType, metadata: metadata}
	}
}

func (s gcsStore) read(ctx context.Context, key string) ([]byte, error) {
	r, err := s.bucket.Object(key).NewReader(ctx)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}
