package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/planner"
	"github.com/skyctl/skyctl/orchestrator/price"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/transfer"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// A run that is off its forecast has measured links that the plan only believed
// in. The planner is asked again, with those in the place of the beliefs and with
// the gateways that there are, which cost the same whatever is sent over them. Its
// answer becomes other weights for the routes that the run has, and routes that it
// did not have.

const (
	// surprising is the factor by which a link is off what was believed of it
	// before people are told.
	surprising = 1.2
	// worthwhile is by how much another plan must be faster than the run is.
	worthwhile = 1.1
	// nearly all of what machines can send or receive is when they, and not the
	// links between them, are the limit.
	nearly = 0.9
	// spare is the part of an even share that a route keeps which the new plan
	// does without: enough to find out that it has recovered.
	spare = 0.1
)

// standpoint is a run that is off its forecast as it is seen at one time.
type standpoint struct {
	planned
	measured transfer.Measured
	seen     map[grid.Pair]flow
	believed watched
	prices   planner.Prices
}

// rentedAlready is prices by which machines cost nothing more.
type rentedAlready struct{ planner.Prices }

func (rentedAlready) Machine(region.Region, string) (price.Price, error) { return price.Price{}, nil }

// forecast is what the plan promises, in bytes a second to each destination: many
// small objects may take longer than their bytes do.
func (a *attempt) forecast(ctx context.Context) (float64, error) {
	counts, err := a.journal.Counts(ctx)
	o := &a.saved.Overlay
	if err != nil || o.Inside() || o.Time.Transfer <= 0 {
		return 0, err
	}
	return min(float64(o.Throughput)*1e9/8, float64(counts.ListedBytes)/o.Time.Transfer), nil
}

// afresh has a run that is off its forecast planned anew, and its gateways made
// ready for what that adds. It is transfer.Config.Replan. Where that fails nothing
// is believed to be known, so that the same can be found out again.
func (a *attempt) afresh(ctx context.Context, m transfer.Measured) (transfer.Replanned, error) {
	asItIs := transfer.Replanned{Forecast: m.Rate}
	if m.Rate > m.Forecast && a.saved.Request.MinThroughput > 0 {
		return asItIs, nil // faster than was asked for
	}
	f, err := a.o.Figures(FigureFiles{})
	if err != nil {
		return asItIs, err
	}
	now := standpoint{a.fleet.plan(), m, flows(m.Links, a.fleet.homes()), watched{f.Grid, together(a.latest().Shown, nil)}, f.Prices}
	news, err := now.believed.learn(now.overlay, now.seen)
	if err != nil {
		return asItIs, err
	}
	off := fmt.Sprintf("%s instead of the forecast %s", rate(m.Rate), rate(m.Forecast))
	learned := func(s *saved) { s.Shown = now.believed.shown }
	if len(news) == 0 {
		asItIs.Reason = off + ", and no link is other than believed: the routes stay"
		return asItIs, a.keep(learned)
	}
	off += ": " + strings.Join(news, ", ")
	found, err := a.solveAnew(ctx, now)
	if infeasible := (*planner.Infeasible)(nil); err != nil && !errors.As(err, &infeasible) {
		return asItIs, fmt.Errorf("%s; plan anew: %w", off, err)
	}
	better := err == nil && float64(found.Throughput)*1e9/8 >= worthwhile*m.Rate
	var then func(context.Context) (transfer.Replanned, error)
	if a.saved.Request.Adapt && m.Rate < m.Forecast {
		then = func(ctx context.Context) (transfer.Replanned, error) {
			if better {
				now = now.with(a.fleet.plan(), &found)
			}
			return a.adapt(ctx, now)
		}
	}
	if !better {
		asItIs.Reason = off + "; the gateways that there are have no better routes for what the run may cost"
		asItIs.Then = then
		return asItIs, a.keep(learned)
	}
	next, paths := grown(now.overlay, &found)
	l, err := now.layout.Extend(&next)
	if err == nil {
		err = a.follow(ctx, planned{&next, l}, learned)
	}
	if err != nil {
		return asItIs, fmt.Errorf("%s; change the routes: %w", off, err)
	}
	answer := a.replanned(off, paths)
	answer.Then = then
	return answer, nil
}

