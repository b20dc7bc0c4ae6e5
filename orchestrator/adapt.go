package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/skyctl/skyctl/orchestrator/deploy"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/planner"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/transfer"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// With --adapt a run that is behind its forecast, and that other routes over its
// gateways do not bring back, gets further gateways: of the types that a region
// has, or in regions that had none. The planner decides, with what the run has
// shown of its links. What is there costs nothing more; what is added costs its
// price from when it is ordered, and carries nothing until it is up. What is
// known of a run in which that was going on is in rent.go and Deployment.Grow.

// growth is a run with further gateways.
type growth struct {
	next  planned
	added []overlay.Region
	costs overlay.Cost // of the whole run, as it is expected now
	saves time.Duration
	paths []string // for people: what the routes are

	zones    map[region.Kind][]string
	accounts map[region.Cloud]string
}

// errNothing is why no gateways are added where nothing is wrong.
type errNothing string

func (e errNothing) Error() string { return string(e) }

// enough is that where nobody need be told.
const enough errNothing = "other routes are enough"

// adapt adds gateways to a run that goes on as it is seen, if that is worth while.
// It is transfer.Replanned.Then.
func (a *attempt) adapt(ctx context.Context, now standpoint) (transfer.Replanned, error) {
	asItIs := transfer.Replanned{Forecast: now.measured.Rate}
	g, err := a.further(ctx, now)
	switch nothing := errNothing(""); {
	case errors.As(err, &nothing) && nothing == enough:
		return asItIs, nil
	case errors.As(err, &nothing):
		asItIs.Reason = "no gateways are added: " + nothing.Error()
		return asItIs, nil
	case err != nil:
		return asItIs, fmt.Errorf("add gateways: %w", err)
	}
	a.o.events(a.run, a.events)(transfer.Event{Time: time.Now(), Kind: transfer.EventGrowing, Reason: described(g.added)})
	if err := a.enlarge(ctx, g); err != nil {
		return asItIs, fmt.Errorf("add %s: %w", described(g.added), err)
	}
	return a.replanned(fmt.Sprintf("%s added: done about %s sooner, and the run costs about %s", described(g.added), brief(g.saves), g.costs.Total), g.paths), nil
}

// further returns what further gateways would make of a run. The error is an
// errNothing where that is not worth while.
func (a *attempt) further(ctx context.Context, now standpoint) (*growth, error) {
	wanted, err := a.promised(ctx)
	if err == nil && now.measured.Rate*surprising >= wanted {
		err = enough
	}
	if err != nil {
		return nil, err
	}
	may, err := a.mayCost(ctx, now)
	if err != nil {
		return nil, err
	}
	lacking, _ := stricter(a.latest().Lacking, a.refused)
	for range maxReplans + 1 {
		found, err := a.solveFurther(ctx, now, may, wanted, lacking)
		if err != nil {
			return nil, err
		}
		g, err := a.grow(ctx, now, found)
		if err != nil {
			return nil, err
		}
		short, err := a.fits(ctx, now.planned, g)
		if err != nil || len(short.why) == 0 {
			return g, err
		}
		more, news := stricter(lacking, short.most)
		if !news {
			return nil, errNothing("the clouds have no room for more: " + strings.Join(short.why, "; "))
		}
		lacking = more
	}
	return nil, errNothing("the clouds have no room for what the planner would add")
}

// promised is the rate that the run's first plan had, in bytes a second.
func (a *attempt) promised(ctx context.Context) (float64, error) {
	counts, err := a.journal.Counts(ctx)
	if err != nil {
		return 0, err
	}
	return float64(counts.ListedBytes) / a.saved.Overlay.Time.Transfer, nil
}

// solveFurther asks the planner for a plan of what is left when further gateways
// are up: at the rate that was promised, or that --max-time takes, or else the
// quickest that may be paid for.
func (a *attempt) solveFurther(ctx context.Context, now standpoint, may unit.USD, wanted float64, lacking map[region.Kind]int) (overlay.Overlay, error) {
	job, limits := a.widened(now, lacking)
	slowest := time.Duration(0)
	for _, at := range limits.Relays {
		slowest = max(slowest, limits.Provision[at.Cloud()])
	}
	left := now.left(slowest)
	if left <= 0 {
		return overlay.Overlay{}, errNothing("it is done before others are up")
	}
	if limit := a.saved.Request.MaxTime; limit > 0 {
		before, err := a.journal.Counter(ctx, counterRuntime)
		if err != nil {
			return overlay.Overlay{}, err
		}
		if rest := limit - time.Duration(before) - time.Since(a.start) - slowest; rest > 0 {
			wanted = max(wanted, left/rest.Seconds())
		}
	}
	may = max(0, may-now.egressPerHour()*unit.USD(slowest.Hours()))
	job.Bytes, job.MaxCost, job.MinThroughput = unit.Bytes(left), &may, unit.Gbps(wanted*8/1e9)
	job.Mode, job.Limit = a.saved.Request.Mode, a.saved.Request.BWLimit
	found, err := planner.Solve(ctx, job, now.believed, now.prices, limits)
	infeasible := (*planner.Infeasible)(nil)
	if errors.As(err, &infeasible) {
		job.MinThroughput = 0
		found, err = planner.Solve(ctx, job, now.believed, now.prices, limits)
	}
	if errors.As(err, &infeasible) {
		err = errNothing("no plan with others costs what the run may: " + err.Error())
	}
	return found, err
}

// left are the bytes that are left when the run has gone on for so long.
func (s standpoint) left(after time.Duration) float64 {
	return float64(s.measured.Left) - s.measured.Rate*after.Seconds()
}

