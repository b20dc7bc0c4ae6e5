package ledger

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/transfer"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// Meter holds a run to its --max-cost while it goes on: chunks that are sent
// again and machines that run longer than planned cost too. It counts what was
// acknowledged or sent in vain, and what may be under way, by the plan's
// prices; for several destinations that share an edge it counts too much
// rather than too little.
type Meter struct {
	terms   Terms
	exposed func() (underWay int64, dearest float64) // as of now
	stop    context.CancelCauseFunc

	mu      sync.Mutex
	bill    Bill
	spent   float64 // USD, egress, and all planned requests
	pending int64   // bytes that are not acknowledged
}

// Terms are what a meter goes by.
type Terms struct {
	MaxCost unit.USD
	Layout  func() *layout.Layout // as of now: routes may be added
	Room    int64                 // bytes of parts that a writer has room for
	Chunk   int64                 // bytes of a chunk, at most
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
	m := &Meter{terms: t, bill: bill, pending: counts.PendingBytes, spent: float64(l.Overlay.Cost.Requests + Egress(at, carried))}
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
		m.spent += float64(e.Bytes) * perByte(m.terms.Layout(), e.Gateway, e.Route, e.Dest)
		m.pending -= e.Bytes
	case transfer.EventRetry:
		_, dearest := m.exposed()
		m.spent += float64(m.terms.Chunk) * dearest
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
	return m.spent + float64(min(max(m.pending, 0), underWay))*dearest + float64(m.bill.At(time.Now().Add(Shutdown)))
}
