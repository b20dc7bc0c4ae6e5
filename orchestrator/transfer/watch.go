package transfer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/skyctl/skyctl/agent/control"
)

// ask has the watch over g look at once, from any goroutine.
func (g *gateway) ask() {
	select {
	case g.asked <- struct{}{}:
	default: // it is about to
	}
}

// probe has the loop ask after a gateway that may be the cause of a failure.
// nil is nobody.
func (s *scheduler) probe(g *gateway) {
	if g != nil {
		g.ask()
	}
}

// settling is how long a gateway that took another's place may be out of reach
// of those that send to it: they dial again every now and then.
const settling = 3 * time.Second

// ailing tells whether some gateway is being replaced, was just now, or does
// not answer at the moment, so that failures are nobody's fault yet.
func (s *scheduler) ailing() bool {
	for _, g := range s.gateways {
		if g.state == replacing || g.ailing || g.replaced > 0 && time.Since(g.enlistedAt) < settling {
			return true
		}
	}
	return false
}

// moved notes that the gateway gets on.
func (g *gateway) moved() { g.movedAt = time.Now() }

// watch looks after the health of a gateway until it is lost or the session is
// over. It is a goroutine of its own.
func (s *scheduler) watch(ctx context.Context, g *gateway, api control.API, epoch int) {
	w := watcher{s: s, g: g, api: api, epoch: epoch}
	poll := time.NewTicker(s.cfg.Health.Poll)
	defer poll.Stop()
	for {
		if err := w.look(ctx); err != nil && ctx.Err() == nil {
			s.post(func() {
				switch {
				case g.epoch != epoch:
				case err == errBack:
					s.turnBackTo(g)
				default:
					s.lost(g, err)
				}
			})
			return
		}
		select {
		case <-poll.C:
		case <-g.asked:
		case <-ctx.Done():
			return
		}
	}
}

type watcher struct {
	s       *scheduler
	g       *gateway
	api     control.API
	epoch   int
	session string // at the first look
}

// errBack is that a gateway answers again which was out of reach for so long that
// what was asked of it before may never be answered.
var errBack = errors.New("the gateway answers again")

// look returns nil if the gateway answers in time as the one that it was, at once
// or, with errBack, after long.
func (w *watcher) look(ctx context.Context) error {
	const pause = 200 * time.Millisecond
	h := w.s.cfg.Health
	var since time.Time
	patient := h.Grace / 10 // the first time: what fails meanwhile may be its fault
	for {
		begun := time.Now()
		err := w.question(ctx, patient)
		patient = h.Grace / 2
		if err == nil {
			if !since.IsZero() {
				w.ails(false)
			}
			if !since.IsZero() && time.Since(since) >= h.Grace {
				return errBack
			}
			return nil
		}
		if since.IsZero() {
			since = begun
			w.ails(true)
		}
		if time.Since(since) >= w.s.patience(err) || ctx.Err() != nil {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// question asks once and waits so long for the answer.
func (w *watcher) question(ctx context.Context, patient time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patient)
	defer cancel()
	info, err := w.api.Info(ctx)
	if err != nil {
		return err
	}
	switch {
	case w.session == "":
		w.session = info.Session
	case w.session != info.Session:
		return fmt.Errorf("gateway %s belongs to session %q now", w.g.name, info.Session)
	}
	stats, err := w.api.Stats(ctx)
	if err == nil {
		w.s.post(func() { w.s.measured(w.g, w.epoch, stats) })
	}
	return err
}

// ails tells the loop that the gateway has stopped or begun again to answer.
func (w *watcher) ails(yes bool) {
	w.s.post(func() {
		if w.g.epoch == w.epoch {
			w.g.ailing = yes
			w.s.lookAround()
		}
	})
}

// sends tells whether all that the reader reads goes to other gateways. Then
// its counters move with every byte; what it writes itself is counted by the
// chunk, and a chunk may take very long.
func (r *reader) sends() bool {
	return !slices.ContainsFunc(r.routes, func(rt control.Route) bool { return len(rt.Tree.Writes) > 0 })
}

// progress gives a reader up that has chunks and moves nothing.
func (s *scheduler) progress(g *gateway, stats control.Stats) {
	total := stats.BytesRead + stats.BytesSent + stats.BytesWritten + stats.ChunksRead + stats.ChunksWritten
	if total != g.progress || len(g.reader.out) == 0 {
		g.progress = total
		g.moved()
		return
	}
	if idle := time.Since(g.movedAt); idle >= s.cfg.Health.Stalled {
		s.lost(g, fmt.Errorf("it has %d chunks and has moved nothing for %v", len(g.reader.out), idle.Round(time.Second)))
	}
}
