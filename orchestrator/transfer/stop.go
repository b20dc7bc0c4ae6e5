package transfer

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/route"
)

const (
	// stopWithin bounds how long an interrupted session waits for its agents
	// to come to rest.
	stopWithin = 20 * time.Second

	// lastResults is how long it waits then for acknowledgements on their way.
	lastResults = 500 * time.Millisecond

	// lookAtClock is how often the time is compared with the gateways' end.
	lookAtClock = 5 * time.Second
)

// interrupt stops the session for a reason that is no object's fault.
func (s *scheduler) interrupt(reason string, err error) {
	s.stop(&Interrupted{Reason: reason, Err: err})
}

func (s *scheduler) stop(why *Interrupted) {
	if s.stopped != nil {
		return
	}
	s.stopped = why
	s.stopReplacing()
	s.emit(Event{Kind: EventStopping, Error: why.Error()})
}

// scheduleEnd stops dispatch before the first gateway's end. Timers stand still
// while this workstation sleeps, and gateways do not: the time is looked at again
// and again.
func (s *scheduler) scheduleEnd() {
	if s.cfg.NotAfter.IsZero() {
		return
	}
	left := time.Until(s.cfg.NotAfter.Add(-stopBefore).Round(0)) // by the clock on the wall
	s.timers.after(min(left, lookAtClock), func() {
		if left > lookAtClock {
			s.scheduleEnd()
			return
		}
		s.interrupt(fmt.Sprintf("the gateways end at %s; skyctl resume goes on with new ones", s.cfg.NotAfter.Format(time.RFC3339)), nil)
	})
}

// rest brings a stopped session's agents to rest, while acknowledgements that
// still arrive are recorded.
func (s *scheduler) rest() {
	ctx, cancel := context.WithTimeout(s.ctx, stopWithin)
	defer cancel()
	asked := 0
	for _, g := range s.gateways {
		if g.state != working {
			continue
		}
		asked++
		api := g.api
		s.spawn(func() {
			err := api.Quiesce(ctx)
			s.post(func() {
				asked--
				if err == nil {
					s.emit(Event{Kind: EventQuiescent, Gateway: g.name})
				}
			})
		})
	}
	var last <-chan time.Time
	for {
		if asked == 0 && s.calls.running == 0 {
			if s.assigned() == 0 {
				return
			}
			if last == nil {
				last = time.After(lastResults)
			}
		}
		select {
		case f := <-s.inbox:
			f()
		case <-last:
			return
		case <-ctx.Done():
			return
		}
	}
}

// assigned is how many chunks readers have not answered.
func (s *scheduler) assigned() (n int) {
	for _, r := range s.readers {
		n += len(r.out)
	}
	return n
}

// quiesced tells whether every writer has confirmed, at the end of the
// session, that it has no write in flight, so that no late retry overwrites
// newer data. One that is lost is replaced first.
func (s *scheduler) quiesced() bool {
	if !s.quiescing {
		s.quiescing = true
		for _, g := range s.writers() {
			s.call(&call{
				what: "gateway " + string(g.name), gateway: g, limit: s.cfg.Health.Calls,
				do: func(ctx context.Context, api control.API) error { return api.Quiesce(ctx) },
				then: func(err error) {
					if err != nil {
						s.interrupt(fmt.Sprintf("gateway %s does not come to rest", g.name), err)
						return
					}
					s.emit(Event{Kind: EventQuiescent, Gateway: g.name})
				},
			})
		}
	}
	return s.calls.none() && s.stopped == nil
}

// unvouched ends a session in which everything arrived, but a writer is gone.
func (s *scheduler) unvouched(g *gateway) {
	s.interrupt(fmt.Sprintf("everything arrived, but gateway %s is gone before it said that it writes nothing more; resume to make sure", g.name), nil)
}

// writers are the gateways that write anything.
func (s *scheduler) writers() []*gateway {
	names := map[route.Gateway]bool{}
	for _, d := range s.cfg.Dests {
		for _, name := range d.Writers {
			names[name] = true
		}
	}
	for _, r := range s.readers {
		for _, rt := range r.routes {
			for _, w := range rt.Tree.Writers() {
				names[w.Gateway] = true
			}
		}
	}
	var all []*gateway
	for _, name := range slices.Sorted(maps.Keys(names)) {
		all = append(all, s.gateways[name])
	}
	return all
}
