package transfer

import (
	"cmp"
	"context"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
)

// maxAssign is how many chunks go into one Assign, assignsAtOnce how many of
// these are under way to one reader: small objects are not to wait for a round
// trip of the orchestrator's, and the first not for many others behind it.
const (
	maxAssign     = 256
	assignsAtOnce = 4
)

// reader is a gateway as the one that chunks are given to.
type reader struct {
	gateway *gateway
	routes  []control.Route
	window  Window

	out     map[attempt]*task // assigned, not answered by all destinations
	bytes   int64             // of these
	batch   []control.Assignment
	sending int    // Assigns under way
	seq     uint64 // of its results, the last that came

	told     []control.Route // that it has, of routes
	telling  bool            // it is being told others
	share    int64           // of the run's limit, as it was told; 0: not known
	weighing weighing
	carried  map[int]int64 // bytes that arrived, by route

	// Of the gateways as they are now; see survey.
	down  []int          // routes with a gateway that does not work
	reach [][]route.Dest // destinations of each of the others, duplicates left out
}

// attempt names an assignment.
type attempt struct {
	chunk  chunk.ID
	number int32
}

// dispatch gives chunks to readers until the windows are full or there is
// nothing to give. A chunk whose only readers have no room now waits for it, and
// others go first; one that no reader can send waits for a gateway to work.
func (s *scheduler) dispatch() {
	var full []*task
	for s.stopped == nil && s.room() && len(full) < maxAssign {
		t := s.nextTask()
		if t == nil {
			break
		}
		need := t.obj.need(t.index)
		if len(need) == 0 { // its deliveries failed while it waited
			s.drop(t)
			continue
		}
		r, dests := s.choose(t, need)
		switch {
		case r != nil:
			s.assign(r, t, dests)
		case s.reachable(need):
			full = append(full, t)
		default:
			s.held = append(s.held, t)
		}
	}
	s.again = append(full, s.again...)
	for _, r := range s.readers {
		s.send(r)
	}
}

// reachable tells whether a reader that works leads to any of the deliveries.
func (s *scheduler) reachable(need []*delivery) bool {
	return slices.ContainsFunc(s.readers, func(r *reader) bool {
		return r.gateway.state == working && len(r.reached(need)) > 0
	})
}

// room tells whether any reader takes more.
func (s *scheduler) room() bool { return slices.ContainsFunc(s.readers, (*reader).hasRoom) }

func (r *reader) hasRoom() bool {
	if r.gateway.state != working || len(r.batch) >= maxAssign {
		return false
	}
	return len(r.out) == 0 || len(r.out) < r.window.Chunks && r.bytes < r.window.Bytes
}

// nextTask takes the next chunk to send: one that failed before, else the next
// of the first object that has any.
func (s *scheduler) nextTask() *task {
	if len(s.again) > 0 {
		t := s.again[0]
		s.again = s.again[1:]
		return t
	}
	for len(s.queue) > 0 {
		o := s.queue[0]
		for o.next < o.chunks() {
			index := o.next
			s.advance(o, index+1)
			if len(o.need(index)) > 0 {
				o.inFlight++
				return &task{obj: o, index: index, attempt: o.floor}
			}
		}
		s.queue[0] = nil
		s.queue = s.queue[1:]
		s.settle(o) // all of it may have been there already
	}
	return nil
}

// choose picks a reader from which a route leads to destinations in need:
// rather one at which the chunk has not failed, rather one to more
// destinations, rather the one with the emptiest window. It returns nil if
// there is none among the readers with room; room has seen that there are some.
//
// One route must lead to all destinations of an assignment. Those that are left
// over come in another one, when this is answered.
func (s *scheduler) choose(t *task, need []*delivery) (best *reader, dests []*delivery) {
	var bestScore float64
	for _, r := range s.readers {
		if !r.hasRoom() {
			continue
		}
		reached := r.reached(need)
		if len(reached) == 0 {
			continue
		}
		score := float64(len(reached)) - float64(len(r.out))/float64(r.window.Chunks+1)
		for _, v := range t.avoid {
			if v.reader == r {
				score -= float64(len(s.cfg.Dests))
			}
		}
		if best == nil || score > bestScore {
			best, bestScore, dests = r, score, reached
		}
	}
	return best, dests
}

// reached returns those in need to which one route leads, as many as possible.
func (r *reader) reached(need []*delivery) (best []*delivery) {
	for _, dests := range r.reach {
		var these []*delivery
		for _, d := range need {
			if slices.Contains(dests, d.dest) {
				these = append(these, d)
			}
		}
		if len(these) > len(best) {
			best = these
		}
	}
	return best
}