// with is the run when it goes on as the planner found.
func (s standpoint) with(p planned, found *overlay.Overlay) standpoint {
	s.planned, s.measured.Rate, s.seen = p, float64(found.Throughput)*1e9/8, map[grid.Pair]flow{}
	for _, e := range found.Edges {
		s.seen[e.Pair()] = flow{all: e.Gbits}
	}
	return s
}

// replanned tells the transfer what the fleet is ready for.
func (a *attempt) replanned(off string, paths []string) transfer.Replanned {
	now := a.fleet.plan()
	return transfer.Replanned{Forecast: float64(now.overlay.Throughput) * 1e9 / 8, Routes: now.layout.Routes, Joined: newcomers(now),
		Reason: fmt.Sprintf("%s; from now on %s, forecast %s", off, strings.Join(paths, ", "), now.overlay.Throughput.Human())}
}

func rate(bytesPerSecond float64) string { return unit.Gbps(bytesPerSecond * 8 / 1e9).Human() }

// solveAnew asks the planner for what was asked for, or, where that cannot be had any
// more, for the quickest way that the run may still pay for.
func (a *attempt) solveAnew(ctx context.Context, now standpoint) (overlay.Overlay, error) {
	job, limits := standing(now.overlay, unit.Bytes(now.measured.Left))
	job.Mode, job.Limit = a.saved.Request.Mode, a.saved.Request.BWLimit
	may, err := a.mayCost(ctx, now)
	if err != nil {
		return overlay.Overlay{}, err
	}
	job.MaxCost, job.MinThroughput = &may, a.saved.Request.MinThroughput
	found, err := planner.Solve(ctx, job, now.believed, rentedAlready{now.prices}, limits)
	if infeasible := (*planner.Infeasible)(nil); job.MinThroughput > 0 && errors.As(err, &infeasible) {
		job.MinThroughput = 0
		found, err = planner.Solve(ctx, job, now.believed, rentedAlready{now.prices}, limits)
	}
	return found, err
}

// egressPerHour is what the egress of the run costs as it goes on.
func (s standpoint) egressPerHour() (usd unit.USD) {
	for pair, f := range s.seen {
		if e, ok := s.overlay.Edge(pair.From, pair.To); ok {
			usd += unit.USD(float64(f.all)/8*3600) * e.USDPerGB
		}
	}
	return usd
}

// mayCost is what the egress of what is left may cost: what --max-cost leaves, or
// what was agreed to and a little more, when the machines are paid for as long as
// the run would take without a change; and where no limit was given, never less
// than what it would cost without.
func (a *attempt) mayCost(ctx context.Context, now standpoint) (unit.USD, error) {
	carried, err := a.journal.Routes(ctx)
	if err != nil {
		return 0, err
	}
	machines, err := a.bill(ctx, now.overlay)
	if err != nil {
		return 0, err
	}
	seconds := float64(now.measured.Left) / now.measured.Rate
	spent := now.overlay.Cost.Requests + now.egress(carried) +
		machines.at(time.Now().Add(shutdown+time.Duration(seconds*float64(time.Second))))
	if most := a.saved.Request.MaxCost; most != nil {
		return max(0, *most-spent), nil
	}
	unchanged := now.egressPerHour() * unit.USD(seconds/3600)
	agreed := now.overlay.Cost.Total
	if a.agreed != nil {
		agreed = *a.agreed
	}
	return max(mostOf(agreed)-spent, unchanged), nil
}

// follow has the run go on with an overlay that it has become. It is kept before
// anything passes its routes, for whoever resumes the run, and after it can: the
// gateways may be used again then.
func (a *attempt) follow(ctx context.Context, next planned, learned func(*saved)) error {
	if err := a.fleet.deployed.Connect(ctx, next.layout); err != nil {
		return err
	}
	if err := a.keep(func(s *saved) { s.Overlay = *next.overlay; learned(s) }); err != nil {
		return err
	}
	return a.turnTo(ctx, next)
}

// turnTo tells all gateways their parts in what the run has become.
func (a *attempt) turnTo(ctx context.Context, next planned) error {
	a.fleet.follow(next)
	a.fleet.chooseTransports(ctx, a.saved.Request.transport(), a.o.events(a.run, a.events))
	return a.fleet.configure(ctx)
}
