package objstoretest

import (
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

// partSize is a size that the store accepts for all parts.
func (s *suite) partSize() int64 { return max(s.b.Limits().MinPart, 100_000) }

func (s *suite) begin(key string, size int64) objstore.Upload {
	s.Helper()
	up, err := s.b.Begin(s.ctx, key, size, objstore.Metadata{})
	if err != nil {
		s.Fatalf("Begin: %v", err)
	}
	if up.Key != key || up.Size != size || up.ID == "" {
		s.Fatalf("Begin returns %+v", up)
	}
	return up
}

func (s *suite) writePart(b objstore.Bucket, up objstore.Upload, number int32, offset int64, data []byte) objstore.PartRef {
	s.Helper()
	ref, err := b.WritePart(s.ctx, up, objstore.Part{Number: number, Offset: offset}, body(data))
	if err != nil {
		s.Fatalf("WritePart %d: %v", number, err)
	}
	if ref.Number != number || ref.Size != int64(len(data)) || ref.Digest == nil || *ref.Digest != chunk.Sum(data) {
		s.Fatalf("WritePart %d returns %+v", number, ref)
	}
	return ref
}

// writeParts writes all of data and returns the parts in order.
func (s *suite) writeParts(up objstore.Upload, data []byte) []objstore.PartRef {
	s.Helper()
	var refs []objstore.PartRef
	for i, r := range chunk.Split(int64(len(data)), s.partSize()) {
		refs = append(refs, s.writePart(s.b, up, i, r.Offset, data[r.Offset:r.End()]))
	}
	return refs
}

func (s *suite) commit(up objstore.Upload, refs []objstore.PartRef, data []byte) objstore.Object {
	s.Helper()
	obj, err := s.b.Commit(s.ctx, up, refs, int64(len(data)), chunk.Sum(data))
	if err != nil {
		s.Fatalf("Commit: %v", err)
	}
	s.wantObject(obj, up.Key, data)
	return obj
}

func testStaged(s *suite) {
	key := s.prefix + "dir/object"
	data := content(1, 2*s.partSize()+12345)
	up := s.begin(key, int64(len(data)))
	refs := s.writeParts(up, data)
	s.wantMissing(key)
	if keys := s.list(s.prefix); len(keys) != 0 {
		s.Errorf("listed before Commit are %q", keys)
	}
	switch parts, err := s.b.Parts(s.ctx, up); {
	case objstore.KindOf(err) == objstore.KindUnsupported:
	case err != nil:
		s.Errorf("Parts: %v", err)
	default:
		s.wantParts(parts, refs)
		refs = parts // a resumed run has nothing else
	}
	obj := s.commit(up, refs, data)
	if stat := s.wantContent(key, data); stat.Version != obj.Version {
		s.Errorf("Commit says version %s, Stat %s", obj.Version, stat.Version)
	}
	if keys := s.list(s.prefix); !slices.Equal(keys, []string{key}) {
		s.Errorf("listed after Commit are %q", keys)
	}
}

// wantParts compares what the store lists with what WritePart returned. A
// store need not report digests.
func (s *suite) wantParts(got, want []objstore.PartRef) {
	s.Helper()
	if len(got) != len(want) {
		s.Errorf("Parts lists %d parts, want %d", len(got), len(want))
		return
	}
	for i, p := range got {
		if p.Number != want[i].Number || p.Size != want[i].Size || p.Token != want[i].Token || p.Digest != nil && *p.Digest != *want[i].Digest {
			s.Errorf("part %d is listed as %+v, was written as %+v", i, p, want[i])
		}
	}
}

// testStagedFromTwoBuckets: several gateways write one object, out of order.
func testStagedFromTwoBuckets(s *suite) {
	const n = 4
	key := s.prefix + "object"
	size := s.partSize()
	data := content(1, n*size-1)
	up := s.begin(key, int64(len(data)))
	buckets := []objstore.Bucket{opened(s.T, s.open), opened(s.T, s.open)}
	refs := make([]objstore.PartRef, n)
	var group errgroup.Group
	for i := int32(n - 1); i >= 0; i-- {
		group.Go(func() (err error) {
			r := chunk.At(int64(len(data)), size, i)
			refs[i], err = buckets[i%2].WritePart(s.ctx, up, objstore.Part{Number: i, Offset: r.Offset}, body(data[r.Offset:r.End()]))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		s.Fatal(err)
	}
	s.commit(up, refs, data) // by a third
	s.wantContent(key, data)
}

// wantCommitGone commits an upload that no longer exists under a key that has
// another object. KindTransient is for providers of stores that pretend.
func (s *suite) wantCommitGone(up objstore.Upload, refs []objstore.PartRef, data []byte) {
	s.Helper()
	_, err := s.b.Commit(s.ctx, up, refs, int64(len(data)), chunk.Sum(data))
	s.wantKind(err, objstore.KindNotFound, objstore.KindTransient)
}

func testRewrittenPart(s *suite) {
	key := s.prefix + "object"
	size := s.partSize()
	data := content(1, 2*size)
	up := s.begin(key, 2*size)
	s.writePart(s.b, up, 1, size, content(2, size)) // other bytes first
	refs := s.writeParts(up, data)
	refs[0] = s.writePart(s.b, up, 0, 0, data[:size]) // the same bytes again
	s.commit(up, refs, data)
	s.wantContent(key, data)
}

func testCommitTwice(s *suite) {
	key := s.prefix + "object"
	data := content(1, s.partSize()+1)
	up := s.begin(key, int64(len(data)))
	refs := s.writeParts(up, data)
	first := s.commit(up, refs, data)
	second := s.commit(up, refs, data)
	if first.Version != second.Version {
		s.Errorf("the second Commit says version %s, the first %s", second.Version, first.Version)
	}
	s.wantContent(key, data)

	other := content(2, int64(len(data))) // the same size under the same key
	s.put(key, other)
	s.wantCommitGone(up, refs, data)
	s.wantContent(key, other)
}

func testCommitRefused(s *suite) {
	size := s.partSize()
	data := content(1, 2*size)
	digest := chunk.Sum(data)
	for name, commit := range map[string]func(up objstore.Upload, refs []objstore.PartRef) error{
		"wrong digest": func(up objstore.Upload, refs []objstore.PartRef) error {
			_, err := s.b.Commit(s.ctx, up, refs, 2*size, digest+1)
			return err
		},
		"wrong digest, parts without": func(up objstore.Upload, refs []objstore.PartRef) error {
			bare := slices.Clone(refs)
			for i := range bare {
				bare[i].Digest = nil
			}
			_, err := s.b.Commit(s.ctx, up, bare, 2*size, digest+1)
			return err
		},
		"missing part": func(up objstore.Upload, refs []objstore.PartRef) error {
			_, err := s.b.Commit(s.ctx, up, refs[:1], 2*size, digest)
			return err
		},
		"parts in disorder": func(up objstore.Upload, refs []objstore.PartRef) error {
			_, err := s.b.Commit(s.ctx, up, []objstore.PartRef{refs[1], refs[0]}, 2*size, digest)
			return err
		},
	} {
		key := s.prefix + name
		up := s.begin(key, 2*size)
		refs := s.writeParts(up, data)
		s.wantKind(commit(up, refs), objstore.KindCorrupt, objstore.KindInvalid)
		s.wantMissing(key)
		if err := s.b.Abort(s.ctx, up); err != nil {
			s.Errorf("Abort: %v", err)
		}
	}
	up := s.begin(s.prefix+"wrong part", size)
	wrong := body(data[:size])
	wrong.Digest++
	_, err := s.b.WritePart(s.ctx, up, objstore.Part{}, wrong)
	s.wantKind(err, objstore.KindCorrupt)
	if err := s.b.Abort(s.ctx, up); err != nil {
		s.Errorf("Abort: %v", err)
	}
	if keys := s.list(s.prefix); len(keys) != 0 {
		s.Errorf("listed are %q", keys)
	}
}

func testPreviousVersionSurvives(s *suite) {
	key := s.prefix + "object"
	old := content(1, 1000)
	version := s.put(key, old).Version
	data := content(2, s.partSize()+10)
	for range 2 { // once aborted, once committed
		up := s.begin(key, int64(len(data)))
		refs := s.writeParts(up, data)
		if stat := s.wantContent(key, old); stat.Version != version {
			s.Errorf("version went from %s to %s before Commit", version, stat.Version)
		}
		if err := s.b.Abort(s.ctx, up); err != nil {
			s.Errorf("Abort: %v", err)
		}
		s.wantCommitGone(up, refs, data)
		s.wantContent(key, old)
	}
	up := s.begin(key, int64(len(data)))
	s.commit(up, s.writeParts(up, data), data)
	s.wantContent(key, data)
}

func testAbort(s *suite) {
	key := s.prefix + "object"
	data := content(1, s.partSize())
	up := s.begin(key, 2*s.partSize())
	s.writePart(s.b, up, 0, 0, data)
	for range 2 {
		if err := s.b.Abort(s.ctx, up); err != nil {
			s.Errorf("Abort: %v", err)
		}
	}
	// A small part: a server may cut the connection under a large one that it
	// refuses, before we see its answer.
	ref, err := s.b.WritePart(s.ctx, up, objstore.Part{}, body(data[:1]))
	if err == nil && s.takesLateParts {
		s.wantCommitGone(up, []objstore.PartRef{ref}, data[:1])
	} else {
		s.wantKind(err, objstore.KindNotFound)
	}
	_, err = s.b.Parts(s.ctx, up)
	s.wantKind(err, objstore.KindNotFound)
	if err := s.b.Abort(s.ctx, objstore.Upload{Key: key, ID: "never begun", Size: 1}); err != nil {
		s.Errorf("Abort of an unknown upload: %v", err)
	}
	s.wantMissing(key)
	if keys := s.list(s.prefix); len(keys) != 0 {
		s.Errorf("listed are %q", keys)
	}
}
