package gauge

import (
	"sync"
	"time"
)

// Wait sums the time that is spent waiting for one thing, by however many at
// once. The zero Wait is ready; a nil one counts nothing.
type Wait struct {
	mu      sync.Mutex
	waiting int64
	since   time.Time     // up to when total counts
	total   time.Duration // of all who waited
}

// Begin says that somebody waits from now on. End takes it back.
func (w *Wait) Begin() { w.change(1) }

// End undoes one Begin.
func (w *Wait) End() { w.change(-1) }

// Total is the time that was spent waiting until now.
func (w *Wait) Total() time.Duration { return w.change(0) }

func (w *Wait) change(by int64) time.Duration {
	if w == nil {
		return 0
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if w.waiting > 0 {
		w.total += time.Duration(w.waiting) * now.Sub(w.since)
	}
	w.since = now
	w.waiting += by
	return w.total
}
