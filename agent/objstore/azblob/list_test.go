package azblob

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/objstoretest"
)

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

// directories answers listings as an account with a hierarchical namespace
// does: by directory, so that dir/z is before dir-a.
type directories []string

func (d directories) less(a, b string) bool {
	byDirectory := strings.NewReplacer("/", "\x00")
	return byDirectory.Replace(a) < byDirectory.Replace(b)
}

func (d directories) serve(w http.ResponseWriter, r *http.Request) bool {
	const pageSize = 4
	query := r.URL.Query()
	fmt.Fprint(w, `<EnumerationResults ServiceEndpoint="http://x/"><Blobs>`)
	n, last, marker := 0, "", ""
	for _, name := range d {
		if !strings.HasPrefix(name, query.Get("prefix")) || d.less(name, query.Get("startFrom")) || query.Has("marker") && !d.less(query.Get("marker"), name) {
			continue
		}
		if dir, _, ok := strings.Cut(name, "/"); ok && query.Get("delimiter") == "/" {
			if dir != last {
				fmt.Fprintf(w, `<BlobPrefix><Name>%s/</Name></BlobPrefix>`, dir)
			}
			last = dir
			continue
		}
		if n++; n > pageSize {
			marker = last
			break
		}
		last = name
		fmt.Fprintf(w, `<Blob><Name>%s</Name><Properties><Etag>1</Etag><Content-Length>0</Content-Length><ResourceType>file</ResourceType></Properties></Blob>`, name)
	}
	fmt.Fprintf(w, `</Blobs><NextMarker>%s</NextMarker></EnumerationResults>`, marker)
	return true
}

// TestListOfDirectories: no key is lost where the store goes by directory, and
// cutting at dir-a/ would end a part of the listing in the middle of dir/.
func TestListOfDirectories(t *testing.T) {
	f, b := newFake(t)
	d := directories{"a", "b", "c", "d", "dir/0"}
	for i := range 6 {
		d = append(d, fmt.Sprintf("dir/sub/%d", i))
	}
	d = append(d, "dir/z", "dir-a/b", "dir-a/c", "dir-b", "e")
	f.intercept = d.serve
	for i, after := range append([]string{""}, d...) {
		var got []string
		err := b.List(t.Context(), "", after, func(o objstore.Object) error { got = append(got, o.Key); return nil })
		if err != nil || !slices.Equal(got, d[i:]) {
			t.Errorf("after %q: %q, %v; want %q", after, got, err, d[i:])
		}
	}
}
