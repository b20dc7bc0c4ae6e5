package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/account/open"
	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/deploy"
	"github.com/skyctl/skyctl/orchestrator/fleet"
	"github.com/skyctl/skyctl/orchestrator/journal"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/ledger"
	"github.com/skyctl/skyctl/orchestrator/places"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/rundir"
	"github.com/skyctl/skyctl/orchestrator/transfer"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// attempt is one process's work on a run that it has locked.
type attempt struct {
	o       *Orchestrator
	run     *rundir.Run
	saved   *saved
	journal *journal.Journal
	start   time.Time

	refused map[region.Kind]int // what Terraform was refused, as planner.Limits has it
	agreed  *unit.USD           // total of the first plan; nil: it is still this one
	meter   *ledger.Meter       // nil: the run may cost what it does
	kept    *saved              // what replanning has made of saved; nil: nothing yet

	// settled tells that what became of the gateways is in the outcome: they are
	// destroyed, kept as the user wanted, or in a *LeftoverError.
	settled bool

	places   *places.Places
	gateways *deploy.Deployment // the fleet's gateways; nil: the engine is inside
	fleet    *fleet.Fleet
	events   *eventLog
}

// bringUp makes a deployment's gateways live and enrolled.
type bringUp func(context.Context, *deploy.Deployment) error

// outcome is what came of an attempt: the transfer's result, what went wrong
// with it, and apart from that what went wrong in taking the gateways down, and
// what is no reason to call a transfer failed.
type outcome struct {
	moved     transfer.Result
	err, down error
	untidy    error // in what is kept for people: events, logs
	kept      bool  // the gateways, as the user wanted
}

// carry brings the gateways up, transfers, and takes them down again, whatever
// happened in between.
func (a *attempt) carry(ctx context.Context, opts ApplyOptions, up bringUp) (_ Result, err error) {
	if opts.Adapt && !a.saved.Request.Adapt {
		if err := a.keep(func(s *saved) { s.Request.Adapt = true }); err != nil {
			return Result{}, err
		}
		a.saved = a.latest()
	}
	if a.places, err = a.o.open(ctx, a.saved.Request); err != nil {
		return Result{}, err
	}
	if a.events, err = openEvents(a.run); err != nil {
		return Result{}, errors.Join(err, a.places.Close())
	}
	var out outcome
	var cfg deploy.Config
	for again := true; again; {
		if cfg, err = a.outfit(ctx); err != nil {
			return Result{}, errors.Join(err, a.events.close(), a.places.Close())
		}
		if len(cfg.Layout.Gateways) == 0 {
			stop := a.fleet.StartInside(a.run.ID, a.o.Debug)
			out.moved, out.err = a.transfer(ctx, time.Time{})
			out.err = errors.Join(out.err, stop())
		} else {
			out = a.deployed(ctx, cfg, opts, up)
		}
		again = a.doWithout(ctx, &out)
	}
	ended := context.WithoutCancel(ctx) // what is left to do is done also after ^C
	res, err := a.result(ended, a.fleet.Layout(), out.moved)
	if out.kept {
		res.Kept, res.Destroy = true, (&LeftoverError{Run: a.run.ID}).Command()
	}
	err = errors.Join(out.err, out.down, err, a.conclude(&res, out.err))
	if untidy := errors.Join(out.untidy, a.events.close(), a.places.Close()); err != nil {
		err = errors.Join(err, untidy)
	} else if untidy != nil {
		res.Warnings = append(res.Warnings, "all is done, but what is written about it may lack something: "+strings.ReplaceAll(untidy.Error(), "\n", "; "))
	}
	res.Success = err == nil && res.Failed == 0
	return res, err
}

// outfit makes the fleet of the attempt's plan.
func (a *attempt) outfit(ctx context.Context) (deploy.Config, error) {
	cfg, err := a.o.deployment(a.run, a.saved)
	if err != nil {
		return cfg, err
	}
	told, err := a.settings(ctx)
	if err != nil {
		return cfg, err
	}
	a.fleet, a.gateways, a.kept = fleet.New(cfg.Layout, told), nil, nil
	return cfg, a.journal.Set(keyState, string(StateInterrupted))
}

