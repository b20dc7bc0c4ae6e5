package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/skyctl/skyctl/orchestrator/basis"
	"github.com/skyctl/skyctl/orchestrator/deploy"
	"github.com/skyctl/skyctl/orchestrator/journal"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/places"
	"github.com/skyctl/skyctl/orchestrator/planner"
	"github.com/skyctl/skyctl/orchestrator/room"
	"github.com/skyctl/skyctl/orchestrator/rundir"
	"github.com/skyctl/skyctl/orchestrator/transfer"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// ApplyOptions are what a user may still decide when a plan is carried out.
type ApplyOptions struct {
	Keep  bool // do not destroy the gateways
	Adapt bool // add some on the way where that pays off; it stays asked for when the run is resumed
}

// planAge is how old a plan may be.
const planAge = 24 * time.Hour

// Apply carries out a saved plan: gateways up, transfer, verification, gateways
// down. A Result comes with most errors: *InterruptedError and *LeftoverError
// may be in the chain, both at once.
func (o *Orchestrator) Apply(ctx context.Context, id rundir.ID, opts ApplyOptions) (Result, error) {
	return o.work(ctx, id, func(a *attempt) (Result, error) {
		state, err := a.state(ctx)
		if err != nil {
			return Result{}, err
		}
		switch State(state) {
		case "":
		case StateCancelled:
			return Result{}, cancelledError(id)
		default:
			return Result{}, &UsageError{Err: fmt.Errorf("run %s was applied already", id), Hint: "go on with it: skyctl resume " + string(id)}
		}
		if err := o.checkFresh(ctx, a); err != nil {
			return Result{}, err
		}
		res, err := a.carry(ctx, opts, func(ctx context.Context, d *deploy.Deployment) error {
			err := d.Apply(ctx, a.saved.Preview)
			if errors.Is(err, deploy.ErrChanged) {
				return &StaleError{Run: id, Reason: err.Error()}
			}
			return err
		})
		return res, a.planAgain(ctx, a.unfinished(ctx, err))
	})
}

// planAgain has a run whose plan was refused be one that is planned, so that it
// cannot be gone on with: Resume compares with no plan. Nothing was transferred.
func (a *attempt) planAgain(ctx context.Context, err error) error {
	_, stale := errors.AsType[*StaleError](err)
	_, left := errors.AsType[*LeftoverError](err)
	if !stale || left {
		return err
	}
	return errors.Join(err, a.journal.Set(keyState, ""), a.journal.Flush(context.WithoutCancel(ctx)))
}

// unfinished adds to what ended an attempt what there is to be done about it.
// Where the attempt did not come to its gateways, those of an earlier process are
// as they were; and what was stopped can be gone on with, wherever that met it.
func (a *attempt) unfinished(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	ended := context.WithoutCancel(ctx)
	ferr := a.journal.Flush(ended)
	state, serr := a.journal.Value(ended, keyState)
	rented, rerr := a.ledger().Renting(ended)
	if _, stopped := errors.AsType[*InterruptedError](err); !stopped && ctx.Err() != nil && State(state) == StateInterrupted {
		err = &InterruptedError{Run: a.run.ID, Err: err}
	}
	if _, left := errors.AsType[*LeftoverError](err); !left && !a.settled && rented {
		err = errors.Join(err, &LeftoverError{Run: a.run.ID, Err: errors.New("those that an earlier skyctl left were not reached")})
	}
	return errors.Join(err, ferr, serr, rerr)
}

// Resume goes on with a run from wherever it stopped: gateways that live are
// used again, the others replaced, and only what the journal lacks is sent.
// Where it lacks nothing no gateway is brought up.
func (o *Orchestrator) Resume(ctx context.Context, id rundir.ID, opts ApplyOptions) (Result, error) {
	return o.work(ctx, id, func(a *attempt) (Result, error) {
		state, err := a.state(ctx)
		if err != nil {
			return Result{}, err
		}
		switch state {
		case "":
			return Result{}, &UsageError{Err: fmt.Errorf("run %s was planned and not applied", id), Hint: "carry it out: skyctl apply " + string(id)}
		case StateCancelled:
			return Result{}, cancelledError(id)
		}
		res, err := a.goOn(ctx, opts)
		return res, a.unfinished(ctx, err)
	})
}

func cancelledError(id rundir.ID) error {
	return &UsageError{Err: fmt.Errorf("run %s was cancelled", id), Hint: "start a new one: skyctl cp"}
}

func (a *attempt) goOn(ctx context.Context, opts ApplyOptions) (Result, error) {
	counts, err := a.journal.Counts(ctx)
	if err != nil {
		return Result{}, err
	}
	if counts.Pending == 0 {
		return a.finish(ctx, opts)
	}
	return a.carry(ctx, opts, func(ctx context.Context, d *deploy.Deployment) error {
		if err := a.affords(ctx); err != nil {
			return err
		}
		return d.Ensure(ctx)
	})
}

