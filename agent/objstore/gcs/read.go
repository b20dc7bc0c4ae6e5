package gcs

import (
	"context"
	"errors"
	"io"
	"net/http"

	"cloud.google.com/go/storage"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/internal/httpstore"
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
			err = httpstore.Within(obj, version, r)
		}
		return http.NoBody, obj, b.fail("open", key, err)
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
	return &httpstore.Body{Source: body, Rest: r.Length, Want: obj.CRC32C, Fail: func(err error) error {
		if noObject(err) { // when the SDK asked for the rest
			err = errReplaced
		}
		return b.fail("read", key, err)
	}}, obj, nil
}

// opened describes the object of a download, if it is what was asked for.
// Stores that ignore the precondition or the range are caught here.
func (b *bucket) opened(ctx context.Context, key string, version objstore.Version, r chunk.Range, body *storage.Reader) (objstore.Object, error) {
	a := body.Attrs
	obj := objstore.Object{Key: key, Size: a.Size, Version: versionOf(a.Generation), Modified: a.LastModified}
	if a.Generation <= 0 {
		return obj, errNotGCS
	}
	if err := httpstore.Within(obj, version, r); err != nil {
		return obj, err
	}
	if a.Decompressed || a.StartOffset != r.Offset || body.Remain() != r.Length {
		return obj, httpstore.ErrRangeIgnored
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
