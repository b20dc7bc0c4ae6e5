package transfer

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

// tracked knows which staged writes exist.
type tracked struct {
	objstore.Bucket
	mu     sync.Mutex
	staged map[string]bool
	begun  int
	noList bool // Parts is KindUnsupported
	shut   bool // Begin is KindPermission, after others have succeeded
	stuck  bool // Abort is KindTransient
}

func (b *tracked) note(id string, exists bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if exists {
		b.staged[id] = true
		b.begun++
	} else {
		delete(b.staged, id)
	}
}

func (b *tracked) left() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.staged)
}

func (b *tracked) Begin(ctx context.Context, key string, size int64, meta objstore.Metadata) (objstore.Upload, error) {
	if b.shut {
		time.Sleep(time.Second) // fake time
		return objstore.Upload{}, &objstore.Error{Op: "begin", Key: key, Kind: objstore.KindPermission}
	}
	up, err := b.Bucket.Begin(ctx, key, size, meta)
	if err == nil {
		b.note(up.ID, true)
	}
	return up, err
}

func (b *tracked) Commit(ctx context.Context, up objstore.Upload, parts []objstore.PartRef, size int64, digest chunk.Digest) (objstore.Object, error) {
	o, err := b.Bucket.Commit(ctx, up, parts, size, digest)
	if err == nil {
		b.note(up.ID, false)
	}
	return o, err
}

func (b *tracked) Abort(ctx context.Context, up objstore.Upload) error {
	if b.stuck {
		return &objstore.Error{Op: "abort", Kind: objstore.KindTransient}
	}
	err := b.Bucket.Abort(ctx, up)
	if err == nil {
		b.note(up.ID, false)
	}
	return err
}

func (b *tracked) Parts(ctx context.Context, up objstore.Upload) ([]objstore.PartRef, error) {
	if b.noList {
		return nil, &objstore.Error{Op: "list parts", Kind: objstore.KindUnsupported}
	}
	return b.Bucket.Parts(ctx, up)
}

// content is what is stored under a key.
func content(ctx context.Context, b objstore.Bucket, key string) ([]byte, error) {
	o, err := b.Stat(ctx, key)
	if err != nil {
		return nil, err
	}
	rc, _, err := b.Open(ctx, key, o.Version, chunk.Range{Length: o.Size})
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	_, err = buf.ReadFrom(rc)
	return buf.Bytes(), errors.Join(err, rc.Close())
}
