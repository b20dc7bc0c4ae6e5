package gauge

import (
	"cmp"
	"context"
	"io"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
)

// operation is one kind of request to one store.
type operation struct{ store, name string }

// latency counts how long one operation takes.
type latency struct {
	count, failed, nanos atomic.Int64
	buckets              [control.LatencyBuckets]atomic.Int64
}

func (l *latency) took(d time.Duration, err error) {
	l.count.Add(1)
	l.nanos.Add(int64(d))
	if err != nil {
		l.failed.Add(1)
	}
	for i := range l.buckets {
		if d <= control.LatencyBound(i) {
			l.buckets[i].Add(1)
			return
		}
	}
}

func (g *Gauge) latency(store, name string) *latency {
	g.mu.Lock()
	defer g.mu.Unlock()
	id := operation{store, name}
	l := g.stores[id]
	if l == nil {
		l = &latency{}
		g.stores[id] = l
	}
	return l
}

// Stores are the latencies of what stores were asked.
func (g *Gauge) Stores() []control.StoreStats {
	g.mu.Lock()
	defer g.mu.Unlock()
	var all []control.StoreStats
	ids := slices.SortedFunc(maps.Keys(g.stores), func(a, b operation) int {
		return cmp.Or(cmp.Compare(a.store, b.store), cmp.Compare(a.name, b.name))
	})
	for _, id := range ids {
		l := g.stores[id]
		s := control.StoreStats{Store: id.store, Operation: id.name, Count: l.count.Load(), Failed: l.failed.Load(),
			Seconds: time.Duration(l.nanos.Load()).Seconds(), Buckets: make([]int64, len(l.buckets))}
		for i := range l.buckets {
			s.Buckets[i] = l.buckets[i].Load()
		}
		if s.Count > 0 {
			all = append(all, s)
		}
	}
	return all
}

// Store returns b with the operations of a transfer counted under its name.
func (g *Gauge) Store(name string, b objstore.Bucket) objstore.Bucket {
	return &bucket{Bucket: b, gauge: g, open: g.latency(name, "open"), put: g.latency(name, "put"), part: g.latency(name, "write_part"),
		begin: g.latency(name, "begin"), commit: g.latency(name, "commit"), stat: g.latency(name, "stat")}
}

// Sweep implements objstore.Sweeper, for a bucket that does.
func (b *bucket) Sweep(ctx context.Context, dirs []string) error {
	return objstore.Sweep(ctx, b.Bucket, dirs)
}

type bucket struct {
	objstore.Bucket
	gauge                                *Gauge
	open, put, part, begin, commit, stat *latency
}

func (b *bucket) Stat(ctx context.Context, key string) (o objstore.Object, err error) {
	start := time.Now()
	o, err = b.Bucket.Stat(ctx, key)
	b.stat.took(time.Since(start), err)
	return o, err
}

// Open is timed to the answer. What the body makes its reader wait is counted
// as it is read.
func (b *bucket) Open(ctx context.Context, key string, version objstore.Version, r chunk.Range) (io.ReadCloser, objstore.Object, error) {
	b.gauge.Read.Begin()
	defer b.gauge.Read.End()
	start := time.Now()
	in, o, err := b.Bucket.Open(ctx, key, version, r)
	b.open.took(time.Since(start), err)
	if err != nil {
		return in, o, err
	}
	return &body{in, &b.gauge.Read}, o, nil
}

type body struct {
	io.ReadCloser
	wait *Wait
}

func (r *body) Read(p []byte) (int, error) {
	r.wait.Begin()
	defer r.wait.End()
	return r.ReadCloser.Read(p)
}

func (b *bucket) Put(ctx context.Context, key string, body objstore.Body, meta objstore.Metadata) (o objstore.Object, err error) {
	b.write(b.put, &body, func() error {
		o, err = b.Bucket.Put(ctx, key, body, meta)
		return err
	})
	return o, err
}

func (b *bucket) WritePart(ctx context.Context, up objstore.Upload, part objstore.Part, body objstore.Body) (ref objstore.PartRef, err error) {
	b.write(b.part, &body, func() error {
		ref, err = b.Bucket.WritePart(ctx, up, part, body)
		return err
	})
	return ref, err
}

// write does a write and counts it as waiting for the store, but for what the
// store itself waits for a body that is still to come.
func (b *bucket) write(l *latency, body *objstore.Body, do func() error) {
	w := &b.gauge.Write
	if body.Reader != nil {
		body.Reader = &arriving{body.Reader, w}
	}
	w.Begin()
	defer w.End()
	start := time.Now()
	err := do()
	l.took(time.Since(start), err)
}

// arriving is a body of which the store gets what there is: while there is
// nothing it is not the store that is waited for.
type arriving struct {
	io.Reader
	wait *Wait
}

func (r *arriving) Read(p []byte) (int, error) {
	r.wait.End()
	defer r.wait.Begin()
	return r.Reader.Read(p)
}

func (b *bucket) Begin(ctx context.Context, key string, size int64, meta objstore.Metadata) (up objstore.Upload, err error) {
	start := time.Now()
	up, err = b.Bucket.Begin(ctx, key, size, meta)
	b.begin.took(time.Since(start), err)
	return up, err
}

func (b *bucket) Commit(ctx context.Context, up objstore.Upload, parts []objstore.PartRef, size int64, digest chunk.Digest) (o objstore.Object, err error) {
	start := time.Now()
	o, err = b.Bucket.Commit(ctx, up, parts, size, digest)
	b.commit.took(time.Since(start), err)
	return o, err
}
