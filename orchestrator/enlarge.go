package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/skyctl/skyctl/orchestrator/deploy"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/rundir"
	"github.com/skyctl/skyctl/terraform/engine"
)

// enlarge adds a growth's gateways to the run, and makes all ready for its
// routes. What they cost is noted before they exist, and that they are part of
// the run when they are.
func (a *attempt) enlarge(ctx context.Context, g *growth) error {
	before := a.fleet.Layout()
	if err := a.ledger().Join(ctx, g.next.Overlay); err != nil {
		return err
	}
	if err := a.charge(ctx, g.next); err != nil {
		return err
	}
	agree := func(ctx context.Context, p *engine.Plan) error { return a.agreeTo(ctx, g, p) }
	if err := a.gateways.Grow(ctx, deploy.Growth{Layout: g.next, Zones: g.zones, Agree: agree}); err != nil {
		if refused, ok := errors.AsType[*deploy.RefusedError](err); ok {
			a.refused, _ = stricter(a.refused, refusedMost(refused, a.refused, a.places.essential))
		}
		if ctx.Err() != nil {
			return err // they are there until the run's are destroyed
		}
		return errors.Join(err, a.ledger().Join(ctx, before.Overlay), a.charge(ctx, before))
	}
	err := a.keep(func(s *saved) {
		s.Overlay, s.Zones, s.Accounts = *g.next.Overlay, together(s.Zones, g.zones), together(s.Accounts, g.accounts)
	})
	if err != nil {
		return err // they are there, and paid for, until the run's are destroyed
	}
	// A gateway that was lost meanwhile answers again by and by.
	_, err = backoff.Retry(ctx, func() (struct{}, error) { return struct{}{}, a.turnTo(ctx, g.next) }, backoff.WithMaxElapsedTime(patience))
	return err
}

// patience is how long gateways that are to learn of others may be out of reach.
const patience = 5 * time.Minute

func together[K comparable, V any](a, b map[K]V) map[K]V {
	all := maps.Clone(a)
	if all == nil {
		all = map[K]V{}
	}
	maps.Copy(all, b)
	return all
}

// agreeTo asks whoever may refuse a plan about what the run is to become.
func (a *attempt) agreeTo(ctx context.Context, g *growth, p *engine.Plan) error {
	var plan Plan
	if err := rundir.ReadJSON(a.run.Plan(), &plan); err != nil {
		return err
	}
	plan.Graph, plan.Throughput, plan.Cost = g.next.Overlay.Graph, g.next.Overlay.Throughput, g.costs
	plan.Pareto, plan.Terraform.Changes = nil, p.Changes
	path := filepath.Join(a.run.Dir, "adapted.json")
	if err := rundir.WriteJSON(path, plan); err != nil {
		return err
	}
	return a.o.afterPlan(ctx, path)
}

// allTimes is later than any gateways joined.
const allTimes = int(^uint(0) >> 1)

// described says what is added: "1 gateway in local:mid and 2 in local:west".
func described(added []overlay.Region) string {
	var parts []string
	for i, r := range added {
		text := fmt.Sprint(r.Gateways)
		if i == 0 && r.Gateways == 1 {
			text += " gateway"
		} else if i == 0 {
			text += " gateways"
		}
		if r.Machine != "" {
			text += " (" + r.Machine + ")"
		}
		parts = append(parts, text+" in "+string(r.Region))
	}
	return strings.Join(parts, " and ")
}

func brief(d time.Duration) string { return d.Round(time.Second).String() }
