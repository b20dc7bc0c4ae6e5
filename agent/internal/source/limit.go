package source

import (
	"context"
	"sync"

	"golang.org/x/time/rate"

	"github.com/skyctl/skyctl/agent/internal/gauge"
	"github.com/skyctl/skyctl/agent/wire"
)

// Limit bounds how fast a reader reads, all its chunks together. A nil Limit
// is none.
//
// Under a limit fewer chunks are read at once, so that each gets on: a store
// does not wait for ever for its answer to be taken, nor a writer for a frame.
// Acknowledgements are waited for by as many as before.
type Limit struct {
	bytes   *rate.Limiter
	waiting *gauge.Wait // for the limit

	mu      sync.Mutex
	room    chan struct{} // closed and replaced when there may be
	reading int64         // of what the limit allows in a second, for the chunks that are read
}

// perChunk is the least that a chunk should get of a limit, in bytes a second. A
// shorter one needs no more than itself.
const perChunk = 256 << 10

// NewLimit returns a limit that limits nothing until it is Set. It counts what
// is waited for it.
func NewLimit(waiting *gauge.Wait) *Limit {
	return &Limit{bytes: rate.NewLimiter(rate.Inf, wire.MaxData), waiting: waiting, room: make(chan struct{})}
}

// Set changes the limit, also of what is under way. 0 is none.
func (l *Limit) Set(bytesPerSecond int64) {
	if l == nil {
		return
	}
	to := rate.Limit(bytesPerSecond)
	if bytesPerSecond <= 0 {
		to = rate.Inf
	}
	if to == l.bytes.Limit() {
		return
	}
	l.bytes.SetLimit(to)
	l.wake()
}

// BytesPerSecond is the limit, 0 if there is none.
func (l *Limit) BytesPerSecond() int64 {
	if l.bytes.Limit() == rate.Inf {
		return 0
	}
	return int64(l.bytes.Limit())
}

// enter waits until one more chunk of that length may be read. leave, which may
// be called again, says that it is.
func (l *Limit) enter(ctx context.Context, length int64) (leave func(), err error) {
	if l == nil || l.bytes.Limit() == rate.Inf {
		return func() {}, nil
	}
	l.waiting.Begin()
	defer l.waiting.End()
	wants := min(length, perChunk)
	for {
		l.mu.Lock()
		if limit := l.bytes.Limit(); limit == rate.Inf || l.reading == 0 || l.reading+wants <= int64(limit) {
			l.reading += wants
			l.mu.Unlock()
			return sync.OnceFunc(func() { l.leave(wants) }), nil
		}
		room := l.room
		l.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (l *Limit) leave(wanted int64) {
	l.mu.Lock()
	l.reading -= wanted
	l.mu.Unlock()
	l.wake()
}

func (l *Limit) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.room)
	l.room = make(chan struct{})
}

// take waits until n bytes, at most wire.MaxData, may be read.
func (l *Limit) take(ctx context.Context, n int) error {
	if l == nil || l.bytes.Limit() == rate.Inf {
		return nil
	}
	l.waiting.Begin()
	defer l.waiting.End()
	return l.bytes.WaitN(ctx, n)
}
