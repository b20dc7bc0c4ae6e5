package orchestrator

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/skyctl/skyctl/orchestrator/basis"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/midway"
	"github.com/skyctl/skyctl/orchestrator/transfer"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// A run that is off its forecast is planned anew with what it has shown of its
// links; package midway says how. What comes of that is carried out here: other
// routes over its gateways, and with --adapt further gateways (enlarge.go).

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

// reroute has a run that is off its forecast planned anew, and its gateways made
// ready for what that adds. It is transfer.Config.Replan. Where that fails nothing
// is believed to be known, so that the same can be found out again.
func (a *attempt) reroute(ctx context.Context, m transfer.Measured) (transfer.Replanned, error) {
	asItIs := transfer.Replanned{Forecast: m.Rate}
	if m.Rate > m.Forecast && a.saved.Request.MinThroughput > 0 {
		return asItIs, nil // faster than was asked for
	}
	f, err := a.o.Figures(basis.Files{})
	if err != nil {
		return asItIs, err
	}
	now := midway.See(a.fleet.Layout(), m, f.Grid, a.latest().Shown, f.Prices)
	news, err := now.Learn()
	if err != nil {
		return asItIs, err
	}
	off := fmt.Sprintf("%s instead of the forecast %s", rate(m.Rate), rate(m.Forecast))
	learned := func(s *saved) { s.Shown = now.Shown() }
	if len(news) == 0 {
		asItIs.Reason = off + ", and no link is other than believed: the routes stay"
		return asItIs, a.keep(learned)
	}
	off += ": " + strings.Join(news, ", ")
	goals, err := a.goals(ctx, now)
	if err != nil {
		return asItIs, fmt.Errorf("%s; plan anew: %w", off, err)
	}
	other, err := now.Reroute(ctx, goals)
	if err != nil {
		return asItIs, fmt.Errorf("%s; %w", off, err)
	}
	var then func(context.Context) (transfer.Replanned, error)
	if a.saved.Request.Adapt && m.Rate < m.Forecast {
		then = func(ctx context.Context) (transfer.Replanned, error) {
			if other != nil {
				now = now.With(other)
			}
			return a.adapt(ctx, now)
		}
	}
	if other == nil {
		asItIs.Reason = off + "; the gateways that there are have no better routes for what the run may cost"
		asItIs.Then = then
		return asItIs, a.keep(learned)
	}
	if err := a.follow(ctx, other.Layout, learned); err != nil {
		return asItIs, fmt.Errorf("%s; change the routes: %w", off, err)
	}
	answer := a.replanned(off, other.Paths)
	answer.Then = then
	return answer, nil
}

// goals are what is asked of the rest of a run.
func (a *attempt) goals(ctx context.Context, now midway.Run) (midway.Goals, error) {
	may, err := a.mayCost(ctx, now)
	if err != nil {
		return midway.Goals{}, err
	}
	counts, err := a.journal.Counts(ctx)
	if err != nil {
		return midway.Goals{}, err
	}
	req := &a.saved.Request
	g := midway.Goals{Mode: req.Mode, Limit: req.BWLimit, MinThroughput: req.MinThroughput, MayCost: may,
		Promised: float64(counts.ListedBytes) / a.saved.Overlay.Time.Transfer}
	if req.MaxTime > 0 {
		before, err := a.journal.Counter(ctx, counterRuntime)
		if err != nil {
			return midway.Goals{}, err
		}
		g.TimeLeft = req.MaxTime - time.Duration(before) - time.Since(a.start)
	}
	return g, nil
}

// replanned tells the transfer what the fleet is ready for.
func (a *attempt) replanned(off string, paths []string) transfer.Replanned {
	now := a.fleet.Layout()
	return transfer.Replanned{Forecast: float64(now.Overlay.Throughput) * 1e9 / 8, Routes: now.Routes, Joined: now.Joined(),
		Reason: fmt.Sprintf("%s; from now on %s, forecast %s", off, strings.Join(paths, ", "), now.Overlay.Throughput.Human())}
}

func rate(bytesPerSecond float64) string { return unit.Gbps(bytesPerSecond * 8 / 1e9).Human() }

// follow has the run go on with an overlay that it has become. It is kept before
// anything passes its routes, for whoever resumes the run, and after it can: the
// gateways may be used again then.
func (a *attempt) follow(ctx context.Context, next *layout.Layout, learned func(*saved)) error {
	if err := a.gateways.Connect(ctx, next); err != nil {
		return err
	}
	if err := a.keep(func(s *saved) { s.Overlay = *next.Overlay; learned(s) }); err != nil {
		return err
	}
	return a.turnTo(ctx, next)
}

// turnTo tells all gateways their parts in what the run has become.
func (a *attempt) turnTo(ctx context.Context, next *layout.Layout) error {
	a.fleet.Follow(next)
	a.fleet.ChooseTransports(ctx, a.saved.Request.transport(), a.o.events(a.run, a.events))
	return a.fleet.Configure(ctx)
}
