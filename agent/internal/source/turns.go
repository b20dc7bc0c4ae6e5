package source

import (
	"context"
	"math"
	"slices"
	"time"

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

// force takes a turn out of order, if that who waited has not got one by now.
func (t *turns) force(mine chan struct{}) {
	if i := slices.Index(t.waiting, mine); i >= 0 {
		t.waiting = slices.Delete(t.waiting, i, i+1)
		t.taken++
	}
}

// A source's store that is slower than the way lets those wait who are before
// it. Whoever has waited slowness times as long as all of that should have taken
// goes beside them.
const (
	slowness    = 2
	leastWait   = 100 * time.Millisecond
	longestWait = 5 * time.Second
)

// turn waits for a turn on the chunk's way.
func (s *Source) turn(ctx context.Context, w *way) error {
	r := w.route
	if !r.turns.needed {
		return nil
	}
	s.mu.Lock()
	w.turn = true
	later := r.turns.take(r.width())
	due := time.Duration(slowness * float64(r.unsent-w.unsent) / max(r.pace.planned, 1) * float64(time.Second))
	s.mu.Unlock()
	if later == nil {
		return nil
	}
	late := time.NewTimer(min(max(due, leastWait), longestWait))
	defer late.Stop()
	var err error
	select {
	case <-later:
		return nil
	case <-late.C:
	case <-ctx.Done():
		err = ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r.turns.force(later) // also where nothing is to be sent: it ends with the chunk
	return err
}
