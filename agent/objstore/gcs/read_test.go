package gcs

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/objstoretest/answers"
)

func put(t *testing.T, b objstore.Bucket, key string, data []byte, meta objstore.Metadata) objstore.Object {
	t.Helper()
	obj, err := b.Put(t.Context(), key, bodyOf(data), meta)
	if err != nil {
		t.Fatal(err)
	}
	return obj
}

func read(t *testing.T, b objstore.Bucket, key string, version objstore.Version, r chunk.Range) ([]byte, error) {
	t.Helper()
	body, _, err := b.Open(t.Context(), key, version, r)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(body)
}

// downloads intercepts those, and nothing else.
func downloads(f *fake, answer func(w http.ResponseWriter, r *http.Request) bool) {
	f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		return r.URL.Query().Get("alt") == "media" && answer(w, r)
	}
}

func TestWrongReads(t *testing.T) {
	start := func(t *testing.T) (answers.Fake, objstore.Version) {
		f, b := newFake(t)
		obj := put(t, b, "key", []byte("0123456789"), objstore.Metadata{})
		return answers.Fake{Bucket: b, Answer: func(answer func(http.ResponseWriter, *http.Request) bool) { downloads(f, answer) }}, obj.Version
	}
	answers.WrongReads(t, start, "X-Goog-Generation", "7", []answers.Read{
		{Name: "no generation", Header: map[string]string{"X-Goog-Generation": "", "Content-Range": "bytes 2-5/10"}, Status: 206, Body: "2345", Want: objstore.KindUnsupported},
		{Name: "the whole object", Status: 200, Body: "0123456789", Want: objstore.KindUnknown},
	})
}

// TestBrokenRead: what breaks once goes on where it broke, what breaks always
// is an error, and what was replaced meanwhile is one too.
func TestBrokenRead(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789"), 1000)
	for _, c := range []struct {
		name    string
		breaks  int
		replace bool
		want    objstore.Kind
	}{
		{"once", 1, false, objstore.KindUnknown},
		{"always", 1000, false, objstore.KindTransient},
		{"replaced", 1, true, objstore.KindPrecondition},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, b := newFake(t)
			obj := put(t, b, "key", data, objstore.Metadata{})
			var requests atomic.Int32
			downloads(f, func(w http.ResponseWriter, _ *http.Request) bool {
				n := requests.Add(1)
				if int(n) > c.breaks {
					return false
				}
				w.Header().Set("X-Goog-Generation", string(obj.Version))
				w.Header().Set("Content-Range", "bytes 0-9999/10000")
				w.Header().Set("Content-Length", "10000")
				w.WriteHeader(http.StatusPartialContent)
				if n == 1 {
					w.Write(data[:5000])
					w.(http.Flusher).Flush()
				}
				panic(http.ErrAbortHandler)
			})
			body, _, err := b.Open(t.Context(), "key", obj.Version, chunk.Range{Length: obj.Size})
			if err != nil {
				t.Fatal(err)
			}
			defer body.Close()
			if c.replace {
				put(t, b, "key", []byte("other"), objstore.Metadata{})
			}
			got, err := io.ReadAll(body)
			switch {
			case c.want == objstore.KindUnknown && (err != nil || !bytes.Equal(got, data)):
				t.Errorf("%d bytes, %v", len(got), err)
			case c.want != objstore.KindUnknown && (err == nil || objstore.KindOf(err) != c.want):
				t.Errorf("got %v, want %v", err, c.want)
			}
			if n := requests.Load(); n > maxReads {
				t.Errorf("%d requests", n)
			}
		})
	}
}

// TestChangedOnTheWay: a byte that is not what the store says.
func TestChangedOnTheWay(t *testing.T) {
	f, b := newFake(t)
	obj := put(t, b, "key", []byte("data"), objstore.Metadata{})
	f.objects["key"].data = []byte("Data")
	if _, err := read(t, b, "key", obj.Version, chunk.Range{Length: 4}); objstore.KindOf(err) != objstore.KindCorrupt {
		t.Errorf("got %v", err)
	}
	if got, err := read(t, b, "key", obj.Version, chunk.Range{Length: 3}); err != nil || string(got) != "Dat" {
		t.Errorf("a part of it, of which nobody knows better: %q, %v", got, err)
	}
}

// TestPackedObjects are read as they are stored.
func TestPackedObjects(t *testing.T) {
	_, b := newFake(t)
	obj := put(t, b, "key", []byte("not really gzip"), objstore.Metadata{ContentEncoding: "gzip"})
	got, err := read(t, b, "key", obj.Version, chunk.Range{Length: obj.Size})
	if err != nil || string(got) != "not really gzip" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestReplacedBeforeItsMetadata: between the two requests of a whole read.
func TestReplacedBeforeItsMetadata(t *testing.T) {
	f, b := newFake(t)
	obj := put(t, b, "key", []byte("data"), objstore.Metadata{})
	f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet && r.URL.Query().Get("alt") != "media" {
			refuse(w, 404, "notFound", "No such object")
			return true
		}
		return false
	}
	if _, err := read(t, b, "key", obj.Version, chunk.Range{Length: 4}); objstore.KindOf(err) != objstore.KindPrecondition {
		t.Errorf("got %v", err)
	}
}

// TestForeignVersion: what another store called a version.
func TestForeignVersion(t *testing.T) {
	_, b := newFake(t)
	put(t, b, "key", []byte("data"), objstore.Metadata{})
	for _, v := range []objstore.Version{`"etag"`, "0", "-1"} {
		if _, err := read(t, b, "key", v, chunk.Range{Length: 4}); objstore.KindOf(err) != objstore.KindPrecondition {
			t.Errorf("%s: %v", v, err)
		}
	}
}

// TestKeysThatTheStoreCannotHold are refused before anything is sent.
func TestKeysThatTheStoreCannotHold(t *testing.T) {
	f, b := newFake(t)
	for _, key := range []string{"a\nb", "a\rb", ".", "..", ".skyctl/x", ".well-known/acme-challenge/x", strings.Repeat("ü", 513), "\xff"} {
		if _, err := b.Put(t.Context(), key, bodyOf(nil), objstore.Metadata{}); objstore.KindOf(err) != objstore.KindInvalid {
			t.Errorf("%q: %v", key, err)
		}
	}
	put(t, b, strings.Repeat("ü", 512), nil, objstore.Metadata{})
	if len(f.requests) != 1 {
		t.Errorf("requests are %q", f.requests)
	}
	for _, meta := range []objstore.Metadata{{CacheControl: "\xff"}, {User: map[string]string{"k": "\xff"}}, {User: map[string]string{"\xff": "v"}}} {
		if _, err := b.Put(t.Context(), "key", bodyOf(nil), meta); objstore.KindOf(err) != objstore.KindInvalid {
			t.Errorf("%+v: %v", meta, err)
		}
	}
}

// TestNoContentTypeIsMadeUp: the SDK would look at the bytes.
func TestNoContentTypeIsMadeUp(t *testing.T) {
	f, b := newFake(t)
	put(t, b, "key", []byte("<html></html>"), objstore.Metadata{})
	if got := f.objects["key"].ContentType; got != "" {
		t.Errorf("content type %q", got)
	}
}
