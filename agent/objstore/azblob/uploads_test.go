package azblob

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/objstoretest"
)

// testUploads: those of this run and key that somebody began and nobody ended,
// next to a blob too, where Abort can only mark them.
func testUploads(t *testing.T, server objstoretest.AzuriteServer) {
	cfg := server.Config(t, "uploads")
	cfg.Run = "run"
	b := open(t, cfg)
	cfg.Run = "other"
	other := open(t, cfg)
	since := time.Now()
	for _, key := range []string{"new", "old"} {
		if key == "old" {
			if _, err := b.Put(t.Context(), key, bodyOf(nil), objstore.Metadata{}); err != nil {
				t.Fatal(err)
			}
		}
		begun(t, b, key, "some content")
		begun(t, b, key, "other content")
		begun(t, other, key, "of another run")
		found, err := b.Uploads(t.Context(), key, since)
		if err != nil || len(found) != 2 {
			t.Errorf("%s: found are %+v, %v", key, found, err)
		}
		if later, err := b.Uploads(t.Context(), key, since.Add(time.Hour)); err != nil || len(later) != 0 {
			t.Errorf("%s: of a later time: %+v, %v", key, later, err)
		}
		for _, up := range found {
			if err := b.Abort(t.Context(), up); err != nil {
				t.Error(err)
			}
		}
		if left, err := b.Uploads(t.Context(), key, since); err != nil || len(left) != 0 {
			t.Errorf("%s: left are %+v, %v", key, left, err)
		}
		if left, err := other.Uploads(t.Context(), key, since); err != nil || len(left) != 1 {
			t.Errorf("%s: left of the other run are %+v, %v", key, left, err)
		}
	}
	if found, err := b.Uploads(t.Context(), "none", since); err != nil || len(found) != 0 {
		t.Errorf("of no blob: %+v, %v", found, err)
	}
}

// testListAfter: Azurite orders by UTF-16, in which the rocket comes before
// the wide letters; no key is lost over that, from wherever a listing goes on.
func testListAfter(t *testing.T, server objstoretest.AzuriteServer) {
	b := open(t, server.Config(t, "after"))
	keys := []string{"a", "a/1", "a-1", "\U0001F680", "\uff21", "\uff21/x", "\U0001F680/y", "b/\U0001F680", "b/\uff21", "c"}
	for i := range 20 {
		keys = append(keys, fmt.Sprintf("d/%02d", i))
	}
	for _, key := range keys {
		if _, err := b.Put(t.Context(), key, bodyOf(nil), objstore.Metadata{}); err != nil {
			t.Fatal(err)
		}
	}
	list := func(prefix, after string) []string {
		t.Helper()
		var got []string
		if err := b.List(t.Context(), prefix, after, func(o objstore.Object) error { got = append(got, o.Key); return nil }); err != nil {
			t.Fatal(err)
		}
		return got
	}
	all := list("", "")
	if sorted := slices.Sorted(slices.Values(all)); !slices.Equal(sorted, slices.Sorted(slices.Values(keys))) {
		t.Errorf("listed are %q", all)
	}
	for i, after := range all {
		if got := list("", after); !slices.Equal(got, all[i+1:]) {
			t.Errorf("after %q: %q, want %q", after, got, all[i+1:])
		}
	}
	if got := list("d/", "d/05a"); len(got) != 14 || got[0] != "d/06" {
		t.Errorf("after a key that does not exist: %q", got)
	}
}

// TestListDivides: more than one directory at a time, and in order.
func TestListDivides(t *testing.T) {
	f, b := newFake(t)
	var keys []string
	for i := range 60 {
		key := fmt.Sprintf("%c/%c/%02d", 'a'+i%3, 'x'+i%2, i)
		f.blobs[key] = &stored{exists: true, etag: `"x"`}
		keys = append(keys, key)
	}
	slices.Sort(keys)
	var got []string
	err := b.List(t.Context(), "", keys[3], func(o objstore.Object) error { got = append(got, o.Key); return nil })
	if err != nil || !slices.Equal(got, keys[4:]) {
		t.Errorf("listed are %q, %v", got, err)
	}
	if !slices.ContainsFunc(f.requests, func(r string) bool { return strings.Contains(r, "delimiter=%2F") }) {
		t.Error("the listing was never divided")
	}
}

// TestStoreThatListsEverything, from wherever it is asked to go on.
func TestStoreThatListsEverything(t *testing.T) {
	f, b := newFake(t)
	f.ignoresStart = true
	for _, key := range []string{"a", "b", "c"} {
		f.blobs[key] = &stored{exists: true, etag: `"x"`}
	}
	n := 0
	err := b.List(t.Context(), "", "b", func(objstore.Object) error { n++; return nil })
	if objstore.KindOf(err) != objstore.KindUnsupported || n != 0 {
		t.Errorf("%d objects, %v", n, err)
	}
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"a", "b", true}, {"b", "a", false}, {"a", "a", false}, {"a-x", "a/b", false}, {"a/b", "a-x", false},
		{"\uff21", "\U0001F680", false}, {"\U0001F680", "\uff21", false}, {"a/b", "a/c", true},
	} {
		if got := precedes(c.a, c.b); got != c.want {
			t.Errorf("%q before %q: %v", c.a, c.b, got)
		}
	}
}

// TestListOfDirectories: an account with a hierarchical namespace goes by
// directory: dir/z is listed before dir-a.
func TestListOfDirectories(t *testing.T) {
	f, b := newFake(t)
	order := []string{"a", "dir/a", "dir/z", "dir-a/b", "dir-b", "e"}
	f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		query := r.URL.Query()
		first := 0
		if start := query.Get("marker") + query.Get("startFrom"); start != "" {
			first = slices.Index(order, start)
		}
		if query.Has("marker") {
			first = slices.Index(order, query.Get("marker"))
		}
		fmt.Fprint(w, `<EnumerationResults ServiceEndpoint="http://x/"><Blobs>`)
		last := min(first+2, len(order))
		for _, name := range order[first:last] {
			fmt.Fprintf(w, `<Blob><Name>%s</Name><Properties><Etag>1</Etag><Content-Length>0</Content-Length><ResourceType>file</ResourceType></Properties></Blob>`, name)
		}
		marker := ""
		if last < len(order) {
			marker = order[last]
		}
		io.WriteString(w, `</Blobs><NextMarker>`+marker+`</NextMarker></EnumerationResults>`)
		return true
	}
	for i, after := range append([]string{""}, order...) {
		var got []string
		err := b.List(t.Context(), "", after, func(o objstore.Object) error { got = append(got, o.Key); return nil })
		if err != nil || !slices.Equal(got, order[i:]) {
			t.Errorf("after %q: %q, %v", after, got, err)
		}
	}
}
