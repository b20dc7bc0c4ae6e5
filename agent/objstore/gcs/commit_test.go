package gcs

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

// staged is an upload of n parts of three bytes.
type staged struct {
	up   objstore.Upload
	refs []objstore.PartRef
	data []byte
}

func stage(t *testing.T, b objstore.Bucket, n int, meta objstore.Metadata) staged {
	t.Helper()
	s := staged{data: bytes.Repeat([]byte("part"), n)[:3*n]}
	var err error
	if s.up, err = b.Begin(t.Context(), "key", int64(len(s.data)), meta); err != nil {
		t.Fatal(err)
	}
	for i, r := range chunk.Split(int64(len(s.data)), 3) {
		if n == 0 {
			break // it has one part, which is empty
		}
		ref, err := b.WritePart(t.Context(), s.up, objstore.Part{Number: i, Offset: r.Offset}, bodyOf(s.data[r.Offset:r.End()]))
		if err != nil {
			t.Fatal(err)
		}
		s.refs = append(s.refs, ref)
	}
	return s
}

func (s staged) commit(t *testing.T, b objstore.Bucket) (objstore.Object, error) {
	t.Helper()
	return b.Commit(t.Context(), s.up, s.refs, s.up.Size, chunk.Sum(s.data))
}

// wantCommitted checks that the object is there, and nothing else.
func (s staged) wantCommitted(t *testing.T, f *fake, obj objstore.Object, err error) {
	t.Helper()
	if err != nil || obj.CRC32C == nil || *obj.CRC32C != chunk.Sum(s.data) {
		t.Fatalf("Commit: %+v, %v", obj, err)
	}
	if got := f.objects["key"]; got == nil || !bytes.Equal(got.data, s.data) || versionOf(got.Generation) != obj.Version {
		t.Errorf("the key holds %+v", got)
	}
	if left := f.temporaries(); len(left) > 0 {
		t.Errorf("left are %q", left)
	}
}

// TestTree: no composition has more than 32 sources, however many parts.
func TestTree(t *testing.T) {
	for _, c := range []struct {
		parts        int
		compositions []int
	}{
		{0, nil},
		{1, []int{1}},
		{32, []int{32}},
		{33, []int{1, 2, 32}},
		{1025, slices.Concat([]int{1, 1, 2}, slices.Repeat([]int{32}, 33))},
	} {
		t.Run(strconv.Itoa(c.parts), func(t *testing.T) {
			f, b := newFake(t)
			f.pageSize = 1000
			meta := objstore.Metadata{
				ContentType: "a/b", ContentEncoding: "c", ContentDisposition: "d", ContentLanguage: "e", CacheControl: "f", User: map[string]string{"g": "h ü"}}
			s := stage(t, b, c.parts, meta)
			obj, err := s.commit(t, b)
			s.wantCommitted(t, f, obj, err)
			slices.Sort(f.compositions)
			if !slices.Equal(f.compositions, c.compositions) {
				t.Errorf("compositions have %v sources, want %v", f.compositions, c.compositions)
			}
			if o := f.objects["key"]; o.ContentType != "a/b" || o.ContentEncoding != "c" || o.ContentDisposition != "d" || o.ContentLanguage != "e" || o.CacheControl != "f" || o.Metadata["g"] != "h ü" {
				t.Errorf("the object is %+v", o)
			}
		})
	}
}

// TestCommitOverAnotherObject: what somebody else wrote since Begin stays.
func TestCommitOverAnotherObject(t *testing.T) {
	for _, before := range []bool{true, false} {
		for _, parts := range []int{0, 2} {
			f, b := newFake(t)
			if before {
				put(t, b, "key", []byte("old"), objstore.Metadata{})
			}
			s := stage(t, b, parts, objstore.Metadata{})
			put(t, b, "key", []byte("somebody else's"), objstore.Metadata{})
			if _, err := s.commit(t, b); objstore.KindOf(err) != objstore.KindPrecondition {
				t.Errorf("before %v, %d parts: %v", before, parts, err)
			}
			if got := f.objects["key"].data; string(got) != "somebody else's" {
				t.Errorf("the key holds %q", got)
			}
			if err := b.Abort(t.Context(), s.up); err != nil || len(f.temporaries()) > 0 {
				t.Errorf("left are %q, %v", f.temporaries(), err)
			}
		}
	}
}

