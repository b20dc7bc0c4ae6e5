// Package budget shares out an agent's memory: buffers for parts, and the
// growth of receive windows, are charged to one number of bytes.
package budget

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
)

// Budget is a number of bytes that is shared by all who hold memory for long.
type Budget struct {
	total int64
	free  *semaphore.Weighted
	used  atomic.Int64

	mu   sync.Mutex
	idle [][]byte // buffers of released parts; a run's parts have one size
}

// New returns a budget of total bytes.
func New(total int64) *Budget {
	return &Budget{total: total, free: semaphore.NewWeighted(total)}
}

// Used is what is charged now, in bytes.
func (b *Budget) Used() int64 { return b.used.Load() }

// Buffer is memory that is charged until Release.
type Buffer struct {
	Bytes  []byte // empty, with the capacity that was asked for
	charge int64
	from   *Budget
}

// Acquire waits until n bytes are free and returns a buffer of that capacity.
// It fails when ctx ends, or at once if n is more than the whole budget.
func (b *Budget) Acquire(ctx context.Context, n int64) (*Buffer, error) {
	if n > b.total {
		return nil, fmt.Errorf("more than the agent's memory of %d bytes: raise limits.memory or lower --chunk-size", b.total)
	}
	if err := b.free.Acquire(ctx, n); err != nil {
		return nil, err
	}
	b.used.Add(n)
	return &Buffer{Bytes: b.take(int(n)), charge: n, from: b}, nil
}

// Release returns the buffer and its charge.
func (x *Buffer) Release() {
	b := x.from
	b.put(x.Bytes)
	x.Bytes = nil
	b.used.Add(-x.charge)
	b.free.Release(x.charge)
}

// Grow charges delta bytes if they are free now, for as long as the Budget
// lives: a receive window never shrinks.
func (b *Budget) Grow(delta uint64) bool {
	n := int64(delta)
	if n < 0 || !b.free.TryAcquire(n) {
		return false
	}
	b.used.Add(n)
	return true
}

// Small buffers are cheap to make and would crowd out the large ones.
const poolFrom = 64 << 10

func (b *Budget) take(n int) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	if last := len(b.idle) - 1; n >= poolFrom && last >= 0 {
		x := b.idle[last]
		b.idle = b.idle[:last]
		if cap(x) >= n {
			return x[:0]
		} // one of another size is not worth keeping
	}
	return make([]byte, 0, n)
}

// maxIdle bounds what is held beyond what is charged.
const maxIdle = 4

func (b *Budget) put(x []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if cap(x) >= poolFrom && len(b.idle) < maxIdle {
		b.idle = append(b.idle, x[:0])
	}
}
