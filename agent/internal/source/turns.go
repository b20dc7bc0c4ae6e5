package source

import (
	"context"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/route"
)

// turns has the chunks of a route go one after the other over as few TLS
// connections as carry its rate, though the next is read ahead and there are
// more connections. TCP finds its rate by what it has sent of late: of two that
// take turns each has been idle when it begins, shares the way with the other for
// a while, and is far below what the way carries when it has it to itself again.
// On long ways that was a tenth of the rate.
type turns struct {
	needed  bool      // payloads go over TLS
	each    float64   // what one connection carries, bytes/s; 0: not known, or it is no matter
	asked   time.Time // about that
	taken   int
	waiting []chan struct{} // the longest first
	pushing atomic.Int64    // of those that are taken, where there is something to send now
}

// askEvery is how often it is looked at what a connection carries: where loss
// leaves little of that more of them are in use, at most as many as are planned.
const askEvery = time.Second

// ask finds out what one connection carries to each of the route's first gateways.
func (t *turns) ask(first []route.Node, carries func(route.Gateway) float64, now time.Time) {
	if !t.needed || carries == nil || !t.asked.IsZero() && now.Sub(t.asked) < askEvery {
		return
	}
	t.asked, t.each = now, math.Inf(1)
	for i := range first {
		t.each = min(t.each, carries(first[i].Gateway))
	}
}

// take takes a turn, or returns what is closed when there is one. The caller of
// these three holds the source's mu.
func (t *turns) take(width int) (later chan struct{}) {
	if t.taken < width && len(t.waiting) == 0 {
		t.taken++
		return nil
	}
	later = make(chan struct{})
	t.waiting = append(t.waiting, later)
	return later
}

// end gives a turn to who waits for it.
func (t *turns) end(width int) {
	for t.taken--; t.taken < width && len(t.waiting) > 0; t.taken++ {
		close(t.waiting[0])
		t.waiting = t.waiting[1:]
	}
}

// leave stops waiting for a turn. It is false if there is one by now.
func (t *turns) leave(mine chan struct{}) bool {
	i := slices.Index(t.waiting, mine)
	if i < 0 {
		return false
	}
	t.waiting = slices.Delete(t.waiting, i, i+1)
	return true
}

// Whoever has waited slowness times as long as those before it should have taken
// by the plan looks around, and again after as long: within bounds, in seconds.
const (
	slowness    = 2
	leastWait   = 0.1
	longestWait = 5
)

// turn waits for a turn on the chunk's way. It returns false if the chunk is to
// look for a way once more.
func (s *Source) turn(ctx context.Context, a *control.Assignment, w *way) (bool, error) {
	r := w.route
	if !r.turns.needed {
		return true, nil
	}
	s.mu.Lock()
	w.turn = true
	mine := r.turns.take(r.width())
	for mine != nil {
		due := slowness * float64(r.unsent-w.unsent) / max(r.pace.planned, 1)
		s.mu.Unlock()
		late := time.NewTimer(time.Duration(min(max(due, leastWait), longestWait) * float64(time.Second)))
		select {
		case <-mine:
			late.Stop()
			return true, nil
		case <-late.C:
		case <-ctx.Done():
			late.Stop()
		}
		s.mu.Lock()
		switch {
		case ctx.Err() != nil, s.routes.sooner(a, w, time.Now()):
			if r.turns.leave(mine) {
				w.turn = false
				s.mu.Unlock()
				return false, ctx.Err()
			}
			mine = nil
		case int(r.turns.pushing.Load()) < r.turns.taken:
			// What is slow is not the way but the source's store: one of those
			// before it has nothing to send.
			if r.turns.leave(mine) {
				r.turns.taken++
			}
			mine = nil
		}
	}
	s.mu.Unlock()
	return true, nil
}
