package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/skyctl/skyctl/orchestrator/deploy"
	"github.com/skyctl/skyctl/orchestrator/journal"
	"github.com/skyctl/skyctl/orchestrator/rundir"
	"github.com/skyctl/skyctl/orchestrator/transfer"
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
		if err := a.moves(); err != nil {
			return Result{}, err
		}
		state, err := a.journal.Value(ctx, keyState)
		if err != nil {
			return Result{}, err
		}
		if state != "" {
			return Result{}, &UsageError{Err: fmt.Errorf("run %s was applied already", id), Hint: "go on with it: skyctl resume " + string(id)}
		}
		if err := o.checkFresh(ctx, a); err != nil {
			return Result{}, err
		}
		return a.carry(ctx, opts, func(ctx context.Context, d *deploy.Deployment) error {
			err := d.Apply(ctx, a.saved.Preview)
			if errors.Is(err, deploy.ErrChanged) {
				return &StaleError{Run: id, Reason: err.Error()}
			}
			return err
		})
	})
}

// Resume goes on with a run from wherever it stopped: gateways that live are
// used again, the others replaced, and only what the journal lacks is sent.
// Where it lacks nothing no gateway is brought up.
func (o *Orchestrator) Resume(ctx context.Context, id rundir.ID, opts ApplyOptions) (Result, error) {
	return o.work(ctx, id, func(a *attempt) (Result, error) {
		if err := a.moves(); err != nil {
			return Result{}, err
		}
		state, err := a.journal.Value(ctx, keyState)
		if err != nil {
			return Result{}, err
		}
		switch State(state) {
		case "":
			return Result{}, &UsageError{Err: fmt.Errorf("run %s was planned and not applied", id), Hint: "carry it out: skyctl apply " + string(id)}
		case StateCancelled:
			return Result{}, &UsageError{Err: fmt.Errorf("run %s was cancelled", id), Hint: "start a new one: skyctl cp"}
		}
		counts, err := a.journal.Counts(ctx)
		if err != nil {
			return Result{}, err
		}
		if counts.Pending == 0 {
			return a.finish(ctx, opts)
		}
		return a.carry(ctx, opts, func(ctx context.Context, d *deploy.Deployment) error { return d.Ensure(ctx) })
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
	s, err := load(run)
	if err != nil {
		return Result{}, err
	}
	j, err := journal.Open(ctx, run.Journal())
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	return do(&attempt{o: o, run: run, saved: s, journal: j, start: start})
}

// moves refuses a run that measured, which is nothing to be gone on with.
func (a *attempt) moves() error {
	if a.saved.Measure == nil {
		return nil
	}
	return &UsageError{Err: fmt.Errorf("run %s measured links and moves nothing", a.run.ID), Hint: "measure again: skyctl grid measure"}
}

// checkFresh refuses a plan that is old, or whose source has changed since.
func (o *Orchestrator) checkFresh(ctx context.Context, a *attempt) (err error) {
	if o.fresh == a.run.ID {
		return nil
	}
	if age := time.Since(a.saved.Created); age > planAge {
		return &StaleError{Run: a.run.ID, Reason: fmt.Sprintf("it is %v old", age.Round(time.Hour))}
	}
	p, err := o.resolve(a.saved.Request)
	if err != nil {
		return err
	}
	if err := o.open(ctx, p); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	prefix, key := p.source.Key, ""
	if !a.saved.Request.Recursive {
		prefix, key = "", p.source.Key
	}
	var maps []transfer.Mapping
	for _, m := range p.mappings {
		maps = append(maps, mapping(m, a.saved.Request.Filters))
	}
	now, err := transfer.Fingerprint(ctx, p.sourceBucket, prefix, key, maps...)
	if err != nil {
		return &PreconditionError{Err: err, Hint: hintFor(err, p.source)}
	}
	if now != a.saved.Fingerprint {
		return &StaleError{Run: a.run.ID, Reason: "the source has changed since"}
	}
	return a.stillRoom(ctx, p)
}

// stillRoom asks the clouds again, of a plan that another process made.
func (a *attempt) stillRoom(ctx context.Context, p *places) error {
	if err := a.pinned(ctx); err != nil {
		return err
	}
	cfg, err := a.o.deployment(a.run, a.saved)
	if err != nil {
		return err
	}
	room, _ := a.o.room(ctx, cfg) // the plan's warnings have what is not known
	if short := lacking(cfg, room, p.essential); len(short.why) > 0 {
		return &StaleError{Run: a.run.ID, Reason: strings.Join(short.why, "; ")}
	}
	return nil
}
