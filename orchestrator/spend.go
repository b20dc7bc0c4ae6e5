package orchestrator

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/skyctl/skyctl/agent"
	"github.com/skyctl/skyctl/agent/route"
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
	perHour float64 // USD, all machines
	perByte func(transfer.Event) float64
	stop    context.CancelCauseFunc

	mu       sync.Mutex
	spent    float64 // USD, egress, and all planned requests
	pending  int64   // bytes that are not acknowledged
	underWay int64   // bytes that may be under way at once
	dearest  float64 // USD a byte on the dearest route
	retried  int64   // bytes of a chunk, at most
	since    time.Time
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
	rented, err := a.journal.Counter(ctx, counterRented)
	if err != nil {
		return nil, err
	}
	counts, err := a.journal.Counts(ctx)
	if err != nil {
		return nil, err
	}
	carried, err := a.journal.Routes(ctx)
	if err != nil {
		return nil, err
	}
	m := &meter{limit: *a.saved.Request.MaxCost, pending: counts.PendingBytes, retried: a.saved.ChunkSize,
		spent: float64(a.saved.Overlay.Cost.Requests + a.egress(a.routes(a.fleet.layout, carried))), since: a.start.Add(-time.Duration(rented))}
	for _, r := range a.saved.Overlay.Regions {
		m.perHour += float64(r.Gateways) * float64(r.USDPerHour)
	}
	m.perByte = func(e transfer.Event) float64 { return a.perByte(e.Gateway, e.Route, e.Dest) }
	for _, reader := range a.fleet.layout.Readers() {
		for _, credit := range a.fleet.layout.Credit(reader, agent.PartShare(int64(a.o.Config.Limits.Memory))) {
			m.underWay += credit
		}
		for _, r := range a.fleet.layout.Routes[reader] {
			for _, d := range r.Tree.Dests() {
				m.dearest = max(m.dearest, a.perByte(reader, r.ID, d))
			}
		}
	}
	return m, nil
}

// perByte is what a byte on one route costs.
func (a *attempt) perByte(reader route.Gateway, id int, dest route.Dest) float64 {
	return float64(a.egress([]RouteBytes{{Path: a.fleet.layout.Path(reader, id, dest), Bytes: 1e9}})) / 1e9
}

func (m *meter) see(e transfer.Event) {
	m.mu.Lock()
	switch e.Kind {
	case transfer.EventChunk:
		m.spent += float64(e.Bytes) * m.perByte(e)
		m.pending -= e.Bytes
	case transfer.EventRetry:
		m.spent += float64(m.retried) * m.dearest
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
	machines := m.perHour * (time.Since(m.since) + shutdown).Hours()
	if total := m.spent + float64(min(max(m.pending, 0), m.underWay))*m.dearest + machines; total > float64(m.limit) {
		m.stop(fmt.Errorf("going on would cost more than --max-cost %v", m.limit))
	}
}