// TestOldObjectIsNotRecognised: the same bytes as before, but of a commit that
// has lost its parts, so its metadata never arrived.
func TestOldObjectIsNotRecognised(t *testing.T) {
	f, b := newFake(t)
	put(t, b, "key", []byte("parpar"), objstore.Metadata{})
	s := stage(t, b, 2, objstore.Metadata{})
	s.data = []byte("parpar")
	for i := range s.refs {
		ref, err := b.WritePart(t.Context(), s.up, objstore.Part{Number: int32(i)}, bodyOf([]byte("par")))
		if err != nil {
			t.Fatal(err)
		}
		s.refs[i] = ref
	}
	for _, key := range f.temporaries() {
		if strings.Contains(key, "/part/") {
			delete(f.objects, key)
		}
	}
	if _, err := s.commit(t, b); objstore.KindOf(err) != objstore.KindNotFound {
		t.Errorf("got %v", err)
	}
}

// TestLostReplies: of every composition, of the parts, of the upload; once or
// for good. Commit is called again, and comes to its end.
func TestLostReplies(t *testing.T) {
	is := func(parts ...string) func(*http.Request) bool {
		return func(r *http.Request) bool {
			for _, p := range parts {
				if !strings.Contains(r.Method+" "+r.RequestURI, p) {
					return false
				}
			}
			return true
		}
	}
	for _, c := range []struct {
		name  string
		which func(*http.Request) bool
		times int
	}{
		{"a node", is("POST", "tree%2F1", "compose"), 1},
		{"the object", is("POST", "/o/key/compose"), 1},
		{"the object until it gives up", is("POST", "/o/key/compose"), maxAttempts},
		{"deletion of the upload", is("DELETE", "upload"), 1},
		{"deletion of the upload until it gives up", is("DELETE", "upload"), maxAttempts},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, b := newFake(t)
			put(t, b, "key", []byte("old"), objstore.Metadata{})
			s := stage(t, b, 40, objstore.Metadata{ContentType: "text/new"})
			lost := 0
			f.loseReply = func(r *http.Request) bool {
				f.mu.Lock()
				defer f.mu.Unlock()
				if lost < c.times && c.which(r) {
					lost++
					return true
				}
				return false
			}
			obj, err := s.commit(t, b)
			for i := 0; i < 5 && err != nil; i++ {
				if !objstore.KindOf(err).Retryable() {
					t.Fatalf("got %v", err)
				}
				obj, err = s.commit(t, b)
			}
			s.wantCommitted(t, f, obj, err)
			if lost != c.times || f.objects["key"].ContentType != "text/new" {
				t.Errorf("%d replies were lost, the object is %+v", lost, f.objects["key"])
			}
			again, err := s.commit(t, b)
			s.wantCommitted(t, f, again, err)
		})
	}
}

// TestCommitGoesOn: from the nodes that an earlier one composed, at whatever
// level, of parts and nodes that are gone.
func TestCommitGoesOn(t *testing.T) {
	for _, c := range []struct {
		parts        int
		down         string // the composition that is refused at first
		compositions []int  // of the second commit
	}{
		{40, "/o/key/compose", []int{2}},
		{1025, "tree%2F2%2F0000000001/compose", []int{1, 2}},
	} {
		t.Run(fmt.Sprint(c.parts, c.down), func(t *testing.T) { testCommitGoesOn(t, c.parts, c.down, c.compositions) })
	}
}

func testCommitGoesOn(t *testing.T, n int, refused string, compositions []int) {
	f, b := newFake(t)
	f.pageSize = 1000
	s := stage(t, b, n, objstore.Metadata{})
	f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		down := strings.Contains(r.RequestURI, refused)
		if down {
			refuse(w, 503, "backendError", "later")
		}
		return down
	}
	if _, err := s.commit(t, b); objstore.KindOf(err) != objstore.KindThrottled {
		t.Fatalf("got %v", err)
	}
	if parts, err := b.Parts(t.Context(), s.up); err != nil || len(parts) != 0 {
		t.Errorf("parts are %v, %v", parts, err)
	}
	f.intercept = nil
	before := len(f.compositions)
	obj, err := s.commit(t, b)
	s.wantCommitted(t, f, obj, err)
	if !slices.Equal(f.compositions[before:], compositions) {
		t.Errorf("compositions have %v sources", f.compositions)
	}
}

// TestPartIsNotTheOneWritten: the store has other bytes than those that were
// acknowledged, so nothing becomes visible.
func TestPartIsNotTheOneWritten(t *testing.T) {
	f, b := newFake(t)
	s := stage(t, b, 2, objstore.Metadata{})
	if _, err := b.WritePart(t.Context(), s.up, objstore.Part{}, bodyOf([]byte("xyz"))); err != nil {
		t.Fatal(err)
	}
	if _, err := s.commit(t, b); objstore.KindOf(err) != objstore.KindCorrupt || f.objects["key"] != nil {
		t.Errorf("got %v", err)
	}
}

