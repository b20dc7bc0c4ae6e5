package mem

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

var errNoUpload = errors.New("the upload does not exist, or no longer")

func (b *bucket) Begin(ctx context.Context, key string, size int64, meta objstore.Metadata) (objstore.Upload, error) {
	if err := b.start(ctx, "begin", key); err != nil {
		return objstore.Upload{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next++
	id := strconv.Itoa(b.next)
	b.uploads[id] = &upload{key: key, size: size, begun: time.Now(), meta: clone(meta), parts: map[int32]part{}}
	return objstore.Upload{Key: key, ID: id, Size: size}, nil
}

func (b *bucket) WritePart(ctx context.Context, up objstore.Upload, p objstore.Part, body objstore.Body) (objstore.PartRef, error) {
	if err := b.start(ctx, "write part", up.Key); err != nil {
		return objstore.PartRef{}, err
	}
	if p.Number < 0 || p.Offset < 0 || p.Offset+body.Size > up.Size {
		return objstore.PartRef{}, b.fail("write part", up.Key, objstore.KindInvalid, fmt.Errorf("part %d reaches beyond the object of %d bytes", p.Number, up.Size))
	}
	data, digest, err := b.read(ctx, "write part", up.Key, body)
	if err != nil {
		return objstore.PartRef{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	u := b.uploads[up.ID]
	if u == nil || u.key != up.Key {
		return objstore.PartRef{}, b.fail("write part", up.Key, objstore.KindNotFound, errNoUpload)
	}
	b.next++
	ref := objstore.PartRef{Number: p.Number, Size: body.Size, Digest: &digest, Token: strconv.Itoa(b.next)}
	u.parts[p.Number] = part{ref, data}
	return ref, nil
}

func (b *bucket) Parts(ctx context.Context, up objstore.Upload) ([]objstore.PartRef, error) {
	if err := b.start(ctx, "list parts", up.Key); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	u := b.uploads[up.ID]
	if u == nil {
		return nil, b.fail("list parts", up.Key, objstore.KindNotFound, errNoUpload)
	}
	var refs []objstore.PartRef
	for _, number := range slices.Sorted(maps.Keys(u.parts)) {
		refs = append(refs, u.parts[number].ref)
	}
	return refs, nil
}

func (b *bucket) Commit(ctx context.Context, up objstore.Upload, parts []objstore.PartRef, size int64, digest chunk.Digest) (objstore.Object, error) {
	if err := b.start(ctx, "commit", up.Key); err != nil {
		return objstore.Object{}, err
	}
	if _, e := objstore.CheckParts(parts, size, digest); e != nil {
		return objstore.Object{}, b.fail("commit", up.Key, e.Kind, e.Err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	u := b.uploads[up.ID]
	if u == nil {
		if o, ok := b.objects[up.Key]; ok && o.Size == size && *o.CRC32C == digest {
			return o.clone(), nil
		}
		return objstore.Object{}, b.fail("commit", up.Key, objstore.KindNotFound, errNoUpload)
	}
	data := make([]byte, 0, size)
	for _, ref := range parts {
		p, ok := u.parts[ref.Number]
		if !ok || p.ref.Token != ref.Token {
			return objstore.Object{}, b.fail("commit", up.Key, objstore.KindCorrupt, fmt.Errorf("part %d is not what was written", ref.Number))
		}
		data = append(data, p.data...)
	}
	if got := chunk.Sum(data); got != digest {
		return objstore.Object{}, b.fail("commit", up.Key, objstore.KindCorrupt, fmt.Errorf("CRC32C of the object is %v, wanted %v", got, digest))
	}
	delete(b.uploads, up.ID)
	return b.place(up.Key, data, u.meta), nil
}

func (b *bucket) Abort(ctx context.Context, up objstore.Upload) error {
	if err := b.start(ctx, "abort", up.Key); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.uploads, up.ID)
	return nil
}

func (b *bucket) Uploads(ctx context.Context, key string, since time.Time) ([]objstore.Upload, error) {
	if err := b.start(ctx, "list uploads", key); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []objstore.Upload
	for _, id := range slices.Sorted(maps.Keys(b.uploads)) {
		if u := b.uploads[id]; u.key == key && !u.begun.Before(since) {
			found = append(found, objstore.Upload{Key: key, ID: id, Size: u.size})
		}
	}
	return found, nil
}