// work runs do on a run that this process has locked.
func (o *Orchestrator) work(ctx context.Context, id rundir.ID, do func(*attempt) (Result, error)) (res Result, err error) {
	start := time.Now()
	run, err := o.Home.Open(string(id))
	if err != nil {
		return Result{}, err
	}
	lock, err := run.Lock()
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	damaged := "if that cannot be mended, what gateways the run has go with: skyctl destroy " + string(id)
	s, err := load(run)
	if err != nil {
		return Result{}, &PreconditionError{Err: err, Hint: damaged}
	}
	j, err := journal.Open(ctx, run.Journal())
	if err != nil {
		return Result{}, &PreconditionError{Err: err, Hint: damaged}
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	return do(&attempt{o: o, run: run, saved: s, journal: j, start: start})
}

// state is where a run stands that is to be gone on with, empty for one that is
// planned. A run that measured is none.
func (a *attempt) state(ctx context.Context) (State, error) {
	if a.saved.Measure != nil {
		return "", &UsageError{Err: fmt.Errorf("run %s measured links and moves nothing", a.run.ID), Hint: "measure again: skyctl grid measure"}
	}
	state, err := a.journal.Value(ctx, keyState)
	return State(state), err
}

// checkFresh refuses a plan that is old, or whose source or prices have changed
// since.
func (o *Orchestrator) checkFresh(ctx context.Context, a *attempt) (err error) {
	if o.fresh == a.run.ID {
		return nil
	}
	if age := time.Since(a.saved.Created); age > planAge {
		return &StaleError{Run: a.run.ID, Reason: fmt.Sprintf("it is %v old", age.Round(time.Hour))}
	}
	switch now, err := planSum(a.run); {
	case err != nil:
		return &StaleError{Run: a.run.ID, Reason: err.Error()}
	case now != a.saved.PlanSum:
		return &StaleError{Run: a.run.ID, Reason: "plan.json was changed since, which changes nothing of what would be done"}
	}
	p, err := o.open(ctx, a.saved.Request)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	prefix, key := p.Scope()
	now, err := transfer.Fingerprint(ctx, p.SourceBucket, prefix, key, p.Mappings()...)
	if err != nil {
		return places.Refused(err, p.Source)
	}
	if now != a.saved.Fingerprint {
		return &StaleError{Run: a.run.ID, Reason: "the source has changed since"}
	}
	if err := a.sameCost(ctx); err != nil {
		return err
	}
	return a.stillRoom(ctx, p)
}

// sameCost refuses a plan with gateways whose prices have changed. What costs
// more than it did when somebody agreed to it is not to be found on a bill.
func (a *attempt) sameCost(ctx context.Context) error {
	f, err := a.o.Figures(basis.Files{})
	if err != nil {
		return err
	}
	counts, err := a.journal.Counts(ctx)
	if err != nil {
		return err
	}
	if what := repriced(&a.saved.Overlay, f.Prices, unit.Bytes(counts.ListedBytes)); what != "" {
		return &StaleError{Run: a.run.ID, Reason: what}
	}
	return nil
}

// repriced says what costs something else than an overlay was planned with, to
// move so many bytes; empty if nothing does. Without gateways nothing is rented,
// and what is sent goes where it is told to.
func repriced(o *overlay.Overlay, prices planner.Prices, size unit.Bytes) string {
	if o.Inside() {
		return ""
	}
	const exact = 1e-9 // of what was written and read again
	other := func(was, now unit.USD) bool { return math.Abs(float64(was-now)) > exact*float64(was+now) }
	for _, r := range o.Regions {
		now, err := prices.Machine(r.Region, r.Machine)
		if err != nil {
			return err.Error()
		}
		if other(r.USDPerHour, now.USD) {
			return fmt.Sprintf("a gateway in %s costs %s an hour instead of %s", r.Region, now.USD, r.USDPerHour)
		}
	}
	for _, e := range o.Edges {
		now, err := prices.Egress(e.From, e.To)
		if err != nil {
			return err.Error()
		}
		if usd := now.Average(size); other(e.USDPerGB, usd) {
			return fmt.Sprintf("a GB from %s to %s costs %s instead of %s", e.From, e.To, usd, e.USDPerGB)
		}
	}
	return ""
}

// stillRoom asks the clouds again, of a plan that another process made.
func (a *attempt) stillRoom(ctx context.Context, p *places.Places) error {
	if err := a.pinned(ctx); err != nil {
		return err
	}
	cfg, err := a.o.deployment(a.run, a.saved)
	if err != nil {
		return err
	}
	there, _ := a.o.room(ctx, cfg) // the plan's warnings have what is not known
	if short := room.Lacking(cfg, there, p.Essential); len(short.Why) > 0 {
		return &StaleError{Run: a.run.ID, Reason: strings.Join(short.Why, "; ")}
	}
	return nil
}
