// Package objstoretest is the contract of objstore.Bucket as tests, and the
// real servers that providers are tested against. Only tests import it.
//
// What the contract leaves to a store (which keys it can hold, whether it
// keeps metadata, whether it reports checksums) the suite takes as it comes,
// and holds the provider to say so: an object is there exactly as it was
// given, or the write was refused with KindInvalid. Which of the two is for
// the provider's own tests.
package objstoretest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

// Run tests a provider. open returns a new Bucket each time it is called, all
// of them on the same store, which is empty at first.
func Run(t *testing.T, open func(t *testing.T) objstore.Bucket, options ...Option) {
	var opts settings
	for _, o := range options {
		o(&opts)
	}
	for _, c := range []struct {
		name string
		test func(*suite)
	}{
		{"Objects", testObjects},
		{"Metadata", testMetadata},
		{"EachField", testEachField},
		{"Ranges", testRanges},
		{"Versions", testVersions},
		{"ReplacedWhileRead", testReplacedWhileRead},
		{"RefusedPut", testRefusedPut},
		{"ShortBody", testShortBody},
		{"Delete", testDelete},
		{"Cancelled", testCancelled},
		{"Concurrent", testConcurrent},
		{"HostileKeys", testHostileKeys},
		{"EmptyKey", testEmptyKey},
		{"ListPrefix", testListPrefix},
		{"ListPages", testListPages},
		{"ListStops", testListStops},
		{"ListAfter", testListAfter},
		{"Staged", testStaged},
		{"StagedFromTwoBuckets", testStagedFromTwoBuckets},
		{"RewrittenPart", testRewrittenPart},
		{"CommitTwice", testCommitTwice},
		{"CommitRefused", testCommitRefused},
		{"PreviousVersionSurvives", testPreviousVersionSurvives},
		{"Abort", testAbort},
		{"Uploads", testUploads},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.test(&suite{T: t, ctx: t.Context(), open: open, b: opened(t, open), prefix: c.name + "/", settings: opts})
		})
	}
}

// Option adapts the suite to a store's shortcoming that a provider can neither
// help nor notice.
type Option func(*settings)

type settings struct {
	cleansPaths, takesLateParts, partsAreUploads bool
	refused                                      []string
}

// CleansPaths is for stores that clean the path of a request before they look
// at it, so that a//b and a/b are one key: PathKeys are not tried.
func CleansPaths() Option { return func(s *settings) { s.cleansPaths = true } }

// Refuses is for stores that cannot hold these of CommonKeys, and whose provider
// refuses them, and no other.
func Refuses(keys ...string) Option { return func(s *settings) { s.refused = keys } }

// PartsAreUploads is for stores in which an upload exists by its parts only:
// one without any is not listed.
func PartsAreUploads() Option { return func(s *settings) { s.partsAreUploads = true } }

// TakesLateParts is for stores that know parts, but no uploads: a part that is
// written after Abort is taken, and nothing can be made of it.
func TakesLateParts() Option { return func(s *settings) { s.takesLateParts = true } }

// opened opens a bucket and closes it when the test ends.
func opened(t *testing.T, open func(t *testing.T) objstore.Bucket) objstore.Bucket {
	t.Helper()
	b := open(t)
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return b
}

// suite is one test of the suite: a bucket, and a prefix that is its own.
type suite struct {
	*testing.T
	ctx    context.Context
	open   func(t *testing.T) objstore.Bucket
	b      objstore.Bucket
	prefix string
	settings
}

// content returns n bytes that differ from seed to seed.
func content(seed uint64, n int64) []byte {
	data := make([]byte, n)
	rng := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	_, _ = rng.Read(data) // never fails
	return data
}

func body(data []byte) objstore.Body {
	if data == nil {
		data = []byte{}
	}
	return objstore.Body{Size: int64(len(data)), Bytes: data, Digest: chunk.Sum(data)}
}

func (s *suite) put(key string, data []byte) objstore.Object {
	s.Helper()
	obj, err := s.b.Put(s.ctx, key, body(data), objstore.Metadata{})
	if err != nil {
		s.Fatalf("Put: %v", err)
	}
	s.wantObject(obj, key, data)
	return obj
}

// wantObject checks what a store says of an object.
func (s *suite) wantObject(obj objstore.Object, key string, data []byte) {
	s.Helper()
	if obj.Key != key || obj.Size != int64(len(data)) || obj.Version == "" {
		s.Errorf("object is %+v, want key %q and %d bytes", obj, key, len(data))
	}
	if d := chunk.Sum(data); obj.CRC32C != nil && *obj.CRC32C != d {
		s.Errorf("%s: the store reports CRC32C %v, want %v", key, *obj.CRC32C, d)
	}
}

// wantContent checks that the key holds data, by all ways to ask.
func (s *suite) wantContent(key string, data []byte) objstore.Object {
	s.Helper()
	stat, err := s.b.Stat(s.ctx, key)
	if err != nil {
		s.Fatalf("Stat: %v", err)
	}
	s.wantObject(stat, key, data)
	if stat.Modified.IsZero() {
		s.Errorf("Stat of %q knows no time of modification", key)
	}
	r, obj, err := s.b.Open(s.ctx, key, stat.Version, chunk.Range{Length: stat.Size})
	if err != nil {
		s.Fatalf("Open: %v", err)
	}
	s.wantObject(obj, key, data)
	if obj.Version != stat.Version {
		s.Errorf("Open says version %s, Stat %s", obj.Version, stat.Version)
	}
	got, err := readAll(r)
	if err != nil || !bytes.Equal(got, data) {
		s.Errorf("%q: read %d bytes, %v; want %d bytes", key, len(got), err, len(data))
	}
	return stat
}

func (s *suite) wantMissing(key string) {
	s.Helper()
	_, err := s.b.Stat(s.ctx, key)
	s.wantKind(err, objstore.KindNotFound)
	_, _, err = s.b.Open(s.ctx, key, "", chunk.Range{})
	s.wantKind(err, objstore.KindNotFound)
}

// wantKind checks an error and its form.
func (s *suite) wantKind(err error, kinds ...objstore.Kind) {
	s.Helper()
	var e *objstore.Error
	if !errors.As(err, &e) {
		s.Errorf("got error %v, want an *objstore.Error of kind %v", err, kinds)
		return
	}
	if e.Op == "" || e.Bucket == "" || strings.Contains(err.Error(), "\n") {
		s.Errorf("error %q lacks an operation or bucket, or has several lines", err)
	}
	for _, k := range kinds {
		if e.Kind == k {
			return
		}
	}
	s.Errorf("error %q is %q, want %v", err, e.Kind, kinds)
}

// list returns the keys with the prefix, in the store's order.
func (s *suite) list(prefix string) []string {
	s.Helper()
	var keys []string
	err := s.b.List(s.ctx, prefix, "", func(o objstore.Object) error {
		keys = append(keys, o.Key)
		return nil
	})
	if err != nil {
		s.Fatalf("List(%q): %v", prefix, err)
	}
	return keys
}

func readAll(r io.ReadCloser) ([]byte, error) {
	data, err := io.ReadAll(r)
	if closeErr := r.Close(); err == nil && closeErr != nil {
		err = fmt.Errorf("close: %w", closeErr)
	}
	return data, err
}
