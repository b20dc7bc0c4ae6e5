package transfer

import (
	"container/heap"
	"time"
)

// timers run functions of the loop when they are due, with one time.Timer.
type timers struct {
	heap  dueHeap
	timer *time.Timer
}

type dueFunc struct {
	at time.Time
	f  func()
}

func newTimers() timers {
	t := timers{timer: time.NewTimer(time.Hour)}
	t.timer.Stop()
	return t
}

// after has the loop run f when d has passed.
func (t *timers) after(d time.Duration, f func()) {
	at := time.Now().Add(d)
	heap.Push(&t.heap, dueFunc{at, f})
	if t.heap[0].at.Equal(at) {
		t.timer.Reset(d)
	}
}

// due is ready when run should be called.
func (t *timers) due() <-chan time.Time { return t.timer.C }

// run runs what is due now.
func (t *timers) run(now time.Time) {
	for len(t.heap) > 0 && !t.heap[0].at.After(now) {
		heap.Pop(&t.heap).(dueFunc).f()
	}
	if len(t.heap) > 0 {
		t.timer.Reset(time.Until(t.heap[0].at))
	}
}

func (t *timers) stop() { t.timer.Stop() }

type dueHeap []dueFunc

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h dueHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *dueHeap) Push(x any)        { *h = append(*h, x.(dueFunc)) }
func (h *dueHeap) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	(*h)[last] = dueFunc{}
	*h = (*h)[:last]
	return x
}
