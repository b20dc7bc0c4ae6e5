package objstoretest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/skyctl/skyctl/agent/objstore"
)

// CommonKeys are awkward and can be held by every store.
var CommonKeys = []string{
	"a b  c", " leading", "trailing ", "plus+sign", "percent%sign", "%2F", "%2e%2e", "%", "hash#tag", "question?mark=1&x=y", "quote'\"`",
	"semi;colon:comma,at@dollar$", "[brackets]{braces}", "back\\slash", "star*tilde~pipe|", "a=b", "Größe/世界/🚀", "e\u0301", "é",
	"<xml>&amp;", ".hidden", "...", "a.", "-dash", "tab\tand\nnewline", strings.Repeat("x", 200),
}

// PathKeys are not clean paths: object stores hold them, filesystems cannot.
var PathKeys = []string{
	"double//slash", "a//", "trailing/", "./dot", "a/./b", "../up", "a/../b", "a/..", "a/.", ".", "..", "/leading", "//", "/",
}

// testHostileKeys: a key is held exactly, or refused.
func testHostileKeys(s *suite) {
	var common []string
	for _, key := range CommonKeys {
		if slices.Contains(s.refused, key) {
			s.wantRefused(s.prefix + "common/" + key)
			continue
		}
		s.wantHeld(s.prefix + "common/" + key)
		common = append(common, key)
	}
	s.wantListed("common/", common)
	if s.cleansPaths {
		return
	}
	var held []string
	for i, key := range PathKeys {
		full := s.prefix + "path/" + key
		data := content(uint64(i), 50)
		if _, err := s.b.Put(s.ctx, full, body(data), objstore.Metadata{}); err != nil {
			s.wantKind(err, objstore.KindInvalid)
			_, err = s.b.Begin(s.ctx, full, 50, objstore.Metadata{})
			s.wantKind(err, objstore.KindInvalid)
			continue
		}
		s.wantContent(full, data)
		held = append(held, key)
	}
	s.wantListed("path/", held)
	for _, key := range held { // nothing was overwritten by a later one
		s.wantContent(s.prefix+"path/"+key, content(uint64(slices.Index(PathKeys, key)), 50))
	}
}

// wantHeld puts, finds, reads, stages and deletes under key.
func (s *suite) wantHeld(key string) {
	s.Helper()
	data := content(uint64(len(key)), 100)
	s.put(key, data)
	s.wantContent(key, data)
	if err := s.b.Delete(s.ctx, key); err != nil {
		s.Errorf("Delete: %v", err)
	}
	s.wantMissing(key)
	staged := content(uint64(len(key)+1), 100)
	up, err := s.b.Begin(s.ctx, key, 100, objstore.Metadata{})
	if err != nil {
		s.Fatalf("Begin: %v", err)
	}
	s.wantMissing(key)
	s.commit(up, []objstore.PartRef{s.writePart(s.b, up, 0, 0, staged)}, staged)
	s.wantContent(key, staged)
}

// wantRefused checks that nothing can be made under key.
func (s *suite) wantRefused(key string) {
	s.Helper()
	_, err := s.b.Put(s.ctx, key, body(nil), objstore.Metadata{})
	s.wantKind(err, objstore.KindInvalid)
	_, err = s.b.Begin(s.ctx, key, 50, objstore.Metadata{})
	s.wantKind(err, objstore.KindInvalid)
}

// wantListed checks that exactly these keys are below dir.
func (s *suite) wantListed(dir string, keys []string) {
	s.Helper()
	want := make([]string, len(keys))
	for i, key := range keys {
		want[i] = s.prefix + dir + key
	}
	slices.Sort(want)
	got := s.list(s.prefix + dir)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		s.Errorf("listed below %s are\n%q, want\n%q", dir, got, want)
	}
}

