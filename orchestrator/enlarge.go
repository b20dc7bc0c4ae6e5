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

	"github.com/skyctl/skyctl/orchestrator/basis"
	"github.com/skyctl/skyctl/orchestrator/deploy"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/ledger"
	"github.com/skyctl/skyctl/orchestrator/midway"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/room"
	"github.com/skyctl/skyctl/orchestrator/rundir"
	"github.com/skyctl/skyctl/orchestrator/transfer"
	"github.com/skyctl/skyctl/orchestrator/unit"
	"github.com/skyctl/skyctl/terraform/engine"
)

// With --adapt a run that is behind its forecast, and that other routes over its
// gateways do not bring back, gets further gateways. What is known of a run in
// which that was going on is in package ledger and Deployment.Grow.

// growth is what midway makes of a run, with what there is to know of the clouds
// before it is carried out.
type growth struct {
	*midway.Growth
	costs    overlay.Cost // of the whole run, as it is expected now
	zones    map[region.Kind][]string
	accounts map[region.Cloud]string
}

// adapt adds gateways to a run that goes on as it is seen, if that is worth while.
// It is transfer.Replanned.Then.
func (a *attempt) adapt(ctx context.Context, now midway.Run) (transfer.Replanned, error) {
	asItIs := transfer.Replanned{Forecast: now.Measured.Rate}
	g, err := a.further(ctx, now)
	switch nothing := midway.NothingError(""); {
	case errors.As(err, &nothing) && nothing == midway.Enough:
		return asItIs, nil
	case errors.As(err, &nothing):
		asItIs.Reason = "no gateways are added: " + nothing.Error()
		return asItIs, nil
	case err != nil:
		return asItIs, fmt.Errorf("add gateways: %w", err)
	}
	a.o.events(a.run, a.events)(transfer.Event{Time: time.Now(), Kind: transfer.EventGrowing, Reason: g.String()})
	if err := a.enlarge(ctx, g); err != nil {
		return asItIs, fmt.Errorf("add %s: %w", g, err)
	}
	return a.replanned(fmt.Sprintf("%s added: done about %v sooner, and the run costs about %s", g, g.Saves.Round(time.Second), g.costs.Total), g.Paths), nil
}

// further returns what further gateways, for which the clouds have room, would
// make of a run. The error is a midway.NothingError where that is not worth while.
func (a *attempt) further(ctx context.Context, now midway.Run) (*growth, error) {
	goals, err := a.goals(ctx, now)
	if err != nil {
		return nil, err
	}
	supply := a.supply(now)
	for range maxReplans + 1 {
		found, err := now.Further(ctx, goals, supply)
		if err != nil {
			return nil, err
		}
		g := &growth{Growth: found}
		if g.costs, err = a.costs(ctx, now, found); err != nil {
			return nil, err
		}
		short, err := a.fits(ctx, now.Layout, g)
		if err != nil || len(short.Why) == 0 {
			return g, err
		}
		more, news := room.Stricter(supply.Lacking, short.Most)
		if !news {
			return nil, midway.NothingError("the clouds have no room for more: " + strings.Join(short.Why, "; "))
		}
		supply.Lacking = more
	}
	return nil, midway.NothingError("the clouds have no room for what the planner would add")
}

// supply is what further gateways there may be.
func (a *attempt) supply(now midway.Run) midway.Supply {
	s := midway.Supply{Limits: basis.Limits(a.o.Config, now.Ends()), Hosts: map[region.Region]int{}}
	s.Limits.Machines = basis.WithAgent(a.o.Config, s.Limits.Machines)
	if n := a.saved.Request.Gateways; n != nil {
		s.Limits.Gateways = *n
	}
	for at, r := range a.o.Config.Regions {
		if n := len(r.Hosts); n > 0 {
			s.Hosts[at] = n
		}
	}
	s.Lacking, _ = room.Stricter(a.latest().Lacking, a.refused)
	return s
}