// widened is the job of moving what is left, and the limits of gateways that there
// are and may be.
func (a *attempt) widened(now standpoint, lacking map[region.Kind]int) (planner.Job, planner.Limits) {
	job, there := standing(now.overlay, unit.Bytes(now.measured.Left))
	limits := a.o.limits(slices.Concat(append(slices.Clone(job.Dests), job.Sources)...))
	limits.Machines = a.o.withAgent(limits.Machines)
	if n := a.saved.Request.Gateways; n != nil {
		limits.Gateways = *n
	}
	job.Gateways = &limits.Gateways
	if len(limits.Allow) > 0 {
		limits.Allow = slices.Concat(limits.Allow, there.Relays)
	}
	limits.Relays = slices.Concat(limits.Relays, there.Relays)
	limits.Most, limits.Standing = maps.Clone(lacking), map[region.Kind]int{}
	if limits.Most == nil {
		limits.Most = map[region.Kind]int{}
	}
	for _, r := range now.overlay.Regions {
		limits.Standing[region.Kind{Region: r.Region, Machine: r.Machine}] += r.Gateways
	}
	for _, at := range there.Relays {
		n := there.Most[region.Kind{Region: at}]
		whole := region.Kind{Region: at}
		// What reads takes what no reader has been given yet.
		if most, limited := limits.Most[whole]; limited && most < n || slices.Contains(job.Sources, at) && 2*now.measured.Unread < now.measured.Left {
			limits.Most[whole] = n
		}
		for _, t := range now.believed.Machines(at) {
			// Trees are spread over the gateways of a region by what each passes:
			// that is known of the types that it has.
			if kind := (region.Kind{Region: at, Machine: t.Type}); limits.Standing[kind] == 0 && t.Type != "" {
				limits.Most[kind] = 0
			}
		}
	}
	for at, r := range a.o.Config.Regions { // one more on the same host carries no more
		whole := region.Kind{Region: at}
		if most, limited := limits.Most[whole]; len(r.Hosts) > 0 && (!limited || most > len(r.Hosts)) {
			limits.Most[whole] = max(len(r.Hosts), there.Most[whole])
		}
	}
	return job, limits
}

// grow returns what a run becomes by a plan with further gateways, if that is
// worth while.
func (a *attempt) grow(ctx context.Context, now standpoint, found overlay.Overlay) (*growth, error) {
	g := &growth{}
	base := *now.overlay
	base.Regions = slices.Clone(base.Regions)
	last := base.Joined("", allTimes) + 1
	for _, r := range found.Regions {
		if r.Joined == 0 {
			continue
		}
		r.Joined = last
		if was := slices.IndexFunc(now.overlay.Regions, func(x overlay.Region) bool { return x.Region == r.Region && x.Machine == r.Machine }); was >= 0 {
			r.Gbits = now.overlay.Regions[was].Gbits
		}
		g.added, base.Regions = append(g.added, r), append(base.Regions, r)
	}
	if len(g.added) == 0 {
		return nil, errNothing("no others would be of use")
	}
	rate := float64(found.Throughput) * 1e9 / 8
	provision := time.Duration(found.Time.Provision * float64(time.Second))
	takes := provision + time.Duration(now.left(provision)/rate*float64(time.Second))
	staying := time.Duration(now.left(0) / now.measured.Rate * float64(time.Second))
	if float64(staying) < worthwhile*float64(takes) {
		return nil, errNothing(fmt.Sprintf("with %s more it would take %s instead of %s", described(g.added), brief(takes), brief(staying)))
	}
	g.saves = staying - takes
	var next overlay.Overlay
	next, g.paths = grown(&base, &found)
	l, err := now.layout.Extend(&next)
	if err != nil {
		return nil, fmt.Errorf("lay out %s: %w", described(g.added), err)
	}
	g.next = planned{&next, l}
	return g, a.price(ctx, now, found, provision, takes, g)
}

// price is what the whole run costs with a growth.
func (a *attempt) price(ctx context.Context, now standpoint, found overlay.Overlay, provision, takes time.Duration, g *growth) error {
	carried, err := a.journal.Routes(ctx)
	if err != nil {
		return err
	}
	machines, err := a.bill(ctx, now.overlay)
	if err != nil {
		return err
	}
	g.costs = overlay.Cost{Requests: now.overlay.Cost.Requests,
		Egress:   now.egress(carried) + now.egressPerHour()*unit.USD(provision.Hours()) + found.Cost.Egress,
		Machines: machines.at(time.Now().Add(takes)) + found.Cost.Machines}
	g.costs.Total = g.costs.Egress + g.costs.Machines + g.costs.Requests
	return nil
}

// fits asks the clouds for what is to be added.
func (a *attempt) fits(ctx context.Context, now planned, g *growth) (lack, error) {
	kept := *a.latest()
	kept.Overlay = *g.next.overlay
	cfg, err := a.o.deployment(a.run, &kept)
	if err != nil {
		return lack{}, err
	}
	cfg.There = len(now.layout.Gateways)
	if err := deploy.Check(cfg); err != nil {
		return lack{}, err
	}
	g.accounts = a.o.accounts(cfg.Layout)
	unknown := maps.Clone(g.accounts)
	maps.DeleteFunc(unknown, func(cloud region.Cloud, id string) bool { return kept.Accounts[cloud] == id })
	if err := a.o.identify(ctx, a.o.Config.Clouds, unknown); err != nil {
		return lack{}, err
	}
	room, _ := a.o.room(ctx, cfg) // a cloud that does not answer says so when Terraform asks it
	g.zones = room.Zones
	short := lacking(cfg, room, a.places.essential)
	for kind := range short.most { // of what is free
		for _, r := range now.overlay.Regions {
			if r.Region == kind.Region && (kind.Machine == "" || kind.Machine == r.Machine) {
				short.most[kind] += r.Gateways
			}
		}
	}
	return short, nil
}
