package gcs

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"cloud.google.com/go/storage"
	"golang.org/x/sync/errgroup"
	"google.golang.org/api/iterator"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

// node is an object of the tree that Commit composes: a part, or what was
// composed of up to maxSources nodes.
type node struct {
	name       string
	size       int64
	digest     *chunk.Digest // nil: nobody knows what it is to be
	generation int64         // 0: the store does not have it
}

// Commit composes what is there level by level. What an earlier commit has
// composed it takes, for the sources of that are gone.
func (b *bucket) Commit(ctx context.Context, up objstore.Upload, parts []objstore.PartRef, size int64, digest chunk.Digest) (objstore.Object, error) {
	if _, e := objstore.CheckParts(parts, size, digest); e != nil {
		return objstore.Object{}, b.fail("commit", up.Key, e)
	}
	f, u, err := b.uploadOf(ctx, up)
	if err == errNoUpload {
		return b.recognise(ctx, f, up, upload{}, digest, errNoUpload)
	}
	if err != nil {
		return objstore.Object{}, b.fail("commit", up.Key, err)
	}
	obj, err := b.compose(ctx, f, u, parts, size, digest)
	switch kindOf(err) {
	case objstore.KindNotFound, objstore.KindPrecondition:
		return b.recognise(ctx, f, up, u, digest, err)
	}
	if err == nil {
		err = b.clean(ctx, f)
	}
	return obj, b.fail("commit", up.Key, err)
}

// recognise answers a commit that found its upload gone, or the key changed:
// an earlier commit, whose reply was lost, may have made the object.
func (b *bucket) recognise(ctx context.Context, f folder, up objstore.Upload, u upload, digest chunk.Digest, reason error) (objstore.Object, error) {
	obj, err := b.stat(ctx, b.handle.Object(up.Key))
	switch {
	case noObject(err):
		return objstore.Object{}, b.fail("commit", up.Key, reason)
	case err != nil:
		return objstore.Object{}, b.fail("commit", up.Key, err)
	case obj.Size != up.Size, !agree(obj.CRC32C, digest), obj.Version == versionOf(u.Replaces):
		return objstore.Object{}, b.fail("commit", up.Key, reason)
	}
	if _, ok := folderOf(up); ok { // what that commit may have left
		err = b.clean(ctx, f)
	}
	return obj, b.fail("commit", up.Key, err)
}

// compose makes the object. The error is the SDK's.
func (b *bucket) compose(ctx context.Context, f folder, u upload, parts []objstore.PartRef, size int64, digest chunk.Digest) (objstore.Object, error) {
	there, err := b.nodes(ctx, f)
	if err != nil {
		return objstore.Object{}, err
	}
	level, err := leaves(f, parts, there)
	if err != nil {
		return objstore.Object{}, err
	}
	if sum := combined("", level).digest; sum != nil && *sum != digest {
		return objstore.Object{}, &objstore.Error{Kind: objstore.KindCorrupt, Err: fmt.Errorf("CRC32C of the parts is %v, of the object %v", *sum, digest)}
	}
	for height := 1; len(level) > maxSources; height++ {
		if level, err = b.raise(ctx, f, height, level, there); err != nil {
			return objstore.Object{}, err
		}
	}
	final := b.handle.Object(u.Key).If(storage.Conditions{GenerationMatch: u.Replaces, DoesNotExist: u.Replaces == 0})
	if len(level) == 0 {
		return b.put(ctx, final, objstore.Body{}, attrs(u.Key, u.Metadata))
	}
	return b.merge(ctx, final, node{name: u.Key, size: size, digest: &digest}, level, attrs(u.Key, u.Metadata))
}

// nodes lists parts and composed objects of an upload.
func (b *bucket) nodes(ctx context.Context, f folder) (map[string]node, error) {
	it, err := b.listing(ctx, string(f))
	if err != nil {
		return nil, err
	}
	there := map[string]node{}
	for {
		a, err := it.Next()
		if err == iterator.Done {
			return there, nil
		}
		if err != nil {
			return nil, err
		}
		there[a.Name] = node{name: a.Name, size: a.Size, digest: digestOf(a.CRC32C, a.Size), generation: a.Generation}
	}
}

