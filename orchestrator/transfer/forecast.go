package transfer

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/route"
)

// A plan is a forecast, and rests on what somebody believed of the links. A run
// that is off its forecast for long has found out better: what each link carried,
// and which of them were the limit. Whoever planned is told, and may answer with
// other routes over the gateways that there are.

// The forecast is compared with the mean of the last looks: chunks that are large
// for their route are read and arrive in bursts. fewest of them must have arrived
// before what each link carried is more than chance.
const fewest = 8

// Measured is what the run carried of late, in bytes of objects a second.
type Measured struct {
	Forecast float64 // to each destination
	Rate     float64
	Left     int64 // bytes that are not there yet
	Unread   int64 // of these, bytes that no reader was given: further ones could take them
	Links    []Carried
}

// Carried is what passed from one gateway to another.
type Carried struct {
	From, To route.Gateway
	Rate     float64 // bytes of objects a second
	// Limit tells that for most of the time more would have passed, had the way
	// between the two let it. Otherwise the way may be able to do more.
	Limit bool
}

// Replanned is what to do about it.
type Replanned struct {
	Forecast float64 // from now on, bytes a second to each destination
	// Routes are all those of each reader that gets others: those that it has,
	// under their numbers, and new ones. Every gateway on them is ready for it.
	Routes map[route.Gateway][]control.Route
	// Joined are gateways that were no part of the run and are on routes now.
	// Those that Routes has routes of read.
	Joined []route.Gateway
	Reason string // for people; empty: there is nothing to tell
	// Then is asked next, while the run goes on like this, for what takes longer.
	// It is called as Replan is. Nil: that is all.
	Then func(context.Context) (Replanned, error)
}

// outlook compares the run with its forecast.
type outlook struct {
	expected float64 // bytes a second to each destination; 0: nothing is compared
	asking   bool    // Replan is at work

	tally // of all reviews so far

	looks []reading // the last, and those before it that it is compared with
	told  []string
}

// tally counts reviews.
type tally struct {
	reviews int
	routes  int          // in which all readers waited for their routes
	limits  map[edge]int // in which a link was the limit
}

// reading is what had been counted at one time.
type reading struct {
	tally
	time    time.Time
	read    map[*reader]counted
	carried map[*reader]map[int]int64 // bytes that arrived, by route
	chunks  int64
}

// counted is a reader's bytes at the time of its statistics.
type counted struct {
	bytes int64
	at    time.Time
}

func (s *scheduler) read() reading {
	x := reading{tally: s.outlook.tally, time: time.Now(), read: map[*reader]counted{}, carried: map[*reader]map[int]int64{}, chunks: s.arrived}
	x.limits = maps.Clone(x.limits)
	for _, r := range s.readers {
		g := r.gateway
		x.read[r], x.carried[r] = counted{g.stats.BytesRead, g.statsAt}, maps.Clone(r.carried)
	}
	return x
}

// rate is what all readers together read between two readings.
func rate(from, to reading) (sum float64) {
	for r, now := range to.read {
		if span := now.at.Sub(from.read[r].at).Seconds(); span > 0 {
			sum += float64(now.bytes-from.read[r].bytes) / span
		}
	}
	return sum
}

// foresee looks at the forecast when it is time, and has the run planned anew
// when it was off for long.
func (s *scheduler) foresee() {
	o := &s.outlook
	if o.expected <= 0 || s.cfg.Replan == nil || s.stopped != nil {
		return
	}
	s.tally()
	last := o.looks[len(o.looks)-1]
	if time.Since(last.time) < weighEvery {
		return
	}
	now := s.read()
	if s.saysNothing(last, now) {
		o.looks = nil
	}
	o.looks = append(o.looks, now)
	for len(o.looks) > wrongTimes+1 && now.chunks-o.looks[1].chunks >= fewest {
		o.looks = o.looks[1:]
	}
	from := o.looks[0]
	if o.asking || len(o.looks) <= wrongTimes || now.chunks-from.chunks < fewest {
		return
	}
	if rate := rate(from, now); s.worthIt(rate) && (rate*wrong < o.expected || rate > wrong*o.expected) {
		m := s.since(from, now)
		s.replan(m.Rate, func(ctx context.Context) (Replanned, error) { return s.cfg.Replan(ctx, m) })
	}
}

// saysNothing tells whether what passed between two looks says nothing of the
// routes: readers waited for something else, or not all gateways worked.
func (s *scheduler) saysNothing(last, now reading) bool {
	if !mostOf(now.routes-last.routes, now.reviews-last.reviews) {
		return true
	}
	for _, g := range s.gateways {
		if g.state != working || g.enlistedAt.After(last.time) {
			return true
		}
	}
	return slices.ContainsFunc(s.readers, func(r *reader) bool { return len(r.down) > 0 || last.read[r].at.IsZero() })
}

