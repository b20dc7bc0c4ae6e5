// Package budget shares out an agent's memory: buffers for parts, and the
// growth of receive windows, are charged to one number of bytes.
package budget

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/skyctl/skyctl/agent/objstore"
)

// Budget is a number of bytes that is shared by all who hold memory for long.
// What it lends and what it keeps for the next who asks are never more than
// that together.
type Budget struct {
	total int64
	free  *semaphore.Weighted

	mu   sync.Mutex
	used int64    // charged
	held int64    // the capacity of idle
	idle [][]byte // buffers of released parts, the newest last
}

// New returns a budget of total bytes.
func New(total int64) *Budget {
	return &Budget{total: total, free: semaphore.NewWeighted(total)}
}

// Used is what is charged now, in bytes.
func (b *Budget) Used() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}

// Buffer is memory that is charged until Release.
type Buffer struct {
	Bytes []byte // empty, with the capacity that was asked for
	size  int64
	from  *Budget
}

// Acquire waits until n bytes are free and returns a buffer of that capacity.
// It fails when ctx ends, or at once, and for good, if n is more than the
// whole budget.
func (b *Budget) Acquire(ctx context.Context, n int64) (*Buffer, error) {
	if n < 0 || n > b.total {
		return nil, &objstore.Error{Op: "hold", Kind: objstore.KindQuota,
			Err: fmt.Errorf("%d bytes are more than the agent's %d for parts: raise limits.memory or lower --chunk-size", n, b.total)}
	}
	if err := b.free.Acquire(ctx, n); err != nil {
		return nil, err
	}
	return &Buffer{Bytes: b.take(int(n)), size: n, from: b}, nil
}

// Release returns the buffer and its charge. Releasing again does nothing.
func (x *Buffer) Release() {
	if x.from == nil {
		return
	}
	x.from.put(x)
	x.from, x.Bytes = nil, nil
}

// Grow charges n bytes if they are free now. giveBack, to be called once, ends
// the charge.
func (b *Budget) Grow(n uint64) (giveBack func(), ok bool) {
	size := int64(n)
	if size < 0 || !b.free.TryAcquire(size) {
		return nil, false
	}
	b.charge(size)
	return func() {
		b.charge(-size)
		b.free.Release(size)
	}, true
}

func (b *Budget) charge(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used += n
	b.trim()
}

// poolFrom is the size from which buffers are kept. Small ones are cheap to
// make and would crowd out the large ones.
const poolFrom = 64 << 10

// take returns an idle buffer if there is one of just this size: a run's parts
// have one size, and a larger buffer would be held for less than it costs.
func (b *Budget) take(n int) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used += int64(n)
	for i := len(b.idle) - 1; n >= poolFrom && i >= 0; i-- {
		if x := b.idle[i]; cap(x) == n {
			b.idle = slices.Delete(b.idle, i, i+1)
			b.held -= int64(n)
			return x
		}
	}
	b.trim()
	return make([]byte, 0, n)
}

func (b *Budget) put(x *Buffer) {
	b.mu.Lock()
	b.used -= x.size
	if x.size >= poolFrom {
		b.idle = append(b.idle, x.Bytes[:0:x.size])
		b.held += x.size
	}
	b.trim()
	b.mu.Unlock()
	b.free.Release(x.size)
}

// trim drops the oldest idle buffers until lent and kept fit the total. The
// caller holds mu.
func (b *Budget) trim() {
	for b.held > 0 && b.used+b.held > b.total {
		b.held -= int64(cap(b.idle[0]))
		b.idle = slices.Delete(b.idle, 0, 1)
	}
}
