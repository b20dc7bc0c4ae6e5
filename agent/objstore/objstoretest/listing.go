package objstoretest

import (
	"slices"
	"strings"
	"time"

	"github.com/skyctl/skyctl/agent/objstore"
)

// testListAfter: a listing goes on anywhere, and its order is that of bytes.
func testListAfter(s *suite) {
	keys := []string{"a b", "a-b", "a.b", "a/1", "a/2/3", "a/2/4", "a/b/c/d", "a0", "b", "ba/x", "é", "Z"}
	var held []string
	for _, key := range keys {
		if _, err := s.b.Put(s.ctx, s.prefix+key, body([]byte(key)), objstore.Metadata{}); err == nil {
			held = append(held, s.prefix+key)
		} else {
			s.wantKind(err, objstore.KindInvalid) // where a key cannot be a directory too
		}
	}
	slices.Sort(held)
	if got := s.list(s.prefix); !slices.Equal(got, held) {
		s.Errorf("listed are\n%q, want\n%q", got, held)
	}
	afters := append([]string{s.prefix, s.prefix + "a/", s.prefix + "a/2/", s.prefix + "a/3", s.prefix + "aa", s.prefix + "zz", "", "0", "zzz"}, held...)
	for _, prefix := range []string{s.prefix, s.prefix + "a", s.prefix + "a/", s.prefix + "b"} {
		for _, after := range afters {
			var want []string
			for _, key := range held {
				if key > after && strings.HasPrefix(key, prefix) {
					want = append(want, key)
				}
			}
			if got := s.listAfter(prefix, after); !slices.Equal(got, want) {
				s.Errorf("List(%q, after %q) is\n%q, want\n%q", prefix, after, got, want)
			}
		}
	}
}

func (s *suite) listAfter(prefix, after string) []string {
	s.Helper()
	var keys []string
	err := s.b.List(s.ctx, prefix, after, func(o objstore.Object) error { keys = append(keys, o.Key); return nil })
	if err != nil {
		s.Fatalf("List(%q, after %q): %v", prefix, after, err)
	}
	return keys
}

// testUploads: what a crash leaves behind is found by its key and its time.
func testUploads(s *suite) {
	key, other := s.prefix+"dir/object", s.prefix+"dir/object2"
	if ups := s.uploads(key, time.Time{}); len(ups) != 0 {
		s.Errorf("uploads of a new key: %+v", ups)
	}
	since := time.Now()
	data := content(1, 1000)
	first, second, beside := s.begin(key, 1000), s.begin(key, 1000), s.begin(other, 1000)
	s.writePart(s.b, second, 0, 0, data)
	s.writePart(s.b, beside, 0, 0, data)
	found := s.uploads(key, since)
	if want := 2; len(found) != want && !(s.partsAreUploads && len(found) == 1) {
		s.Errorf("%d uploads are found, want %d: %+v", len(found), want, found)
	}
	if slices.ContainsFunc(found, func(u objstore.Upload) bool { return u.Key != key }) {
		s.Errorf("uploads of %s include those of another key: %+v", key, found)
	}
	if later := s.uploads(key, time.Now().Add(time.Hour)); len(later) != 0 {
		s.Errorf("begun in an hour: %+v", later)
	}
	for _, up := range found {
		if err := s.b.Abort(s.ctx, up); err != nil {
			s.Errorf("Abort of what Uploads lists: %v", err)
		}
	}
	if left := s.uploads(key, since); len(left) != 0 {
		s.Errorf("left after Abort are %+v", left)
	}
	for _, up := range []objstore.Upload{first, second} { // whatever the names under which they were listed
		_, err := s.b.Parts(s.ctx, up)
		s.wantKind(err, objstore.KindNotFound)
	}
	s.commit(beside, []objstore.PartRef{s.writePart(s.b, beside, 0, 0, data)}, data)
	if left := s.uploads(other, since); len(left) != 0 {
		s.Errorf("left after Commit are %+v", left)
	}
}

func (s *suite) uploads(key string, since time.Time) []objstore.Upload {
	s.Helper()
	ups, err := s.b.Uploads(s.ctx, key, since)
	if err != nil {
		s.Fatalf("Uploads: %v", err)
	}
	return ups
}
