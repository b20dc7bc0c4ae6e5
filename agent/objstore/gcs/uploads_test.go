package gcs

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/objstore"
)

// TestUploads: those of this run and key that somebody began and nobody ended.
func TestUploads(t *testing.T) {
	f, b := newFake(t)
	f.pageSize = 1000
	before := time.Now()
	first, second := stage(t, b, 2, objstore.Metadata{}), stage(t, b, 1, objstore.Metadata{})
	committed, aborted := stage(t, b, 1, objstore.Metadata{}), stage(t, b, 1, objstore.Metadata{})
	if _, err := committed.commit(t, b); err != nil {
		t.Fatal(err)
	}
	if err := b.Abort(t.Context(), aborted.up); err != nil {
		t.Fatal(err)
	}
	other := open(t, objstore.Config{Bucket: fakeBucket, Endpoint: f.url, Run: "other"})
	defer other.Close()
	if _, err := other.Begin(t.Context(), "key", 1, objstore.Metadata{}); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"key2", "ke", "Key"} {
		if _, err := b.Begin(t.Context(), key, 1, objstore.Metadata{}); err != nil {
			t.Fatal(err)
		}
	}
	want := []objstore.Upload{first.up, second.up}
	slices.SortFunc(want, func(a, b objstore.Upload) int { return strings.Compare(a.ID, b.ID) })
	uploads := func(key string, since time.Time) []objstore.Upload {
		t.Helper()
		got, err := b.Uploads(t.Context(), key, since)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := uploads("key", before); !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := uploads("key", before.Add(time.Hour)); len(got) != 0 {
		t.Errorf("of a later time: %+v", got)
	}
	if got := uploads("none", before); len(got) != 0 {
		t.Errorf("of another key: %+v", got)
	}
	for _, up := range want {
		if err := b.Abort(t.Context(), up); err != nil {
			t.Error(err)
		}
	}
	if got := uploads("key", before); len(got) != 0 {
		t.Errorf("after Abort: %+v", got)
	}
}

// TestUploadsFindsAnAbortCutShort: parts whose upload object is gone.
func TestUploadsFindsAnAbortCutShort(t *testing.T) {
	f, b := newFake(t)
	s := stage(t, b, 3, objstore.Metadata{})
	for _, key := range f.temporaries() {
		if strings.HasSuffix(key, "/upload") {
			delete(f.objects, key)
		}
	}
	got, err := b.Uploads(t.Context(), "key", time.Now().Add(-time.Minute))
	if err != nil || len(got) != 1 || got[0].ID != s.up.ID {
		t.Fatalf("got %+v, %v", got, err)
	}
	if err := b.Abort(t.Context(), got[0]); err != nil || len(f.temporaries()) != 0 {
		t.Errorf("left are %q, %v", f.temporaries(), err)
	}
}

// TestListAfter: from anywhere, in order, temporaries left out, and more than
// one directory at a time.
func TestListAfter(t *testing.T) {
	f, b := newFake(t)
	f.pageSize = 7
	stage(t, b, 3, objstore.Metadata{})
	var keys []string
	for i := range 100 {
		key := fmt.Sprintf("%c/%c/%02d", 'a'+i%3, 'x'+i%2, i)
		put(t, b, key, nil, objstore.Metadata{})
		keys = append(keys, key)
	}
	keys = append(keys, ".a", "a", "zz")
	for _, key := range keys[100:] {
		put(t, b, key, nil, objstore.Metadata{})
	}
	slices.Sort(keys)
	for _, prefix := range []string{"", "a", "a/", "b/x/", "none", ".skyctl"} {
		for _, after := range []string{"", keys[0], keys[50], keys[50] + "0", "zz", ".skyctl/"} {
			var want, got []string
			for _, key := range keys {
				if strings.HasPrefix(key, prefix) && key > after {
					want = append(want, key)
				}
			}
			err := b.List(t.Context(), prefix, after, func(o objstore.Object) error { got = append(got, o.Key); return nil })
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("prefix %q after %q: %q, %v; want %q", prefix, after, got, err, want)
			}
		}
	}
	delimited := slices.ContainsFunc(f.requests, func(r string) bool { return strings.Contains(r, "delimiter=%2F") })
	if !delimited {
		t.Error("the listing was never divided")
	}
}
