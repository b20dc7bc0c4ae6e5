package sink

import (
	"context"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/wire"
)

// Check proves that the object o, as its store reports it after a write, has
// the given size and digest: by the store's own CRC32C if it reports one, by
// reading the object back if not or if readBack asks for it. A difference is
// KindCorrupt.
func Check(ctx context.Context, b objstore.Bucket, o objstore.Object, size int64, digest chunk.Digest, readBack bool) (wire.Verified, error) {
	how := wire.VerifiedStore
	got := o.CRC32C
	if o.Size == size && (got == nil || readBack) {
		how = wire.VerifiedRead
		d, err := Digest(ctx, b, o)
		if err != nil {
			return wire.VerifiedNot, fmt.Errorf("read back: %w", err)
		}
		got = &d
	}
	if o.Size != size || *got != digest {
		err := &objstore.Error{Op: "verify", Key: o.Key, Kind: objstore.KindCorrupt}
		if o.Size != size {
			err.Err = fmt.Errorf("the store has %d bytes, %d were written", o.Size, size)
		} else {
			err.Err = fmt.Errorf("the store has CRC32C %v, %v was written", *got, digest)
		}
		return wire.VerifiedNot, err
	}
	return how, nil
}

// Reading back is split over this many readers, each with a range of its own.
const (
	readers  = 4
	minRange = 8 << 20 // bytes; less is not worth another request
)

// Digest reads an object of the given version and digests it.
func Digest(ctx context.Context, b objstore.Bucket, o objstore.Object) (chunk.Digest, error) {
	if o.Size == 0 {
		return 0, nil
	}
	size := max(minRange, (o.Size+readers-1)/readers)
	digests := make([]chunk.Digest, chunk.Count(o.Size, size))
	g, ctx := errgroup.WithContext(ctx)
	for i, r := range chunk.Split(o.Size, size) {
		g.Go(func() (err error) {
			digests[i], err = digestRange(ctx, b, o, r)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return 0, err
	}
	var whole chunk.Digest
	for i, r := range chunk.Split(o.Size, size) {
		whole = whole.Combine(digests[i], r.Length)
	}
	return whole, nil
}

func digestRange(ctx context.Context, b objstore.Bucket, o objstore.Object, rng chunk.Range) (d chunk.Digest, err error) {
	r, _, err := b.Open(ctx, o.Key, o.Version, rng)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	buf := make([]byte, min(rng.Length, 256<<10))
	var n int64
	for {
		m, err := r.Read(buf)
		d = d.Update(buf[:m])
		n += int64(m)
		switch {
		case err == io.EOF && n == rng.Length:
			return d, nil
		case err == io.EOF:
			return 0, io.ErrUnexpectedEOF
		case err != nil:
			return 0, err
		}
	}
}
