// Package mem keeps objects in memory, for tests.
//
// Buckets are named and live as long as the process: every Open of a name is
// the same bucket, so several agents in one process share it like gateways
// share a store.
package mem

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

var (
	storesMu sync.Mutex
	stores   = map[string]*store{}
)

// store is the content of one bucket. Byte slices in it are never changed, so
// a reader keeps its version whatever happens to the key.
type store struct {
	mu      sync.Mutex
	objects map[string]object
	uploads map[string]*upload
	sorted  []string // the keys of objects in order, nil if that has to be found out
	next    int      // numbers versions and uploads
}

type object struct {
	objstore.Object
	data []byte
}

type upload struct {
	key   string
	size  int64
	begun time.Time
	meta  objstore.Metadata
	parts map[int32]part
}

type part struct {
	ref  objstore.PartRef
	data []byte
}

type bucket struct {
	name    string
	classes map[string]string
	*store
}

// Open returns the bucket named cfg.Bucket, empty if it is new.
func Open(_ context.Context, cfg objstore.Config) (objstore.Bucket, error) {
	storesMu.Lock()
	defer storesMu.Unlock()
	s := stores[cfg.Bucket]
	if s == nil {
		s = &store{objects: map[string]object{}, uploads: map[string]*upload{}}
		stores[cfg.Bucket] = s
	}
	return &bucket{name: cfg.Bucket, classes: cfg.StorageClasses, store: s}, nil
}

func (b *bucket) fail(op, key string, kind objstore.Kind, err error) error {
	return &objstore.Error{Op: op, Bucket: "mem://" + b.name, Key: key, Kind: kind, Err: err}
}

// start is what every operation on a key begins with.
func (b *bucket) start(ctx context.Context, op, key string) error {
	if err := ctx.Err(); err != nil {
		return b.fail(op, key, objstore.KindTransient, err)
	}
	if key == "" {
		return b.fail(op, key, objstore.KindInvalid, errors.New("the key is empty"))
	}
	return nil
}

func (b *bucket) Check(ctx context.Context) (objstore.About, error) {
	if err := ctx.Err(); err != nil {
		return objstore.About{}, b.fail("check", "", objstore.KindTransient, err)
	}
	return objstore.About{}, nil
}

// Keeps everything, and maps the storage class.
func (b *bucket) Keeps(m objstore.Metadata) (objstore.Metadata, objstore.Fields) {
	lost := objstore.KeepClass(b.classes, &m)
	return m, lost
}

func (b *bucket) Limits() objstore.Limits { return objstore.Limits{} }

func (b *bucket) Close() error { return nil }

// List holds nothing of its own: the store's keys are sorted once for all
// listings between two changes.
func (b *bucket) List(ctx context.Context, prefix, after string, yield func(objstore.Object) error) error {
	keys := b.sortedKeys()
	first, _ := slices.BinarySearch(keys, max(prefix, after))
	for _, key := range keys[first:] {
		if err := ctx.Err(); err != nil {
			return b.fail("list", "", objstore.KindTransient, err)
		}
		if !strings.HasPrefix(key, prefix) {
			break
		}
		b.mu.Lock()
		o, ok := b.objects[key]
		b.mu.Unlock()
		if !ok || key == after {
			continue
		}
		if err := yield(o.clone()); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return b.fail("list", "", objstore.KindTransient, err)
	}
	return nil
}

// sortedKeys returns the keys in order. Nobody changes the slice.
func (s *store) sortedKeys() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sorted == nil {
		s.sorted = slices.Sorted(maps.Keys(s.objects))
	}
	return s.sorted
}

func (b *bucket) Stat(ctx context.Context, key string) (objstore.Object, error) {
	if err := b.start(ctx, "stat", key); err != nil {
		return objstore.Object{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	o, ok := b.objects[key]
	if !ok {
		return objstore.Object{}, b.fail("stat", key, objstore.KindNotFound, nil)
	}
	return o.clone(), nil
}

func (b *bucket) Open(ctx context.Context, key string, version objstore.Version, r chunk.Range) (io.ReadCloser, objstore.Object, error) {
	if err := b.start(ctx, "open", key); err != nil {
		return nil, objstore.Object{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	o, ok := b.objects[key]
	switch {
	case !ok:
		return nil, objstore.Object{}, b.fail("open", key, objstore.KindNotFound, nil)
	case version != "" && version != o.Version:
		return nil, objstore.Object{}, b.fail("open", key, objstore.KindPrecondition, fmt.Errorf("version is %s, wanted %s", o.Version, version))
	case r.Offset < 0 || r.Length < 0 || r.End() > o.Size:
		return nil, objstore.Object{}, b.fail("open", key, objstore.KindPrecondition, fmt.Errorf("object has %d bytes, wanted %d from %d", o.Size, r.Length, r.Offset))
	}
	return &reader{ctx: ctx, data: o.data[r.Offset:r.End()]}, o.clone(), nil
}

func (b *bucket) Put(ctx context.Context, key string, body objstore.Body, meta objstore.Metadata) (objstore.Object, error) {
	if err := b.start(ctx, "put", key); err != nil {
		return objstore.Object{}, err
	}
	data, _, err := b.read(ctx, "put", key, body)
	if err != nil {
		return objstore.Object{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.place(key, data, meta), nil
}

func (b *bucket) Delete(ctx context.Context, key string) error {
	if err := b.start(ctx, "delete", key); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.objects, key)
	b.sorted = nil
	return nil
}

// read returns a private copy of the body's bytes.
func (b *bucket) read(ctx context.Context, op, key string, body objstore.Body) ([]byte, chunk.Digest, error) {
	if e := body.Check(); e != nil {
		return nil, 0, b.fail(op, key, e.Kind, e.Err)
	}
	data := make([]byte, body.Size)
	if body.Bytes != nil {
		copy(data, body.Bytes)
	} else if body.Size > 0 {
		if _, err := io.ReadFull(body.Reader, data); err != nil {
			return nil, 0, b.fail(op, key, objstore.KindTransient, fmt.Errorf("body: %w", err))
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, 0, b.fail(op, key, objstore.KindTransient, err)
	}
	return data, chunk.Sum(data), nil
}

// place makes data the object of the key. The caller holds the lock.
func (s *store) place(key string, data []byte, meta objstore.Metadata) objstore.Object {
	s.next++
	digest := chunk.Sum(data)
	o := object{data: data, Object: objstore.Object{
		Key: key, Size: int64(len(data)), Version: objstore.Version(strconv.Itoa(s.next)), Modified: time.Now(), CRC32C: &digest, Metadata: meta,
	}}
	o.Object = o.clone() // the caller's maps stay the caller's
	if _, replaced := s.objects[key]; !replaced {
		s.sorted = nil
	}
	s.objects[key] = o
	return o.clone()
}

func (o object) clone() objstore.Object {
	c := o.Object
	c.Metadata = clone(c.Metadata)
	return c
}

func clone(m objstore.Metadata) objstore.Metadata {
	m.User, m.Tags = maps.Clone(m.User), maps.Clone(m.Tags)
	return m
}

// reader yields data until ctx ends.
type reader struct {
	ctx  context.Context
	data []byte
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if len(r.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.data)
	r.data = r.data[n:]
	return n, nil
}

func (r *reader) Close() error { return nil }
