package orchestrator

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/skyctl/skyctl/agent"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/journal"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/transfer"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// meter holds a run to its --max-cost while it goes on: chunks that are sent
// again and machines that run longer than planned cost too. It counts what was
// acknowledged or sent in vain, and what may be under way, by the plan's
// prices; for several destinations that share an edge it counts too much
// rather than too little.
type meter struct {
	limit   unit.USD
	bill    func() bill // as of now: machines may join
	perByte func(transfer.Event) float64
	exposed func() (underWay int64, dearest float64) // as of now: routes may be added
	stop    context.CancelCauseFunc

	mu      sync.Mutex
	spent   float64 // USD, egress, and all planned requests
	pending int64   // bytes that are not acknowledged
	retried int64   // bytes of a chunk, at most
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
	l := a.fleet.Layout()
	if err := a.charge(ctx, l); err != nil {
		return nil, err
	}
	m := &meter{limit: *a.saved.Request.MaxCost, pending: counts.PendingBytes, retried: a.saved.ChunkSize,
		spent: float64(a.saved.Overlay.Cost.Requests + egress(l, carried)), bill: func() bill { return *a.billed.Load() }}
	m.perByte = func(e transfer.Event) float64 { return perByte(a.fleet.Layout(), e.Gateway, e.Route, e.Dest) }
	var of *layout.Layout
	var underWay int64
	var dearest float64
	m.exposed = func() (int64, float64) {
		if now := a.fleet.Layout(); now != of {
			of = now
			underWay, dearest = exposed(now, agent.PartShare(int64(a.o.Config.Limits.Memory)))
		}
		return underWay, dearest
	}
	return m, nil
}

// charge brings up to date what the meter holds machines to cost.
func (a *attempt) charge(ctx context.Context, l *layout.Layout) error {
	b, err := a.bill(ctx, l.Overlay)
	if err == nil {
		a.billed.Store(&b)
	}
	return err
}

// exposed returns how many bytes may be under way at once, where every writer has
// room for so many, and what one costs on the dearest route, in USD.
func exposed(l *layout.Layout, room int64) (underWay int64, dearest float64) {
	for _, reader := range l.Readers() {
		for _, credit := range l.Credit(reader, room) {
			underWay += credit
		}
		for _, r := range l.Routes[reader] {
			for _, d := range r.Tree.Dests() {
				dearest = max(dearest, perByte(l, reader, r.ID, d))
			}
		}
	}
	return underWay, dearest
}

// perByte is what a byte on one route costs.
func perByte(l *layout.Layout, reader route.Gateway, id int, dest route.Dest) float64 {
	return float64(egress(l, map[journal.RouteKey]int64{{Reader: reader, Route: id, Dest: dest}: 1e9})) / 1e9
}

// egress is what bytes cost on the edges of the routes that they took.
func egress(l *layout.Layout, carried map[journal.RouteKey]int64) unit.USD {
	var usd float64
	for key, bytes := range carried {
		path := l.Path(key.Reader, key.Route, key.Dest)
		for i := 1; i < len(path); i++ {
			if e, ok := l.Overlay.Edge(path[i-1], path[i]); ok {
				usd += float64(bytes) / 1e9 * float64(e.USDPerGB)
			}
		}
	}
	return unit.USD(usd)
}

func (m *meter) see(e transfer.Event) {
	m.mu.Lock()
	switch e.Kind {
	case transfer.EventChunk:
		m.spent += float64(e.Bytes) * m.perByte(e)
		m.pending -= e.Bytes
	case transfer.EventRetry:
		_, dearest := m.exposed()
		m.spent += float64(m.retried) * dearest
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
	underWay, dearest := m.exposed()
	if total := m.spent + float64(min(max(m.pending, 0), underWay))*dearest + machines; total > float64(m.limit) {
		m.stop(fmt.Errorf("going on would cost more than --max-cost %v", m.limit))
	}
}