// assign puts the chunk into the reader's next batch.
func (s *scheduler) assign(r *reader, t *task, dests []*delivery) {
	o := t.obj
	a := control.Assignment{
		Chunk: t.id(), Attempt: s.session*attemptsPerSession + t.attempt,
		Store: s.cfg.Source, Key: o.key, Version: o.version, Range: t.rng(),
		Dests: make([]control.Dest, 0, len(dests)),
	}
	t.waiting = make([]route.Dest, 0, len(dests))
	for _, d := range dests {
		a.Dests = append(a.Dests, control.Dest{Number: d.dest, Store: s.cfg.Dests[d.dest].Store, Key: d.key, Upload: d.upload})
		t.waiting = append(t.waiting, d.dest)
	}
	a.Avoid = r.avoid(t)
	if t.attempt == o.floor {
		s.left = max(0, s.left-a.Range.Length)
	}
	a.Behind = s.left
	t.reader = r
	t.attempt++
	o.attempts = max(o.attempts, t.attempt)
	r.out[attempt{a.Chunk, a.Attempt}] = t
	r.bytes += a.Range.Length
	r.batch = append(r.batch, a)
}

// avoid returns the routes that the chunk should not take: those through
// gateways that do not work, and those on which it failed, unless that leaves
// none to its destinations.
func (r *reader) avoid(t *task) []int {
	avoid := slices.Clone(r.down)
	for _, v := range t.avoid {
		if v.reader == r && !slices.Contains(avoid, v.route) {
			avoid = append(avoid, v.route)
		}
	}
	if len(avoid) > len(r.down) && !slices.ContainsFunc(r.routes, func(rt control.Route) bool {
		return !slices.Contains(avoid, rt.ID) && leads(rt, t.waiting)
	}) {
		return slices.Clone(r.down)
	}
	return avoid
}

// leads tells whether the route writes all the destinations.
func leads(rt control.Route, dests []route.Dest) bool {
	for _, d := range dests {
		if rt.Tree.Path(d) == nil {
			return false
		}
	}
	return true
}

// path is the gateways that a chunk for dest passes on a route.
func (r *reader) path(id int, dest route.Dest) []route.Gateway {
	for _, rt := range r.routes {
		if rt.ID == id {
			return rt.Tree.Path(dest)
		}
	}
	return nil
}

// send hands the reader its batch.
func (s *scheduler) send(r *reader) {
	g := r.gateway
	if r.sending >= assignsAtOnce || len(r.batch) == 0 || g.state != working || s.stopped != nil {
		return
	}
	batch := r.batch
	r.batch = nil
	r.sending++
	ctx, api, epoch, life := g.ctx, g.api, g.epoch, g.life
	s.spawn(func() {
		var invalid error
		err := s.persist(ctx, g, func() error {
			err := api.Assign(ctx, batch)
			if objstore.KindOf(err) == objstore.KindInvalid { // and it always will be
				invalid, err = err, nil
			}
			return err
		})
		err = cmp.Or(err, invalid)
		s.post(func() {
			if g.epoch != epoch {
				if g.life == life && err != nil { // it was out of reach, and may not have got it
					r.batch = append(batch, r.batch...)
				}
				return
			}
			r.sending--
			if err != nil && !s.unsayable(r, batch) {
				s.lost(g, err)
			}
		})
	})
}

// unsayable fails what no gateway elsewhere can be told, as its keys are not
// UTF-8, and sends the rest of a batch that was refused. It reports false where
// there is no such chunk in it, and the gateway is to blame.
func (s *scheduler) unsayable(r *reader, batch []control.Assignment) bool {
	var rest []control.Assignment
	var failed []control.Result
	for _, a := range batch {
		if isText(a) {
			rest = append(rest, a)
			continue
		}
		for _, d := range a.Dests {
			failed = append(failed, control.Result{Chunk: a.Chunk, Attempt: a.Attempt, Dest: d.Number, Route: -1, Failure: &control.Failure{
				Stage: control.StageRead, Kind: objstore.KindInvalid, Message: "the key is not UTF-8, so no gateway can be told of it: rename the object, or copy with --gateways 0"}})
		}
	}
	if len(failed) == 0 {
		return false
	}
	r.batch = append(rest, r.batch...)
	s.acknowledged(r, failed)
	return true
}

// isText tells whether everything in an assignment can be said in JSON.
func isText(a control.Assignment) bool {
	ok := utf8.ValidString(a.Key) && utf8.ValidString(string(a.Version))
	for _, d := range a.Dests {
		ok = ok && utf8.ValidString(d.Key)
	}
	return ok
}

// persist repeats what a working gateway must be able to do, until it succeeds
// or has failed for as long as one may be out of reach. It is called outside the
// loop.
func (s *scheduler) persist(ctx context.Context, g *gateway, f func() error) error {
	const pause = 200 * time.Millisecond
	var since time.Time
	for {
		err := f()
		switch {
		case err == nil || ctx.Err() != nil:
			return err
		case since.IsZero():
			since = time.Now()
		case time.Since(since) > max(s.cfg.Health.Grace, s.patience(err)):
			return err
		}
		g.ask()
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
}
