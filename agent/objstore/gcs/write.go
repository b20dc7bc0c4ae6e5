package gcs

import (
	"context"
	"errors"
	"fmt"

	"cloud.google.com/go/storage"
	"github.com/cenkalti/backoff/v5"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

func (b *bucket) Put(ctx context.Context, key string, body objstore.Body, meta objstore.Metadata) (objstore.Object, error) {
	if err := b.checkKey("put", key); err != nil {
		return objstore.Object{}, err
	}
	if e := checkBody(body); e != nil {
		return objstore.Object{}, b.fail("put", key, e)
	}
	if err := checkMetadata(meta); err != nil {
		return objstore.Object{}, b.failKind("put", key, objstore.KindInvalid, err)
	}
	obj, err := b.put(ctx, b.handle.Object(key), body, attrs(key, meta))
	return obj, b.fail("put", key, err)
}

// put answers with the SDK's error.
func (b *bucket) put(ctx context.Context, o *storage.ObjectHandle, body objstore.Body, a storage.ObjectAttrs) (objstore.Object, error) {
	made, err := b.insert(ctx, o, body, a)
	if err != nil {
		return objstore.Object{}, err
	}
	return described(made), nil
}

// insert writes a whole object in one request, and repeats it as the SDK does
// the others.
func (b *bucket) insert(ctx context.Context, o *storage.ObjectHandle, body objstore.Body, a storage.ObjectAttrs) (*storage.ObjectAttrs, error) {
	pause := &backoff.ExponentialBackOff{InitialInterval: firstBackoff, MaxInterval: lastBackoff, Multiplier: 4, RandomizationFactor: 0.5}
	return backoff.Retry(ctx, func() (*storage.ObjectAttrs, error) {
		made, err := b.insertOnce(ctx, o, body, a)
		if err != nil && (!storage.ShouldRetry(err) || ctx.Err() != nil) {
			err = backoff.Permanent(err)
		}
		return made, err
	}, backoff.WithBackOff(pause), backoff.WithMaxTries(maxAttempts))
}

func (b *bucket) insertOnce(ctx context.Context, o *storage.ObjectHandle, body objstore.Body, a storage.ObjectAttrs) (*storage.ObjectAttrs, error) {
	w := o.NewWriter(ctx)
	w.ObjectAttrs = a
	w.ForceEmptyContentType = a.ContentType == "" // or the SDK guesses one
	w.ChunkSize = 0                               // one request
	w.CRC32C, w.SendCRC32C = uint32(body.Digest), true
	_, err := w.Write(body.Bytes)
	if closed := w.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, err
	}
	return w.Attrs(), written(w.Attrs(), body.Size, body.Digest)
}

// written tells whether what was made is what was to be made.
func written(a *storage.ObjectAttrs, size int64, digest chunk.Digest) error {
	got := digestOf(a.CRC32C, a.Size)
	switch {
	case a.Generation == 0:
		return errNotGCS
	case a.Size != size || got != nil && *got != digest:
		return &objstore.Error{Kind: objstore.KindCorrupt,
			Err: fmt.Errorf("the store has %d bytes with CRC32C %08x, sent were %d with %v", a.Size, a.CRC32C, size, digest)}
	}
	return nil
}

// Delete of what does not exist is an error in this store.
func (b *bucket) Delete(ctx context.Context, key string) error {
	if err := b.checkKey("delete", key); err != nil {
		return err
	}
	err := b.handle.Object(key).Delete(ctx)
	if noObject(err) {
		return nil
	}
	return b.fail("delete", key, err)
}

// checkBody refuses what no request can carry.
func checkBody(body objstore.Body) error {
	if e := body.CheckForm(); e != nil {
		return e
	}
	if body.Bytes == nil && body.Size > 0 {
		return &objstore.Error{Kind: objstore.KindUnsupported, Err: errors.New("the store takes whole bodies only, see Limits.Buffered")}
	}
	return nil
}