// leaves are the parts, compared with what the store has of them. One that it
// does not have may have been composed already.
func leaves(f folder, parts []objstore.PartRef, there map[string]node) ([]node, error) {
	level := make([]node, len(parts))
	for i, p := range parts {
		want := node{name: f.part(p.Number), size: p.Size, digest: p.Digest}
		got, ok := there[want.name]
		switch {
		case !ok:
			level[i] = want
		case !same(got, want):
			return nil, &objstore.Error{Kind: objstore.KindCorrupt, Err: fmt.Errorf("part %d in the store is not the one that was written", p.Number)}
		default:
			want.generation = got.generation
			if want.digest == nil {
				want.digest = got.digest
			}
			level[i] = want
		}
	}
	return level, nil
}

// same tells whether a node of the store is the one that is wanted.
func same(got, want node) bool {
	return got.size == want.size && (want.digest == nil || agree(got.digest, *want.digest))
}

// agree tells whether the store reports the digest that is wanted: see digestOf.
func agree(got *chunk.Digest, want chunk.Digest) bool {
	return got == nil && want == 0 || got != nil && *got == want
}

// raise returns the next level of the tree. A node that cannot be made, as its
// sources are gone, is left to the level above: an earlier commit may have
// composed it into a node of that already.
func (b *bucket) raise(ctx context.Context, f folder, height int, level []node, there map[string]node) ([]node, error) {
	next := make([]node, (len(level)+maxSources-1)/maxSources)
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i := range next {
		sources := level[i*maxSources : min((i+1)*maxSources, len(level))]
		next[i] = combined(f.node(height, i), sources)
		if got, ok := there[next[i].name]; ok && next[i].digest != nil && same(got, next[i]) {
			next[i].generation = got.generation
			continue
		}
		if slices.ContainsFunc(sources, func(s node) bool { return s.generation == 0 }) {
			continue
		}
		group.Go(func() error {
			target := b.handle.Object(next[i].name)
			obj, err := b.merge(gctx, target, next[i], sources, temporaryAttrs(next[i].name))
			if noObject(err) { // the reply to a first attempt was lost, which deleted the sources
				obj, err = b.madeBefore(gctx, target, next[i], err)
			}
			if err == nil {
				next[i].generation, err = generationOf(obj.Version)
			}
			return err
		})
	}
	return next, group.Wait()
}

// combined is the node that the sources make.
func combined(name string, sources []node) node {
	n := node{name: name, digest: new(chunk.Digest)}
	for _, s := range sources {
		n.size += s.size
		if n.digest != nil && s.digest != nil {
			sum := n.digest.Combine(*s.digest, s.size)
			n.digest = &sum
		} else {
			n.digest = nil
		}
	}
	return n
}

// madeBefore returns the target if it is what is wanted, else the reason.
func (b *bucket) madeBefore(ctx context.Context, target *storage.ObjectHandle, want node, reason error) (objstore.Object, error) {
	a, err := target.Attrs(ctx)
	if noObject(err) || err == nil && !same(node{size: a.Size, digest: digestOf(a.CRC32C, a.Size)}, want) {
		return objstore.Object{}, reason
	}
	if err != nil {
		return objstore.Object{}, err
	}
	return described(a), nil
}

// merge composes the sources into target and deletes them.
func (b *bucket) merge(ctx context.Context, target *storage.ObjectHandle, want node, sources []node, a storage.ObjectAttrs) (objstore.Object, error) {
	handles := make([]*storage.ObjectHandle, len(sources))
	for i, s := range sources {
		if s.generation == 0 {
			return objstore.Object{}, &objstore.Error{Kind: objstore.KindNotFound, Err: fmt.Errorf("the store has no %s", s.name)}
		}
		handles[i] = b.handle.Object(s.name).Generation(s.generation)
	}
	if want.digest == nil {
		return objstore.Object{}, &objstore.Error{Kind: objstore.KindInvalid, Err: errors.New("a part lacks its digest, and the store reports none")}
	}
	c := target.ComposerFrom(handles...)
	c.ObjectAttrs = a
	c.CRC32C, c.SendCRC32C = uint32(*want.digest), true
	c.DeleteSourceObjects = true
	made, err := c.Run(ctx)
	if err != nil {
		return objstore.Object{}, err
	}
	return described(made), written(made, want.size, *want.digest)
}