func testEmptyKey(s *suite) {
	_, err := s.b.Put(s.ctx, "", body(nil), objstore.Metadata{})
	s.wantKind(err, objstore.KindInvalid)
	_, err = s.b.Begin(s.ctx, "", 10, objstore.Metadata{})
	s.wantKind(err, objstore.KindInvalid)
	_, err = s.b.Stat(s.ctx, "")
	s.wantKind(err, objstore.KindInvalid)
	s.wantKind(s.b.Delete(s.ctx, ""), objstore.KindInvalid)
}

// testListPrefix: a prefix is a string, not a directory.
func testListPrefix(s *suite) {
	keys := []string{"data/a", "data/b/c", "data-base", "database", "dat", "data/b-c", "data/b.c", "data/b/", "other"}
	held := keys[:0:0]
	for _, key := range keys {
		if _, err := s.b.Put(s.ctx, s.prefix+key, body([]byte(key)), objstore.Metadata{}); err == nil {
			held = append(held, key)
		} else {
			s.wantKind(err, objstore.KindInvalid)
		}
	}
	for _, prefix := range []string{"", "dat", "data", "data/", "data/b", "data/b/", "data/b/c", "data/b/cc", "nothing/", "o", "data//"} {
		var want []string
		for _, key := range held {
			if strings.HasPrefix(key, prefix) {
				want = append(want, s.prefix+key)
			}
		}
		slices.Sort(want)
		var got []string
		err := s.b.List(s.ctx, s.prefix+prefix, "", func(o objstore.Object) error { got = append(got, o.Key); return nil })
		if prefix == "data//" && objstore.KindOf(err) == objstore.KindInvalid {
			continue // no key of this store can start like this
		}
		if err != nil {
			s.Errorf("List(%q): %v", prefix, err)
		}
		slices.Sort(got) // the order is the store's
		if !slices.Equal(got, want) {
			s.Errorf("List(%q) is %q, want %q", prefix, got, want)
		}
	}
}

// testListPages: more keys than fit into one answer of any store.
func testListPages(s *suite) {
	const n = 2300
	var group errgroup.Group
	group.SetLimit(32)
	for i := range n {
		group.Go(func() error {
			_, err := s.b.Put(s.ctx, pageKey(s.prefix, i), body([]byte{byte(i)}), objstore.Metadata{})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		s.Fatal(err)
	}
	seen := map[string]bool{}
	for _, key := range s.list(s.prefix) {
		if seen[key] {
			s.Errorf("%s is listed twice", key)
		}
		seen[key] = true
	}
	for i := range n {
		if !seen[pageKey(s.prefix, i)] {
			s.Errorf("%s is not listed", pageKey(s.prefix, i))
		}
	}
	if len(seen) != n {
		s.Errorf("%d keys are listed, want %d", len(seen), n)
	}
	s.stopListing(s.prefix, n)
}

func pageKey(prefix string, i int) string {
	return fmt.Sprintf("%s%c/%04d", prefix, 'a'+i%7, i)
}

func testListStops(s *suite) {
	for i := range 5 {
		s.put(pageKey(s.prefix, i), nil)
	}
	s.stopListing(s.prefix, 5)
}

// stopListing ends listings before their end: by an error of yield, which
// comes back as it is, and by the context's.
func (s *suite) stopListing(prefix string, n int) {
	s.Helper()
	enough := errors.New("enough")
	count := 0
	err := s.b.List(s.ctx, prefix, "", func(objstore.Object) error {
		if count++; count == n-1 {
			return enough
		}
		return nil
	})
	if err != enough || count != n-1 { // not errors.Is: as it is
		s.Errorf("List returned %v after %d objects, want yield's error after %d", err, count, n-1)
	}
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	count = 0
	err = s.b.List(ctx, prefix, "", func(objstore.Object) error {
		count++
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) || objstore.KindOf(err) != objstore.KindTransient || count != 1 {
		s.Errorf("List went on to %d objects after the context's end, and returned %v", count, err)
	}
}