// finish ends a run of which every object is final: with its gateways goes
// whatever an earlier process left in flight, and what that process staged for
// objects that failed is aborted.
func (a *attempt) finish(ctx context.Context, opts ApplyOptions) (Result, error) {
	cfg, err := a.o.deployment(a.run, a.saved)
	if err != nil {
		return Result{}, err
	}
	moved, err := transfer.Collect(ctx, a.journal.Reader)
	if err != nil {
		return Result{}, err
	}
	var down error
	if a.settled = opts.Keep; !opts.Keep {
		down = a.destroy(ctx)
	}
	var staged error
	if down == nil { // else a gateway may still write to what it would abort
		staged = a.abortStaged(ctx)
	}
	res, err := a.result(context.WithoutCancel(ctx), cfg.Layout, moved)
	err = errors.Join(down, staged, err, a.conclude(&res, staged))
	res.Success = err == nil && res.Failed == 0
	return res, err
}

// settings are what the agents are told of the stores and their budget.
func (a *attempt) settings(ctx context.Context) (s fleet.Settings, err error) {
	s = fleet.Settings{Limit: a.saved.Request.BWLimit.BitsPerSecond() / 8, Memory: int64(a.o.Config.Limits.Memory), Verify: a.saved.Request.Verify,
		Compress: a.saved.Request.compresses(&a.saved.Overlay.Graph)}
	if s.Source, err = a.delegate(ctx, a.places.Source, false); err != nil {
		return s, err
	}
	for _, l := range a.places.Dests {
		d, err := a.delegate(ctx, l, true)
		if err != nil {
			return s, err
		}
		s.Dests = append(s.Dests, d)
	}
	return s, nil
}

// delegate is how an agent opens a place.
func (a *attempt) delegate(ctx context.Context, l config.Location, write bool) (objstore.Config, error) {
	cfg, _, err := a.places.Delegate(ctx, a.run.ID, l, write) // the plan's warnings have what is not limited
	return cfg, err
}

// deployed transfers over gateways.
func (a *attempt) deployed(ctx context.Context, cfg deploy.Config, opts ApplyOptions, up bringUp) (out outcome) {
	var moved transfer.Result
	out = a.withGateways(ctx, cfg, opts, func(ctx context.Context, d *deploy.Deployment) error {
		a.gateways = d
		a.fleet.Use(d)
		if err := up(ctx, d); err != nil {
			return a.notUp(ctx, err)
		}
		return nil
	}, func(ctx context.Context, d *deploy.Deployment) (err error) {
		moved, err = a.transfer(ctx, d.NotAfter())
		return err
	})
	out.moved = moved
	return out
}

// withGateways brings gateways up, uses them, and takes them down again whatever
// happened.
func (a *attempt) withGateways(ctx context.Context, cfg deploy.Config, opts ApplyOptions, up bringUp, use func(context.Context, *deploy.Deployment) error) (out outcome) {
	d, err := deploy.New(ctx, cfg)
	if err != nil {
		out.err = &PreconditionError{Err: err}
		return out
	}
	if out.err = a.pinned(ctx); out.err != nil {
		out.down = d.Close()
		return out
	}
	if out.err = a.ledger().Rented(ctx, true); out.err != nil {
		out.down = d.Close()
		return out
	}
	a.o.begin(a.run, PhaseProvision, fmt.Sprintf("%d gateways in %d regions", len(cfg.Layout.Gateways), a.saved.Overlay.Places()))
	a.settled = true
	if out.err = up(ctx, d); out.err == nil {
		out.err = use(ctx, d)
	}
	ctx = context.WithoutCancel(ctx) // not even ^C keeps gateways from being destroyed
	_, refused := errors.AsType[*deploy.RefusedError](out.err)
	_, stale := errors.AsType[*StaleError](out.err)
	out.kept = opts.Keep && !refused && !stale // half a plan is nothing to keep, nor is none
	if !out.kept {
		a.o.begin(a.run, PhaseDestroy, "")
		if err := d.Destroy(ctx); err != nil {
			out.down = &LeftoverError{Run: a.run.ID, Err: err}
		}
	}
	out.down = errors.Join(out.down, a.ledger().Rented(ctx, out.kept || out.down != nil))
	out.untidy = d.Close()
	return out
}

