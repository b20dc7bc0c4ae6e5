package orchestrator

import (
	"context"
	"fmt"
	"time"

	"github.com/skyctl/skyctl/agent"
	"github.com/skyctl/skyctl/orchestrator/deploy"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/ledger"
	"github.com/skyctl/skyctl/orchestrator/midway"
	"github.com/skyctl/skyctl/orchestrator/transfer"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// ledger is what the run has cost.
func (a *attempt) ledger() ledger.Ledger {
	planned := &a.saved.Overlay
	return ledger.Ledger{Journal: a.journal, Overlay: planned, Lifetime: deploy.Lifetime(planned.Time.Total()), Start: a.start}
}

// withinCost runs do with a context that ends before the run costs more than
// the user said, and with what is to see the transfer's events.
func (a *attempt) withinCost(ctx context.Context, events func(transfer.Event), do func(context.Context, func(transfer.Event)) error) (err error) {
	if a.saved.Request.MaxCost == nil {
		return do(ctx, events)
	}
	if a.meter, err = a.newMeter(ctx); err != nil {
		return err
	}
	return a.meter.Within(ctx, events, do)
}

func (a *attempt) newMeter(ctx context.Context) (*ledger.Meter, error) {
	return a.ledger().Meter(ctx, ledger.Terms{MaxCost: *a.saved.Request.MaxCost, Layout: a.fleet.Layout,
		Room: agent.PartShare(int64(a.o.Config.Limits.Memory))})
}

// charge brings up to date what the meter holds machines to cost.
func (a *attempt) charge(ctx context.Context, l *layout.Layout) error {
	if a.meter == nil {
		return nil
	}
	b, err := a.ledger().Bill(ctx, l.Overlay)
	if err == nil {
		a.meter.Charge(b)
	}
	return err
}

// affords refuses to bring gateways up again for a run that --max-cost would stop
// as soon as they are there: each time it was gone on with it would cost what that
// takes.
func (a *attempt) affords(ctx context.Context) error {
	if a.saved.Request.MaxCost == nil {
		return nil
	}
	m, err := a.newMeter(ctx)
	if err != nil {
		return err
	}
	hours := unit.USD(a.saved.Overlay.Time.Provision / 3600)
	up := unit.USD(0)
	for _, r := range a.saved.Overlay.Regions {
		up += unit.USD(r.Gateways) * r.USDPerHour * hours
	}
	if !m.Affords(up) {
		return &InterruptedError{Run: a.run.ID, Err: fmt.Errorf("going on would cost more than --max-cost %v", *a.saved.Request.MaxCost)}
	}
	return nil
}

// What a plan that takes the place of one for which a cloud has no room may cost
// more than was agreed to: a tenth, or a dollar if that is more. --max-cost says
// something else.
const (
	dearer = 1.1
	dollar = 1
)

// mostOf is what a plan may cost where another was agreed to.
func mostOf(agreed unit.USD) unit.USD { return max(agreed*dearer, agreed+dollar) }

// mayCost is what the egress of what is left may cost: what --max-cost leaves, or
// what was agreed to and a little more, when the machines are paid for as long as
// the run would take without a change; and where no limit was given, never less
// than what it would cost without.
func (a *attempt) mayCost(ctx context.Context, now midway.Run) (unit.USD, error) {
	carried, err := a.journal.Routes(ctx)
	if err != nil {
		return 0, err
	}
	machines, err := a.ledger().Bill(ctx, now.Layout.Overlay)
	if err != nil {
		return 0, err
	}
	seconds := float64(now.Measured.Left) / now.Measured.Rate
	spent := now.Layout.Overlay.Cost.Requests + ledger.Egress(now.Layout, carried) +
		machines.At(time.Now().Add(ledger.Shutdown+time.Duration(seconds*float64(time.Second))))
	if most := a.saved.Request.MaxCost; most != nil {
		return max(0, *most-spent), nil
	}
	unchanged := now.EgressPerHour() * unit.USD(seconds/3600)
	agreed := now.Layout.Overlay.Cost.Total
	if a.agreed != nil {
		agreed = *a.agreed
	}
	return max(mostOf(agreed)-spent, unchanged), nil
}