// worthIt tells whether enough is left for a change to make a difference.
func (s *scheduler) worthIt(rate float64) bool {
	return rate > 0 && float64(s.unread()) >= rate*weighEvery.Seconds()
}

// tally looks at what readers wait for, and at which links are the limit.
func (s *scheduler) tally() {
	o := &s.outlook
	o.reviews++
	if !slices.ContainsFunc(s.readers, func(r *reader) bool { return !r.heldBackByRoutes() }) {
		o.routes++
	}
	for _, g := range s.gateways {
		for _, p := range g.stats.Peers {
			if s.isLimit(g, p.Name) {
				o.limits[edge{g.name, p.Name}]++
			}
		}
	}
}

func mostOf(some, all int) bool { return 2*some > all }

// unread are the bytes that have not arrived.
func (s *scheduler) unread() int64 {
	n := s.left
	for _, r := range s.readers {
		n += r.bytes
	}
	return n
}

// mostly is how many chunks wait at least, on average, for what somebody waits
// for all the time.
const mostly = 0.5

// isLimit tells whether nothing but the way to a peer keeps a gateway from
// sending it more: it waits for the peer, and the peer for nothing but what
// comes.
func (s *scheduler) isLimit(g *gateway, peer route.Gateway) bool {
	to := s.gateways[peer]
	if g.state != working || to == nil || to.state != working {
		return false
	}
	switch g.stats.Bottleneck.On {
	case control.ResourceSend, control.ResourceAck, control.ResourceCredit:
	default:
		return false
	}
	waits := 0.0
	for _, w := range g.stats.Waits {
		if w.Gateway == peer && (w.On == control.ResourceSend || w.On == control.ResourceAck && waitsMostFor(&g.stats) == peer) {
			waits += w.Chunks
		}
	}
	then := to.stats.Bottleneck
	return waits >= mostly && (then.On == "" || then.On == control.ResourceReceive || then.Chunks < waits/2)
}

// since is what was measured between two readings. What readers read is counted
// as it comes, and what arrived by the chunk: of the latter only the shares
// count.
func (s *scheduler) since(from, to reading) Measured {
	m := Measured{Forecast: s.outlook.expected, Rate: rate(from, to), Left: s.unread(), Unread: s.left}
	passed, all := map[edge]float64{}, 0.0
	for r, carried := range to.carried {
		for _, rt := range r.routes {
			n := float64(carried[rt.ID]-from.carried[r][rt.ID]) / float64(len(rt.Tree.Dests()))
			all += n
			walkTree(&rt.Tree, func(at *route.Node) {
				for i := range at.Children {
					passed[edge{at.Gateway, at.Children[i].Gateway}] += n
				}
			})
		}
	}
	for e, n := range passed {
		c := Carried{From: e.from, To: e.to, Limit: mostOf(to.limits[e]-from.limits[e], to.reviews-from.reviews)}
		if all > 0 {
			c.Rate = m.Rate * n / all
		}
		m.Links = append(m.Links, c)
	}
	slices.SortFunc(m.Links, func(a, b Carried) int {
		return slices.Compare([]route.Gateway{a.From, a.To}, []route.Gateway{b.From, b.To})
	})
	return m
}

// replan asks for other routes of a run at a rate.
func (s *scheduler) replan(rate float64, ask func(context.Context) (Replanned, error)) {
	s.outlook.asking = true
	ctx := s.replaceCtx // like a replacement, it is for as long as the session goes on
	s.spawn(func() {
		found, err := ask(ctx)
		s.post(func() { s.replanned(rate, found, err) })
	})
}

// replanned goes on with the answer. Without one the run goes on as it is, and
// its rate is what it is held against.
func (s *scheduler) replanned(rate float64, found Replanned, err error) {
	o := &s.outlook
	o.asking, o.expected = false, rate
	if s.stopped != nil || s.quiescing {
		return
	}
	if err == nil {
		err = s.takeOver(found)
	}
	o.looks = []reading{s.read()}
	if err != nil {
		s.emit(Event{Kind: EventReplanned, Error: err.Error()})
		return
	}
	o.expected = found.Forecast
	if found.Reason != "" {
		o.told = append(o.told, found.Reason)
		s.emit(Event{Kind: EventReplanned, Reason: found.Reason})
	}
	s.survey()
	if found.Then != nil {
		s.replan(found.Forecast, found.Then)
	}
}