// costs are those of the whole run with a growth.
func (a *attempt) costs(ctx context.Context, now midway.Run, g *midway.Growth) (overlay.Cost, error) {
	carried, err := a.journal.Routes(ctx)
	if err != nil {
		return overlay.Cost{}, err
	}
	machines, err := a.ledger().Bill(ctx, now.Layout.Overlay)
	if err != nil {
		return overlay.Cost{}, err
	}
	c := overlay.Cost{Requests: now.Layout.Overlay.Cost.Requests,
		Egress:   ledger.Egress(now.Layout, carried) + now.EgressPerHour()*unit.USD(g.Provision.Hours()) + g.Rest.Egress,
		Machines: machines.At(time.Now().Add(g.Takes)) + g.Rest.Machines}
	c.Total = c.Egress + c.Machines + c.Requests
	return c, nil
}

// fits asks the clouds for what is to be added.
func (a *attempt) fits(ctx context.Context, now *layout.Layout, g *growth) (room.Lack, error) {
	kept := *a.latest()
	kept.Overlay = *g.Layout.Overlay
	cfg, err := a.o.deployment(a.run, &kept)
	if err != nil {
		return room.Lack{}, err
	}
	cfg.There = len(now.Gateways)
	if err := deploy.Check(cfg); err != nil {
		return room.Lack{}, err
	}
	g.accounts = a.o.accounts(cfg.Layout)
	unknown := maps.Clone(g.accounts)
	maps.DeleteFunc(unknown, func(cloud region.Cloud, id string) bool { return kept.Accounts[cloud] == id })
	if err := a.o.identify(ctx, a.o.Config.Clouds, unknown); err != nil {
		return room.Lack{}, err
	}
	there, _ := a.o.room(ctx, cfg) // a cloud that does not answer says so when Terraform asks it
	g.zones = there.Zones
	short := room.Lacking(cfg, there, a.places.Essential)
	for kind := range short.Most { // of what is free
		for _, r := range now.Overlay.Regions {
			if r.Region == kind.Region && (kind.Machine == "" || kind.Machine == r.Machine) {
				short.Most[kind] += r.Gateways
			}
		}
	}
	return short, nil
}

// enlarge adds a growth's gateways to the run, and makes all ready for its
// routes. What they cost is noted before they exist, and that they are part of
// the run when they are.
func (a *attempt) enlarge(ctx context.Context, g *growth) error {
	before := a.fleet.Layout()
	if err := a.ledger().Join(ctx, g.Layout.Overlay); err != nil {
		return err
	}
	if err := a.charge(ctx, g.Layout); err != nil {
		return err
	}
	agree := func(ctx context.Context, p *engine.Plan) error { return a.agreeTo(ctx, g, p) }
	if err := a.gateways.Grow(ctx, deploy.Growth{Layout: g.Layout, Zones: g.zones, Agree: agree}); err != nil {
		if refused, ok := errors.AsType[*deploy.RefusedError](err); ok {
			a.refused, _ = room.Stricter(a.refused, room.Refused(refused, a.refused, a.places.Essential))
		}
		if ctx.Err() != nil {
			return err // they are there until the run's are destroyed
		}
		return errors.Join(err, a.ledger().Join(ctx, before.Overlay), a.charge(ctx, before))
	}
	zones := map[region.Kind][]string{}
	maps.Copy(zones, a.latest().Zones)
	maps.Copy(zones, g.zones)
	err := a.keep(func(s *saved) { s.Overlay, s.Zones, s.Accounts = *g.Layout.Overlay, zones, g.accounts })
	if err != nil {
		return err // they are there, and paid for, until the run's are destroyed
	}
	// A gateway that was lost meanwhile answers again by and by.
	_, err = backoff.Retry(ctx, func() (struct{}, error) { return struct{}{}, a.turnTo(ctx, g.Layout) }, backoff.WithMaxElapsedTime(patience))
	return err
}

// patience is how long gateways that are to learn of others may be out of reach.
const patience = 5 * time.Minute

// agreeTo asks whoever may refuse a plan about what the run is to become.
func (a *attempt) agreeTo(ctx context.Context, g *growth, p *engine.Plan) error {
	var plan Plan
	if err := rundir.ReadJSON(a.run.Plan(), &plan); err != nil {
		return err
	}
	plan.Graph, plan.Throughput, plan.Cost = g.Layout.Overlay.Graph, g.Layout.Overlay.Throughput, g.costs
	plan.Pareto, plan.Terraform.Changes = nil, p.Changes
	path := filepath.Join(a.run.Dir, "adapted.json")
	if err := rundir.WriteJSON(path, plan); err != nil {
		return err
	}
	return a.o.afterPlan(ctx, path)
}