// notUp says what it means that the gateways did not come up.
func (a *attempt) notUp(ctx context.Context, err error) error {
	var stale *StaleError
	var stopped *InterruptedError
	switch {
	case ctx.Err() != nil:
		return &InterruptedError{Run: a.run.ID, Err: errors.New("stopped while the gateways came up")}
	case errors.As(err, &stale), errors.As(err, &stopped):
		return err
	}
	return &PreconditionError{Err: fmt.Errorf("the gateways did not come up: %w", err),
		Hint: fmt.Sprintf("correct that, then: skyctl resume %s; what Terraform and the agents wrote is in %s", a.run.ID, a.run.Logs())}
}

// transfer tells the gateways their part and moves what is pending.
func (a *attempt) transfer(ctx context.Context, notAfter time.Time) (transfer.Result, error) {
	f := a.fleet
	f.Rest(ctx, a.o.Debug)
	f.ChooseTransports(ctx, a.saved.Request.transport(), a.o.events(a.run, a.events))
	if err := a.keepTransports(); err != nil {
		return transfer.Result{}, err
	}
	if err := f.Configure(ctx); err != nil {
		if ctx.Err() != nil {
			return transfer.Result{}, &InterruptedError{Run: a.run.ID, Err: err}
		}
		return transfer.Result{}, &PreconditionError{Err: err}
	}
	a.o.begin(a.run, PhaseTransfer, "")
	cfg := transfer.Config{Journal: a.journal, Fleet: f, Source: fleet.SourceStore, Stat: a.places.SourceBucket.Stat,
		ChunkSize: a.saved.ChunkSize, NotAfter: notAfter, Limit: f.Told().Limit, Place: f.Place}
	l := f.Layout()
	for _, r := range l.Readers() {
		cfg.Readers = append(cfg.Readers, transfer.Reader{Name: r, Routes: l.Routes[r]})
	}
	cfg.Dests = a.dests()
	if a.byIdentity() {
		cfg.Roles = rolesSpread
	}
	if a.gateways != nil {
		var err error
		if cfg.Forecast, err = a.forecast(ctx); err != nil {
			return transfer.Result{}, err
		}
		cfg.Replan = a.reroute
	}
	var res transfer.Result
	err := a.withinCost(ctx, a.o.events(a.run, a.events), func(ctx context.Context, events func(transfer.Event)) error {
		cfg.Events = func(e transfer.Event) {
			f.Hear(e)
			events(e)
		}
		return f.Renewed(ctx, a.settings, a.o.Debug, func(ctx context.Context) (err error) {
			res, err = transfer.Run(ctx, cfg)
			return err
		})
	})
	a.saved = a.latest()
	if stopped := (*transfer.Interrupted)(nil); errors.As(err, &stopped) {
		err = &InterruptedError{Run: a.run.ID, Err: err}
	}
	return res, errors.Join(err, a.keepTransports())
}

func (a *attempt) dests() []transfer.Dest {
	var dests []transfer.Dest
	for i, b := range a.places.DestBuckets {
		dests = append(dests, transfer.Dest{URL: a.saved.Request.Dests[i], Store: fleet.DestStore(i), Writers: a.fleet.Layout().Writers(route.Dest(i)), Limits: b.Limits()})
	}
	return dests
}

// rolesSpread is how long what a cloud allows a new machine may take to be known
// everywhere. Azure says up to 10 minutes of role assignments, and is the slowest:
// https://learn.microsoft.com/azure/role-based-access-control/troubleshooting
const rolesSpread = 15 * time.Minute

// byIdentity tells whether gateways in clouds reach a store by the identity of
// their machine, as they are told no credentials of it.
func (a *attempt) byIdentity() bool {
	told := a.fleet.Told()
	without := func(c objstore.Config) bool { return len(c.Credentials) == 0 && c.Type != "file" && c.Type != "mem" }
	return slices.ContainsFunc(append([]objstore.Config{told.Source}, told.Dests...), without) &&
		slices.ContainsFunc(a.fleet.Layout().Gateways, func(g layout.Gateway) bool { return slices.Contains(open.Rentable, g.Region.Cloud()) })
}

// conclude records where the run stands.
func (a *attempt) conclude(res *Result, err error) error {
	state := StateInterrupted
	if err == nil && res.Objects == res.Done+res.Skipped+res.Failed {
		state = StateDone
		if res.Failed > 0 {
			state = StateFailed
		}
	}
	return a.journal.Set(keyState, string(state))
}
