package gcs

import (
	"context"
	"errors"
	"fmt"
	"io"

	"cloud.google.com/go/storage"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

func (b *bucket) Stat(ctx context.Context, key string) (objstore.Object, error) {
	if err := b.checkKey("stat", key); err != nil {
		return objstore.Object{}, err
	}
	obj, err := b.stat(ctx, b.handle.Object(key))
	return obj, b.fail("stat", key, err)
}

// stat answers with the SDK's error.
func (b *bucket) stat(ctx context.Context, o *storage.ObjectHandle) (objstore.Object, error) {
	a, err := o.Attrs(ctx)
	switch {
	case err != nil:
		return objstore.Object{}, err
	case a.Generation == 0:
		return objstore.Object{}, errNotGCS
	}
	return described(a), nil
}

// Open asks for the whole metadata only where the whole object is read, and
// for what the headers of a download do not hold in full.
func (b *bucket) Open(ctx context.Context, key string, version objstore.Version, r chunk.Range) (io.ReadCloser, objstore.Object, error) {
	if err := b.checkKey("open", key); err != nil {
		return nil, objstore.Object{}, err
	}
	o := b.handle.Object(key)
	if version != "" {
		generation, err := generationOf(version)
		if err != nil {
			return nil, objstore.Object{}, b.failKind("open", key, objstore.KindPrecondition, err)
		}
		o = o.If(storage.Conditions{GenerationMatch: generation})
	}
	if r.Length == 0 { // a range of HTTP is never empty
		obj, err := b.stat(ctx, o)
		if err == nil {
			err = isWanted(obj, version, r)
		}
		return &reader{bucket: b, key: key}, obj, b.fail("open", key, err)
	}
	body, err := o.NewRangeReader(oneRead(ctx), r.Offset, r.Length)
	if err != nil {
		return nil, objstore.Object{}, b.fail("open", key, err)
	}
	obj, err := b.opened(ctx, key, version, r, body)
	if err != nil {
		body.Close()
		return nil, objstore.Object{}, b.fail("open", key, err)
	}
	return &reader{bucket: b, key: key, body: body, rest: r.Length, want: obj.CRC32C}, obj, nil
}

// opened describes the object of a download, if it is what was asked for.
// Stores that ignore the precondition or the range are caught here.
func (b *bucket) opened(ctx context.Context, key string, version objstore.Version, r chunk.Range, body *storage.Reader) (objstore.Object, error) {
	a := body.Attrs
	obj := objstore.Object{Key: key, Size: a.Size, Version: versionOf(a.Generation), Modified: a.LastModified}
	if a.Generation <= 0 {
		return obj, errNotGCS
	}
	if err := isWanted(obj, version, r); err != nil {
		return obj, err
	}
	if a.Decompressed || a.StartOffset != r.Offset || body.Remain() != r.Length {
		return obj, &objstore.Error{Kind: objstore.KindUnsupported, Err: errors.New("the store ignores the range of a read")}
	}
	if r.Offset > 0 || r.Length < a.Size {
		return obj, nil
	}
	whole, err := b.stat(ctx, b.handle.Object(key).Generation(a.Generation))
	if noObject(err) {
		err = errReplaced
	}
	return whole, err
}

var errReplaced = &objstore.Error{Kind: objstore.KindPrecondition, Err: errors.New("the object was replaced or deleted while it was read")}

// isWanted compares an object with what a read wants of it.
func isWanted(obj objstore.Object, version objstore.Version, r chunk.Range) error {
	switch {
	case version != "" && obj.Version != version:
		return &objstore.Error{Kind: objstore.KindPrecondition, Err: fmt.Errorf("the object is generation %s, wanted was %s", obj.Version, version)}
	case r.End() > obj.Size:
		return &objstore.Error{Kind: objstore.KindPrecondition, Err: fmt.Errorf("the object has %d bytes, wanted were %d from %d", obj.Size, r.Length, r.Offset)}
	}
	return nil
}

// reader yields exactly the range that was asked for, or an error.
type reader struct {
	bucket *bucket
	key    string
	body   *storage.Reader // nil: of an empty range
	rest   int64
	got    chunk.Digest
	want   *chunk.Digest // of the range, where it is the whole object
}

func (r *reader) Read(p []byte) (int, error) {
	if r.rest == 0 {
		return 0, io.EOF
	}
	n, err := r.body.Read(p[:min(int64(len(p)), r.rest)])
	r.rest -= int64(n)
	if r.want != nil {
		if r.got = r.got.Update(p[:n]); r.rest == 0 && r.got != *r.want {
			return n, r.bucket.failKind("read", r.key, objstore.KindCorrupt, fmt.Errorf("CRC32C of what was read is %v, the store reports %v", r.got, *r.want))
		}
	}
	switch {
	case err == nil, r.rest == 0:
		return n, nil
	case err == io.EOF:
		err = io.ErrUnexpectedEOF
	case noObject(err): // when the SDK asked for the rest
		err = errReplaced
	}
	return n, r.bucket.fail("read", r.key, err)
}

func (r *reader) Close() error {
	if r.body == nil {
		return nil
	}
	return r.body.Close()
}
