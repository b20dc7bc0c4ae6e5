package ledger

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/skyctl/skyctl/orchestrator/journal"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/transfer"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// Meter holds a run to its --max-cost while it goes on: chunks that are sent
// again and machines that run longer than planned cost too. It counts what was
// acknowledged, once on an edge that destinations share, and by the dearest route
// what was sent in vain and what may be under way.
type Meter struct {
	terms    Terms
	requests unit.USD                                 // all that are planned
	exposed  func() (underWay int64, dearest float64) // as of now
	stop     context.CancelCauseFunc

	mu      sync.Mutex
	bill    Bill
	traffic *traffic
	wasted  float64 // USD, for what is sent again, at most
	pending int64   // bytes that are not acknowledged, to all destinations
}

// Terms are what a meter goes by.
type Terms struct {
	MaxCost unit.USD
	Layout  func() *layout.Layout // as of now: routes may be added
	Room    int64                 // bytes of parts that a writer has room for
}

// Shutdown is how long machines are paid for after the decision to stop.
const Shutdown = 30 * time.Second

// Meter returns a meter of the run as it is now.
func (l Ledger) Meter(ctx context.Context, t Terms) (*Meter, error) {
	counts, err := l.Journal.Counts(ctx)
	if err != nil {
		return nil, err
	}
	carried, err := l.Journal.Routes(ctx)
	if err != nil {
		return nil, err
	}
	at := t.Layout()
	bill, err := l.Bill(ctx, at.Overlay)
	if err != nil {
		return nil, err
	}
	m := &Meter{terms: t, requests: l.Overlay.Cost.Requests, bill: bill, traffic: newTraffic(), pending: counts.PendingBytes * int64(at.Dests)}
	for key, bytes := range carried {
		m.traffic.add(at, key, bytes)
	}
	var of *layout.Layout
	var underWay int64
	var dearest float64
	m.exposed = func() (int64, float64) {
		if now := t.Layout(); now != of {
			of = now
			underWay, dearest = exposed(now, t.Room)
		}
		return underWay, dearest
	}
	return m, nil
}

// Within runs do with a context that ends before the run costs more than it may,
// and with what is to see the transfer's events.
func (m *Meter) Within(ctx context.Context, events func(transfer.Event), do func(context.Context, func(transfer.Event)) error) error {
	ctx, m.stop = context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer m.stop(nil)
	watching.Go(func() { m.watch(ctx) })
	return do(ctx, func(e transfer.Event) { m.see(e); events(e) })
}

// Charge has machines cost what a bill says: some may have joined.
func (m *Meter) Charge(b Bill) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bill = b
}

// Affords tells whether the run could go on if it cost so much more.
func (m *Meter) Affords(more unit.USD) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.total()+float64(more) <= float64(m.terms.MaxCost)
}

func (m *Meter) see(e transfer.Event) {
	m.mu.Lock()
	switch e.Kind {
	case transfer.EventChunk:
		m.traffic.add(m.terms.Layout(), journal.RouteKey{Reader: e.Gateway, Route: e.Route, Dest: e.Dest}, e.Bytes)
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
func (m *Meter) watch(ctx context.Context) {
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

func (m *Meter) check() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.total() > float64(m.terms.MaxCost) {
		m.stop(fmt.Errorf("going on would cost more than --max-cost %v", m.terms.MaxCost))
	}
}

// total is what the run has cost, in USD, when it is stopped now.
func (m *Meter) total() float64 {
	underWay, dearest := m.exposed()
	dests := m.terms.Layout().Dests
	return float64(m.requests+m.traffic.usd) + m.wasted + float64(min(max(m.pending, 0), underWay))/float64(dests)*dearest +
		float64(m.bill.At(time.Now().Add(Shutdown)))
}