// TestLatePart: one that is written while the upload is given up.
func TestLatePart(t *testing.T) {
	f, b := newFake(t)
	s := stage(t, b, 1, objstore.Metadata{})
	var aborted error
	f.intercept = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			f.intercept = nil
			aborted = b.Abort(t.Context(), s.up) // before the part is stored
		}
		return false
	}
	_, err := b.WritePart(t.Context(), s.up, objstore.Part{Number: 1}, bodyOf([]byte("late")))
	if objstore.KindOf(err) != objstore.KindNotFound || aborted != nil {
		t.Errorf("WritePart: %v, Abort: %v", err, aborted)
	}
	if left := f.temporaries(); len(left) > 0 {
		t.Errorf("left are %q", left)
	}
}

// TestNamesOfTemporaries: the run is in them, and List shows none.
func TestNamesOfTemporaries(t *testing.T) {
	f, b := newFake(t)
	put(t, b, ".skyctlish", nil, objstore.Metadata{})
	s := stage(t, b, 3, objstore.Metadata{})
	for _, key := range f.temporaries() {
		if !strings.HasPrefix(key, ".skyctl/run/") {
			t.Errorf("a temporary is %q", key)
		}
	}
	var listed []string
	err := b.List(t.Context(), "", "", func(o objstore.Object) error { listed = append(listed, o.Key); return nil })
	if err != nil || !slices.Equal(listed, []string{".skyctlish"}) {
		t.Errorf("listed are %q, %v", listed, err)
	}
	parts, err := b.Parts(t.Context(), s.up)
	if err != nil || len(parts) != 3 || parts[2].Number != 2 || parts[2].Digest == nil || *parts[2].Digest != *s.refs[2].Digest {
		t.Errorf("parts are %+v, %v", parts, err)
	}
	for _, id := range []string{"", "..", "run/", "run/../../x", "run/AAAAAAAAAAAAAAAAAAAAAAAAAA/.."} {
		if err := b.Abort(t.Context(), objstore.Upload{Key: "key", ID: id}); err != nil {
			t.Errorf("Abort of %q: %v", id, err)
		}
	}
	if len(f.temporaries()) != 4 {
		t.Errorf("after Aborts of others: %q", f.temporaries())
	}
}

// TestAbortCutShort: the upload object is gone, its parts are not.
func TestAbortCutShort(t *testing.T) {
	f, b := newFake(t)
	s := stage(t, b, 3, objstore.Metadata{})
	for _, key := range f.temporaries() {
		if strings.HasSuffix(key, "/upload") {
			delete(f.objects, key)
		}
	}
	if _, err := b.Parts(t.Context(), s.up); objstore.KindOf(err) != objstore.KindNotFound {
		t.Errorf("got %v", err)
	}
	if left := f.temporaries(); len(left) > 0 {
		t.Errorf("left are %q", left)
	}
}

// TestManyTemporaries: more pages of them than a listing asks for at once are
// no reason to ask for them again.
func TestManyTemporaries(t *testing.T) {
	f, b := newFake(t)
	put(t, b, "a", nil, objstore.Metadata{})
	put(t, b, "dir/b", nil, objstore.Metadata{})
	stage(t, b, 40, objstore.Metadata{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var listed []string
	before := len(f.requests)
	err := b.List(ctx, "", "", func(o objstore.Object) error { listed = append(listed, o.Key); return nil })
	if err != nil || !slices.Equal(listed, []string{"a", "dir/b"}) {
		t.Errorf("listed are %q, %v, in %d requests", listed, err, len(f.requests)-before)
	}
}

// TestDigestZero: there are bytes whose CRC32C is 0, for which the SDK has no
// other word than for none.
func TestDigestZero(t *testing.T) {
	zero := []byte("\xab\x9b\xe0\x9b")
	if chunk.Sum(zero) != 0 {
		t.Fatal("they are other bytes")
	}
	for _, n := range []int{1, 2, 33} { // of one part, the digest of the object is 0 too
		f, b := newFake(t)
		f.pageSize = 1000
		s := staged{data: bytes.Repeat(zero, n)}
		var err error
		if s.up, err = b.Begin(t.Context(), "key", int64(len(s.data)), objstore.Metadata{}); err != nil {
			t.Fatal(err)
		}
		for i := range int32(n) {
			ref, err := b.WritePart(t.Context(), s.up, objstore.Part{Number: i, Offset: int64(4 * i)}, bodyOf(zero))
			if err != nil {
				t.Fatal(err)
			}
			s.refs = append(s.refs, ref)
		}
		for range 2 { // the second is recognised
			if _, err := s.commit(t, b); err != nil || !bytes.Equal(f.objects["key"].data, s.data) {
				t.Errorf("%d parts: %v", n, err)
			}
		}
	}
}
