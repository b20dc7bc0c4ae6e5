package pace

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/skyctl/skyctl/agent/objstore"
)

// unlimitedAt is the limit at which the store has taken everything for so long
// that there is none any more.
const unlimitedAt = 1024

// limiter bounds how many requests are under way at once. Its zero value does
// not yet.
type limiter struct {
	mu      sync.Mutex
	limit   float64 // 0: none
	active  int
	lowered time.Time       // when the limit was last halved
	waiting []chan struct{} // closed when the request may start, first come first served
}

// call calls request when there is room for it, and learns from its result.
func call[T any](ctx context.Context, l *limiter, request func() (T, error)) (T, error) {
	if err := l.enter(ctx); err != nil {
		var zero T
		return zero, &objstore.Error{Op: "wait", Kind: objstore.KindTransient, Err: err}
	}
	start := time.Now()
	result, err := request()
	l.leave(start, err)
	return result, err
}

// enter waits for room.
func (l *limiter) enter(ctx context.Context) error {
	l.mu.Lock()
	if l.roomy() && len(l.waiting) == 0 {
		l.active++
		l.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	l.waiting = append(l.waiting, turn)
	l.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.waiting, turn); i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
	} else { // its turn came at the same moment
		l.active--
		l.admit()
	}
	return ctx.Err()
}

// leave counts the end of a request that began at start.
func (l *limiter) leave(start time.Time, err error) {
	if objstore.KindOf(err) == objstore.KindThrottled {
		l.refused(start)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.active--
	if err == nil && l.limit > 0 {
		if l.limit += 1 / l.limit; l.limit >= unlimitedAt {
			l.limit = 0
		}
	}
	l.admit()
}

// refused halves the limit, once for all the requests that were under way
// together: those that began before it was last halved say nothing of it.
func (l *limiter) refused(start time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if start.Before(l.lowered) {
		return
	}
	if l.limit == 0 {
		l.limit = float64(l.active)
	}
	l.limit = max(1, l.limit/2)
	l.lowered = time.Now()
}

func (l *limiter) roomy() bool { return l.limit == 0 || l.active < int(l.limit) }

// admit lets those in that there is room for. The caller holds the lock.
func (l *limiter) admit() {
	for len(l.waiting) > 0 && l.roomy() {
		l.active++
		close(l.waiting[0])
		l.waiting = l.waiting[1:]
	}
}
