// Package pace asks a store as fast as it lets itself be asked.
//
// A store that is asked too fast refuses (503 SlowDown, 429): KindThrottled. A
// refused request was not carried out, so it is repeated, after a while that
// doubles each time, until its context ends: throttling makes a run slower and
// never fails it. Meanwhile fewer requests are let through at once: their
// number is halved by a refusal and grows by one with each round of successes,
// as TCP does it. Nothing is limited before the first refusal.
package pace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

// How long a refused request waits. What is refused for minutes is asked again
// by each request under way, some hundred of them, every few seconds: far below
// the thousands a second that stores refuse, and soon noticed when they recover.
const (
	firstWait   = 200 * time.Millisecond
	longestWait = 5 * time.Second
)

// New returns b, asked at its pace. All users of b in this process should have
// the same one.
func New(b objstore.Bucket) objstore.Bucket { return &bucket{Bucket: b} }

type bucket struct {
	objstore.Bucket
	limit limiter
}

// do calls one request until the store does not refuse it. once is for a
// request that cannot be repeated: it is paced all the same.
func do[T any](ctx context.Context, b *bucket, once bool, request func() (T, error)) (T, error) {
	var last error
	result, err := backoff.Retry(ctx, func() (T, error) {
		result, err := call(ctx, &b.limit, request)
		if err == nil {
			return result, nil
		}
		if once || objstore.KindOf(err) != objstore.KindThrottled {
			return result, backoff.Permanent(err)
		}
		last = err
		return result, err
	}, backoff.WithBackOff(waits()), backoff.WithMaxElapsedTime(0))
	return result, stopped(ctx, last, err)
}

func waits() *backoff.ExponentialBackOff {
	return &backoff.ExponentialBackOff{InitialInterval: firstWait, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: longestWait}
}

// stopped makes one error of a context that ended and the refusal that a
// request was waiting after: the one says what to do, the other why not longer.
func stopped(ctx context.Context, last, err error) error {
	var refused *objstore.Error
	if err == nil || ctx.Err() == nil || !errors.As(last, &refused) {
		return err
	}
	both := *refused
	both.Err = fmt.Errorf("%w; it was asked until: %w", refused.Err, ctx.Err())
	if refused.Err == nil {
		both.Err = ctx.Err()
	}
	return &both
}

func (b *bucket) Check(ctx context.Context) (objstore.About, error) {
	return do(ctx, b, false, func() (objstore.About, error) { return b.Bucket.Check(ctx) })
}

// List goes on where the store refused. It takes no part in the limit, for it
// lasts, and whoever is given an object may ask the store for more.
func (b *bucket) List(ctx context.Context, prefix, after string, yield func(objstore.Object) error) error {
	wait := waits()
	var stop, last error
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := b.Bucket.List(ctx, prefix, after, func(o objstore.Object) error {
			wait.Reset()
			after = o.Key
			stop = yield(o)
			return stop
		})
		if err == nil {
			return struct{}{}, nil
		}
		if stop != nil || objstore.KindOf(err) != objstore.KindThrottled {
			return struct{}{}, backoff.Permanent(err)
		}
		b.limit.refused(time.Now())
		last = err
		return struct{}{}, err
	}, backoff.WithBackOff(wait), backoff.WithMaxElapsedTime(0))
	if stop != nil {
		return stop
	}
	return stopped(ctx, last, err)
}

func (b *bucket) Stat(ctx context.Context, key string) (objstore.Object, error) {
	return do(ctx, b, false, func() (objstore.Object, error) { return b.Bucket.Stat(ctx, key) })
}

// opened are the results of Open.
type opened struct {
	body   io.ReadCloser
	object objstore.Object
}

// Open is paced until the answer begins: what stores count are requests.
func (b *bucket) Open(ctx context.Context, key string, version objstore.Version, r chunk.Range) (io.ReadCloser, objstore.Object, error) {
	o, err := do(ctx, b, false, func() (o opened, err error) {
		o.body, o.object, err = b.Bucket.Open(ctx, key, version, r)
		return o, err
	})
	return o.body, o.object, err
}

func (b *bucket) Put(ctx context.Context, key string, body objstore.Body, meta objstore.Metadata) (objstore.Object, error) {
	return do(ctx, b, body.Reader != nil, func() (objstore.Object, error) { return b.Bucket.Put(ctx, key, body, meta) })
}

func (b *bucket) Begin(ctx context.Context, key string, size int64, meta objstore.Metadata) (objstore.Upload, error) {
	return do(ctx, b, false, func() (objstore.Upload, error) { return b.Bucket.Begin(ctx, key, size, meta) })
}

func (b *bucket) WritePart(ctx context.Context, up objstore.Upload, part objstore.Part, body objstore.Body) (objstore.PartRef, error) {
	return do(ctx, b, body.Reader != nil, func() (objstore.PartRef, error) { return b.Bucket.WritePart(ctx, up, part, body) })
}

func (b *bucket) Parts(ctx context.Context, up objstore.Upload) ([]objstore.PartRef, error) {
	return do(ctx, b, false, func() ([]objstore.PartRef, error) { return b.Bucket.Parts(ctx, up) })
}

func (b *bucket) Commit(ctx context.Context, up objstore.Upload, parts []objstore.PartRef, size int64, digest chunk.Digest) (objstore.Object, error) {
	return do(ctx, b, false, func() (objstore.Object, error) { return b.Bucket.Commit(ctx, up, parts, size, digest) })
}

func (b *bucket) Abort(ctx context.Context, up objstore.Upload) error {
	_, err := do(ctx, b, false, func() (struct{}, error) { return struct{}{}, b.Bucket.Abort(ctx, up) })
	return err
}

func (b *bucket) Uploads(ctx context.Context, key string, since time.Time) ([]objstore.Upload, error) {
	return do(ctx, b, false, func() ([]objstore.Upload, error) { return b.Bucket.Uploads(ctx, key, since) })
}

func (b *bucket) Delete(ctx context.Context, key string) error {
	_, err := do(ctx, b, false, func() (struct{}, error) { return struct{}{}, b.Bucket.Delete(ctx, key) })
	return err
}

// Sweep implements objstore.Sweeper, for a bucket that does.
func (b *bucket) Sweep(ctx context.Context, dirs []string) error {
	return objstore.Sweep(ctx, b.Bucket, dirs)
}

// Omitted implements objstore.Omitter, for a bucket that does.
func (b *bucket) Omitted() []string {
	if o, ok := b.Bucket.(objstore.Omitter); ok {
		return o.Omitted()
	}
	return nil
}
