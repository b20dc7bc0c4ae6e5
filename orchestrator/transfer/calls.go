package transfer

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
)

// maxCalls bounds the calls under way at once, all gateways together.
const maxCalls = 64

// call is a request that is repeated until it gets an answer that will not
// change: Begin, Commit and their like at any writer of a destination, Stat at
// the source, Quiesce at one gateway.
type call struct {
	what    string          // whom it asks, for people
	obj     *object         // whose calls it counts among; may be nil
	dest    *route.Dest     // asked of one of its writers
	gateway *gateway        // or of this gateway, or of nobody but do
	finals  []objstore.Kind // kinds that are final although Retryable
	limit   time.Duration   // of one try; 0: none
	tidies  bool            // nothing is lost if it fails, but what is left behind

	// do runs in a goroutine of its own: it must not touch the scheduler.
	do func(ctx context.Context, api control.API) error
	// then runs in the loop with the final outcome. It does not run when the
	// session is stopped before there is one.
	then func(err error)

	tries tries
	next  int // which writer to ask
}

// calls counts and queues them.
type calls struct {
	open    int     // without a final outcome
	running int     // of these, under way
	waiting []*call // for a place
	held    []*call // for a gateway to work again
}

func (c *calls) none() bool { return c.open == 0 }

// call makes sure that c is done.
func (s *scheduler) call(c *call) {
	s.calls.open++
	if c.obj != nil {
		c.obj.calls++
		c.next = int(c.obj.number)
	}
	s.try(c)
}

// try asks once, now or when there is a place and a gateway for it.
func (s *scheduler) try(c *call) {
	if s.stopped != nil {
		return
	}
	if s.calls.running >= maxCalls {
		s.calls.waiting = append(s.calls.waiting, c)
		return
	}
	ctx, g := s.ctx, c.gateway
	if c.dest != nil {
		g = s.writer(*c.dest, &c.next)
		if g == nil {
			s.calls.held = append(s.calls.held, c)
			return
		}
	}
	var api control.API
	if g != nil {
		switch g.state {
		case gone:
			s.unvouched(g)
			return
		case replacing:
			s.calls.held = append(s.calls.held, c)
			return
		}
		ctx, api = g.ctx, g.api
	}
	s.calls.running++
	s.spawn(func() {
		if c.limit > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, c.limit)
			defer cancel()
		}
		err := c.do(ctx, api)
		s.post(func() { s.called(c, g, err) })
	})
}

// called takes the outcome of one try.
func (s *scheduler) called(c *call, g *gateway, err error) {
	s.calls.running--
	defer s.fillPlaces()
	switch {
	case err == nil:
		s.finish(c, nil)
	case s.stopped != nil: // nothing can be concluded, and nothing is to be
	case objstore.KindOf(err) == objstore.KindQuota && c.dest != nil:
		s.full(*c.dest, err.Error())
	case objstore.KindOf(err) == objstore.KindExpired:
		s.unauthorised(err.Error())
	case s.spreading(objstore.KindOf(err)):
		s.timers.after(rolesPause, func() { s.try(c) })
	case !objstore.KindOf(err).Retryable(), slices.Contains(c.finals, objstore.KindOf(err)):
		s.finish(c, err)
	default:
		s.probe(g)
		s.tryLater(c, err)
	}
}

// fillPlaces starts calls that waited for a place. More than one may find one:
// some of those that took a place before them were held.
func (s *scheduler) fillPlaces() {
	for s.stopped == nil && s.calls.running < maxCalls && len(s.calls.waiting) > 0 {
		c := s.calls.waiting[0]
		s.calls.waiting = s.calls.waiting[1:]
		s.try(c)
	}
}

// tryLater repeats a failed call, or ends it when it failed too often.
func (s *scheduler) tryLater(c *call, err error) {
	wait, again := c.tries.next(s.cfg.Retry, s.ailing())
	if again {
		s.timers.after(wait, func() { s.try(c) })
		return
	}
	if c.everybodys(err) && !s.workedSince(c.dest, c.tries.first) {
		s.interrupt("no answer from "+c.what, err)
		return
	}
	s.finish(c, err)
}

// finish ends the call with its final outcome.
func (s *scheduler) finish(c *call, err error) {
	s.calls.open--
	if c.obj != nil {
		c.obj.calls--
	}
	c.then(err)
	if c.obj != nil {
		s.settle(c.obj)
	}
}

// writer picks a working writer of dest, each in its turn.
func (s *scheduler) writer(dest route.Dest, turn *int) *gateway {
	names := s.cfg.Dests[dest].Writers
	for range names {
		g := s.gateways[names[*turn%len(names)]]
		*turn++
		if g.state == working {
			return g
		}
	}
	return nil
}

// everybodys tells whether a retryable error of the call says nothing of its
// object: the gateway did not answer, or the store did not, or, where an object
// would fail for it, not sensibly.
func (c *call) everybodys(err error) bool {
	var e *objstore.Error
	if c.tidies && errors.As(err, &e) {
		return e.Kind == objstore.KindUnreachable
	}
	return objstore.KindOf(err) != objstore.KindCorrupt
}
