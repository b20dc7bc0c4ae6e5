package orchestrator

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/skyctl/skyctl/agent"
	"github.com/skyctl/skyctl/orchestrator/journal"
	"github.com/skyctl/skyctl/orchestrator/transfer"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// meter holds a run to its --max-cost while it goes on: chunks that are sent
// again and machines that run longer than planned cost too. It counts what was
// acknowledged or sent in vain, and what may be under way, by the plan's
// prices; for several destinations that share an edge it counts too much
// rather than too little.
type meter struct {
	limit    unit.USD
	requests unit.USD                                 // all that are planned
	bill     func() bill                              // as of now: machines may join
	plan     func() planned                           // as of now: routes may be added
	exposed  func() (underWay int64, dearest float64) // as of now
	dests    int
	stop     context.CancelCauseFunc

	mu      sync.Mutex
	traffic *traffic
	wasted  float64 // USD, for what is sent again, at most
	pending int64   // bytes that are not acknowledged, to all destinations
}

// shutdown is how long machines are paid for after the decision to stop.
const shutdown = 30 * time.Second

// withinCost runs do with a context that ends before the run costs more than
// the user said, and with what is to see the transfer's events.
func (a *attempt) withinCost(ctx context.Context, events func(transfer.Event), do func(context.Context, func(transfer.Event)) error) error {
	if a.saved.Request.MaxCost == nil {
		return do(ctx, events)
	}
	m, err := a.newMeter(ctx)
	if err != nil {
		return err
	}
	ctx, m.stop = context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer m.stop(nil)
	watching.Go(func() { m.watch(ctx) })
	return do(ctx, func(e transfer.Event) { m.see(e); events(e) })
}

func (a *attempt) newMeter(ctx context.Context) (*meter, error) {
	counts, err := a.journal.Counts(ctx)
	if err != nil {
		return nil, err
	}
	carried, err := a.journal.Routes(ctx)
	if err != nil {
		return nil, err
	}
	p := a.fleet.plan()
	if err := a.charge(ctx, p); err != nil {
		return nil, err
	}
	m := &meter{limit: *a.saved.Request.MaxCost, requests: a.saved.Overlay.Cost.Requests, plan: a.fleet.plan,
		bill: func() bill { return *a.billed.Load() }, traffic: newTraffic(), dests: len(a.saved.Request.Dests)}
	m.pending = counts.PendingBytes * int64(m.dests)
	for key, bytes := range carried {
		m.traffic.add(p, key, bytes)
	}
	var of planned
	var underWay int64
	var dearest float64
	m.exposed = func() (int64, float64) {
		if now := a.fleet.plan(); now != of {
			of = now
			underWay, dearest = now.exposed(agent.PartShare(int64(a.o.Config.Limits.Memory)))
		}
		return underWay, dearest
	}
	return m, nil
}

// charge brings up to date what the meter holds machines to cost.
func (a *attempt) charge(ctx context.Context, p planned) error {
	b, err := a.bill(ctx, p.overlay)
	if err == nil {
		a.billed.Store(&b)
	}
	return err
}

// exposed returns how many bytes may be under way at once, to all destinations,
// where every writer has room for so many, and what one byte costs by the dearest
// route to all that it leads to, in USD.
func (p planned) exposed(room int64) (underWay int64, dearest float64) {
	for _, reader := range p.layout.Readers() {
		for _, credit := range p.layout.Credit(reader, room) {
			underWay += credit
		}
		for _, r := range p.layout.Routes[reader] {
			passed := newTraffic()
			for _, d := range r.Tree.Dests() {
				passed.add(p, journal.RouteKey{Reader: reader, Route: r.ID, Dest: d}, 1e9)
			}
			dearest = max(dearest, float64(passed.usd)/1e9)
		}
	}
	return underWay, dearest
}

func (m *meter) see(e transfer.Event) {
	m.mu.Lock()
	switch e.Kind {
	case transfer.EventChunk:
		m.traffic.add(m.plan(), journal.RouteKey{Reader: e.Gateway, Route: e.Route, Dest: e.Dest}, e.Bytes)
		m.pending -= e.Bytes
	case transfer.EventRetry:
		_, dearest := m.exposed()
		m.wasted += float64(e.Bytes) * dearest
	case transfer.EventAnew:
		m.pending += e.Bytes
	}
	m.mu.Unlock()
	m.check()
}

// watch checks also while nothing arrives.
func (m *meter) watch(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			m.check()
		}
	}
}

func (m *meter) check() {
	m.mu.Lock()
	defer m.mu.Unlock()
	machines := float64(m.bill().at(time.Now().Add(shutdown)))
	spent := float64(m.requests+m.traffic.usd) + m.wasted
	underWay, dearest := m.exposed()
	if total := spent + float64(min(max(m.pending, 0), underWay))/float64(m.dests)*dearest + machines; total > float64(m.limit) {
		m.stop(fmt.Errorf("going on would cost more than --max-cost %v", m.limit))
	}
}
