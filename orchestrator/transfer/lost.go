package transfer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"syscall"
	"time"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/journal"
)

// maxReplaced is how often one gateway is replaced in a session: a place where
// every machine dies is not worth the next one.
const maxReplaced = 3

// quiesceLost is how long a gateway that is given up may take to come to rest.
// One that still answers, but does nothing, may be able to.
const quiesceLost = 5 * time.Second

var errTooOften = fmt.Errorf("it was replaced %d times already", maxReplaced)

type gatewayState int

const (
	working   gatewayState = iota
	replacing              // lost; a new one is coming
	gone                   // lost for this session
)

// gateway is a machine of the run: reader, relay, writer, or several of them.
type gateway struct {
	name   route.Gateway
	reader *reader // nil if it reads nothing
	asked  chan struct{}

	state    gatewayState
	ailing   bool // does not answer at the moment
	replaced int

	// Of the agent that now has the name. life tells it from earlier ones, and
	// epoch what was asked of it from what was asked before it was lost, or out of
	// reach.
	life       int
	epoch      int
	api        control.API
	ctx        context.Context // ends when it is lost
	cancel     context.CancelFunc
	enlistedAt time.Time
	progress   int64     // bytes it has moved
	movedAt    time.Time // when there was progress last
	stats      control.Stats
	statsAt    time.Time // zero: there are none yet
	rate       float64   // bytes a second read, between the last two
}

// muster makes a gateway of every name in the configuration and starts them.
func (s *scheduler) muster() {
	for _, cr := range s.cfg.Readers {
		s.addReader(cr)
		for _, rt := range cr.Routes {
			walkTree(&rt.Tree, func(n *route.Node) { s.add(n.Gateway) })
		}
	}
	for _, d := range s.cfg.Dests {
		for _, name := range d.Writers {
			s.add(name)
		}
	}
	for _, g := range s.gateways {
		s.enlist(g)
	}
	s.survey()
	s.outlook.looks = []reading{s.read()}
}

// add makes a gateway of a name, if there is none.
func (s *scheduler) add(name route.Gateway) *gateway {
	if s.gateways[name] == nil {
		s.gateways[name] = &gateway{name: name, asked: make(chan struct{}, 1)}
	}
	return s.gateways[name]
}

func (s *scheduler) addReader(cr Reader) {
	g := s.add(cr.Name)
	g.reader = &reader{gateway: g, routes: cr.Routes, window: cr.Window.withDefaults(), out: map[attempt]*task{},
		told: cr.Routes, carried: map[int]int64{}, weighing: weighing{since: time.Now(), carried: map[int]int64{}}}
	s.readers = append(s.readers, g.reader)
}

func walkTree(n *route.Node, visit func(*route.Node)) {
	visit(n)
	for i := range n.Children {
		walkTree(&n.Children[i], visit)
	}
}

// enlist starts what belongs to a gateway's agent.
func (s *scheduler) enlist(g *gateway) {
	g.state, g.ailing = working, false
	g.life++
	g.enlistedAt = time.Now()
	g.api = s.cfg.Fleet.API(g.name)
	g.stats, g.statsAt, g.rate = control.Stats{}, time.Time{}, 0
	maps.DeleteFunc(s.unlinked, func(e edge, _ int) bool { return e.from == g.name || e.to == g.name })
	if g.reader != nil {
		g.reader.seq, g.reader.share = 0, 0
	}
	s.attend(g)
	s.lookAround()
}

// attend asks a gateway from now on what is to be known of it.
func (s *scheduler) attend(g *gateway) {
	g.epoch++
	g.ctx, g.cancel = context.WithCancel(s.ctx)
	g.moved()
	ctx, api, epoch := g.ctx, g.api, g.epoch
	s.spawn(func() { s.watch(ctx, g, api, epoch) })
	if r := g.reader; r != nil {
		r.sending = 0
		after := r.seq
		s.spawn(func() { s.follow(ctx, r, api, epoch, after) })
	}
}

// turnBackTo asks a gateway anew that was out of reach: what was asked of it
// before went over connections that may have ended without a word.
func (s *scheduler) turnBackTo(g *gateway) {
	if g.state != working || s.stopped != nil {
		return
	}
	g.cancel()
	s.attend(g)
}

