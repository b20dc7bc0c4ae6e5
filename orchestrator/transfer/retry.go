package transfer

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/journal"
)

// tries counts the failures of one thing. A gateway's loss is not a failure of
// what it was doing and is not counted here.
type tries struct {
	failures int
	first    time.Time
	wait     *backoff.ExponentialBackOff
}

// longestExcused is the longest pause after a failure that is nobody's fault.
const longestExcused = time.Second

// next counts a failure, unless it is excused. It returns how long to wait
// before the next try, and false if there should be none. What is excused is
// soon mended, and nothing is to wait longer than that for having been tried
// meanwhile.
func (t *tries) next(r Retry, excused bool) (time.Duration, bool) {
	if t.wait == nil {
		t.first = time.Now()
		t.wait = &backoff.ExponentialBackOff{
			InitialInterval: r.Initial, MaxInterval: r.Max, Multiplier: 2,
			RandomizationFactor: backoff.DefaultRandomizationFactor,
		}
		t.wait.Reset()
	}
	wait := t.wait.NextBackOff()
	if !excused {
		t.failures++
	} else if wait > longestExcused {
		wait = longestExcused
		t.wait.Reset()
	}
	return wait, t.failures < r.Attempts
}

// judge decides on a task whose attempt was answered at every destination, in
// part with failures.
func (s *scheduler) judge(t *task) {
	o := t.obj
	for _, r := range t.failed {
		s.suspect(t, r)
		if d := o.at(r.Dest); d != nil {
			s.judgeFinal(o, d, *r.Failure)
		}
	}
	if s.stopped != nil || len(o.need(t.index)) == 0 {
		s.drop(t)
		return
	}
	if len(t.failed) == 0 { // a destination was not asked for, as no route led there
		s.again = append(s.again, t)
		return
	}
	worst := t.failed[len(t.failed)-1]
	wait, again := rolesPause, slices.ContainsFunc(t.failed, func(r control.Result) bool { return s.spreading(r.Failure.Kind) })
	excused := s.ailing() || !slices.ContainsFunc(t.failed, func(r control.Result) bool { return !s.throttled(r) })
	t.failed = nil
	if !again {
		wait, again = t.tries.next(s.cfg.Retry, excused)
	}
	if !again {
		s.exhausted(t, worst)
		return
	}
	s.record(s.cfg.Journal.Count(journal.CounterRetries, 1))
	s.emit(Event{Kind: EventRetry, Key: o.key, Bytes: t.rng().Length, Dest: worst.Dest, Gateway: t.reader.gateway.name, Route: worst.Route, Error: describe(*worst.Failure)})
	s.timers.after(wait, func() { s.again = append(s.again, t) })
}

// throttled tells whether a writer had no room while its destination takes what
// others send: that makes a run slower, and is nobody's failure.
func (s *scheduler) throttled(r control.Result) bool {
	if r.Failure.Kind != objstore.KindThrottled || r.Failure.Stage != control.StageWrite {
		return false
	}
	of := time.Now().Add(-s.cfg.Health.Stalled)
	return s.began.After(of) || s.workedSince(&r.Dest, of)
}

// judgeFinal ends what a failure ends for good.
func (s *scheduler) judgeFinal(o *object, d *delivery, f control.Failure) {
	switch {
	case s.spreading(f.Kind): // later it may be let in
	case f.Kind.Retryable() || f.Stage == control.StageRoute: // another route may do
	case f.Stage == control.StageWrite && f.Kind == objstore.KindQuota:
		s.full(d.dest, describe(f))
	case f.Kind == objstore.KindExpired:
		s.unauthorised(describe(f))
	case f.Stage == control.StageRead:
		s.failObject(o, failure(f))
	default:
		s.failDelivery(o, d, failure(f))
	}
}

// rolesPause is how long a gateway that a store does not let in yet waits before
// it asks again.
const rolesPause = 10 * time.Second

// spreading tells whether a refusal may be of a role that the store's cloud does
// not know everywhere yet: see Config.Roles.
func (s *scheduler) spreading(kind objstore.Kind) bool {
	return kind == objstore.KindPermission && time.Since(s.began) < s.cfg.Roles
}

// suspect remembers where a chunk failed, and asks after the health of whoever
// may be the cause.
func (s *scheduler) suspect(t *task, r control.Result) {
	if r.Route >= 0 {
		t.avoid = append(t.avoid, via{t.reader, r.Route})
	}
	if r.Failure.Stage != control.StageRoute {
		return
	}
	s.probe(s.gateways[r.Failure.Gateway])
	for _, name := range t.reader.path(r.Route, r.Dest) {
		s.probe(s.gateways[name])
	}
}

// exhausted decides on a chunk that failed as often as it may. Where nothing got
// through meanwhile it is everybody's trouble. Only of the last object of all,
// with nothing to lose, is what its store answers taken for its own.
func (s *scheduler) exhausted(t *task, last control.Result) {
	f := *last.Failure
	alone := t.obj.whole && s.open == 1 && f.Stage != control.StageRoute && f.Kind != objstore.KindUnreachable
	common := f.Kind != objstore.KindCorrupt && !alone
	for _, d := range t.obj.need(t.index) {
		if common && !s.workedSince(&d.dest, t.tries.first) {
			s.interrupt(fmt.Sprintf("nothing reaches %s any more", s.cfg.Dests[d.dest].URL), fmt.Errorf("%s", describe(f)))
			return
		}
	}
	if f.Stage == control.StageRead {
		s.failObject(t.obj, failure(f))
	}
	for _, d := range t.obj.need(t.index) {
		s.failDelivery(t.obj, d, failure(f))
	}
	s.drop(t)
}

// drop ends a task.
func (s *scheduler) drop(t *task) {
	t.obj.inFlight--
	s.settle(t.obj)
}

// full stops the run at a destination without space: see the package comment.
func (s *scheduler) full(dest route.Dest, why string) {
	s.interrupt(fmt.Sprintf("%s takes no more; make space and resume", s.cfg.Dests[dest].URL), fmt.Errorf("%s", why))
}

// unauthorised stops the run when a store's credentials have ended, which nobody
// could renew in time: see the package comment.
func (s *scheduler) unauthorised(why string) {
	s.interrupt("the credentials of a store have ended; get new ones and resume", errors.New(why))
}

// workedSince tells whether anything was acknowledged at dest, or anywhere for
// nil, after t.
func (s *scheduler) workedSince(dest *route.Dest, t time.Time) bool {
	if dest != nil {
		return s.worked[*dest].After(t)
	}
	for _, last := range s.worked {
		if last.After(t) {
			return true
		}
	}
	return false
}

func failure(f control.Failure) journal.Failure {
	return journal.Failure{Stage: string(f.Stage), Kind: f.Kind, Message: describe(f)}
}

func describe(f control.Failure) string {
	if f.Gateway == "" {
		return f.Message
	}
	return fmt.Sprintf("%s (at %s)", f.Message, f.Gateway)
}