// survey finds out which routes work, after the state of a gateway changed,
// and lets go what waited for it.
func (s *scheduler) survey() {
	for _, r := range s.readers {
		r.down, r.reach = nil, nil
		for _, rt := range r.routes {
			if !s.usable(r, rt) {
				r.down = append(r.down, rt.ID)
				continue
			}
			dests := rt.Tree.Dests()
			if !slices.ContainsFunc(r.reach, func(have []route.Dest) bool { return slices.Equal(have, dests) }) {
				r.reach = append(r.reach, dests)
			}
		}
	}
	s.again = append(s.again, s.held...)
	s.held = nil
	held := s.calls.held
	s.calls.held = nil
	for _, c := range held {
		s.try(c)
	}
	s.reroute()
}

// passes tells whether every gateway of a tree satisfies ok.
func (s *scheduler) passes(tree route.Node, ok func(*gateway) bool) bool {
	all := true
	walkTree(&tree, func(n *route.Node) { all = all && ok(s.gateways[n.Gateway]) })
	return all
}

// lost takes a gateway out, gives its chunks to others, and has it replaced.
func (s *scheduler) lost(g *gateway, cause error) {
	if g.state != working || s.stopped != nil {
		return
	}
	g.state, g.ailing, s.untidy = replacing, false, true
	s.lookAround()
	g.life++
	g.epoch++ // what its goroutines still find out is old
	g.cancel()
	s.emit(Event{Kind: EventLost, Gateway: g.name, Error: cause.Error()})
	s.survey()
	api, tooOften := g.api, g.replaced >= maxReplaced
	s.spawn(func() {
		ctx, cancel := context.WithTimeout(s.replaceCtx, quiesceLost)
		defer cancel()
		quiet := api.Quiesce(ctx)
		s.post(func() { s.reassign(g) })
		if tooOften {
			s.post(func() { s.replacedBy(g, cause, errTooOften) })
			return
		}
		if err := s.cfg.Fleet.Replace(s.replaceCtx, g.name); err != nil {
			s.post(func() { s.replacedBy(g, errors.Join(cause, quiet), err) })
			return
		}
		s.post(func() { s.replacedBy(g, nil, nil) })
	})
}

// reassign puts what a lost reader had not answered back to be sent.
func (s *scheduler) reassign(g *gateway) {
	r := g.reader
	if r == nil || s.stopped != nil {
		return
	}
	s.record(s.cfg.Journal.Count(journal.CounterRetries, int64(len(r.out))))
	for _, t := range r.out {
		t.waiting, t.failed = nil, nil
		s.again = append(s.again, t)
	}
	slices.SortFunc(s.again, func(a, b *task) int {
		return cmp.Or(cmp.Compare(a.obj.number, b.obj.number), cmp.Compare(a.index, b.index))
	})
	if r.bytes > 0 {
		s.emit(Event{Kind: EventRetry, Bytes: r.bytes, Gateway: g.name, Error: "it is lost"})
	}
	clear(r.out)
	r.bytes, r.batch = 0, nil
}

// replacedBy takes the outcome of Fleet.Replace.
func (s *scheduler) replacedBy(g *gateway, cause, err error) {
	if s.stopped != nil {
		return
	}
	g.replaced++
	if err == nil {
		for _, r := range s.readers { // those that dial it were configured anew
			r.share = 0
		}
		s.enlist(g)
		s.emit(Event{Kind: EventReplaced, Gateway: g.name})
		s.survey()
		return
	}
	g.state = gone
	s.emit(Event{Kind: EventGone, Gateway: g.name, Error: err.Error()})
	if !s.manned() {
		s.interrupt(fmt.Sprintf("gateway %s is lost and cannot be replaced", g.name), errors.Join(cause, err))
		return
	}
	s.survey() // the others go on
}

// manned tells whether every destination can still be reached and written by
// gateways that are not gone.
func (s *scheduler) manned() bool {
	there := func(g *gateway) bool { return g.state != gone }
	for i, d := range s.cfg.Dests {
		writer := slices.ContainsFunc(d.Writers, func(name route.Gateway) bool { return there(s.gateways[name]) })
		route := slices.ContainsFunc(s.readers, func(r *reader) bool {
			return slices.ContainsFunc(r.routes, func(rt control.Route) bool {
				return rt.Tree.Path(route.Dest(i)) != nil && s.passes(rt.Tree, there)
			})
		})
		if !writer || !route {
			return false
		}
	}
	return true
}

// refused tells whether nobody listens at the gateway's port.
func refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
