package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/open"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/deploy"
	"github.com/skyctl/skyctl/orchestrator/fleet"
	"github.com/skyctl/skyctl/orchestrator/journal"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/places"
	"github.com/skyctl/skyctl/orchestrator/rundir"
	"github.com/skyctl/skyctl/orchestrator/transfer"
)

// Destroy takes down whatever gateways of the run Terraform's state holds. The
// error is a *LeftoverError if something may be left.
func (o *Orchestrator) Destroy(ctx context.Context, id rundir.ID) (err error) {
	run, err := o.Home.Open(string(id))
	if err != nil {
		return err
	}
	lock, err := run.Lock()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	s, err := load(run)
	if err != nil && !rendered(run) {
		return err
	}
	if err != nil {
		s = &saved{} // the root knows what there is, and whose account it is in
	}
	a := &attempt{o: o, run: run, saved: s}
	// A run whose journal cannot be read has gateways to destroy all the same.
	// Without it only the time that they were rented is not noted.
	if j, jerr := journal.Open(ctx, run.Journal()); jerr == nil {
		a.journal = j
		defer func() { err = errors.Join(err, j.Close()) }()
	}
	return a.destroy(ctx)
}

func (a *attempt) destroy(ctx context.Context) error {
	if !rendered(a.run) {
		return nil
	}
	cfg, err := a.o.deployment(a.run, a.saved)
	if err != nil {
		return err
	}
	if err := a.mismatched(ctx); err != nil {
		return &LeftoverError{Run: a.run.ID, Err: err}
	}
	d, err := deploy.Existing(ctx, cfg)
	if err != nil {
		return &LeftoverError{Run: a.run.ID, Err: err}
	}
	a.o.begin(a.run, PhaseDestroy, "")
	a.settled = true
	if err := d.Destroy(ctx); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = fmt.Errorf("not all was destroyed: %w", cause) // every step says no more than that
		}
		return errors.Join(&LeftoverError{Run: a.run.ID, Err: err}, d.Close())
	}
	if a.journal == nil {
		return d.Close()
	}
	return errors.Join(d.Close(), a.ledger().Rented(context.WithoutCancel(ctx), false))
}

// rendered tells whether the run ever had a root module.
func rendered(run *rundir.Run) bool {
	_, err := os.Stat(filepath.Join(run.Terraform(), "main.tf"))
	return err == nil
}

// stopWithin is how long a process that works on a run may take to stop and
// destroy when it is asked to.
const stopWithin = 15 * time.Minute

// Cancel stops a run for good: a process that works on it is asked to end,
// what is staged at the destinations is aborted, the gateways are destroyed.
// The journal stays.
func (o *Orchestrator) Cancel(ctx context.Context, id rundir.ID) error {
	if err := o.stop(ctx, id); err != nil {
		return err
	}
	_, err := o.work(ctx, id, func(a *attempt) (Result, error) {
		// Only without gateways does nothing write any more; then what was
		// staged goes. Where either fails the run is as it was, and Cancel may
		// be asked again.
		if err := a.destroy(ctx); err != nil {
			return Result{}, err
		}
		if err := errors.Join(a.abortStaged(ctx), a.sweep(ctx)); err != nil {
			return Result{}, err
		}
		state, err := a.journal.Value(ctx, keyState)
		if err != nil || State(state) == StateDone || State(state) == StateFailed {
			return Result{}, err // it came to its end before, and says so
		}
		return Result{}, a.journal.Set(keyState, string(StateCancelled))
	})
	return err
}

// stop interrupts the process that holds the run's lock, as ^C would, and
// waits until it has let go.
func (o *Orchestrator) stop(ctx context.Context, id rundir.ID) error {
	run, err := o.Home.Open(string(id))
	if err != nil {
		return err
	}
	asked := false
	_, err = backoff.Retry(ctx, func() (struct{}, error) {
		lock, err := run.Lock()
		var held *rundir.LockedError
		switch {
		case err == nil:
			return struct{}{}, lock.Unlock()
		case !errors.As(err, &held):
			return struct{}{}, backoff.Permanent(err)
		case !asked:
			if pid, perr := strconv.Atoi(held.PID); perr == nil && pid > 1 {
				if kerr := syscall.Kill(pid, syscall.SIGINT); kerr != nil && !errors.Is(kerr, syscall.ESRCH) {
					return struct{}{}, backoff.Permanent(fmt.Errorf("stop process %d, which works on run %s: %w", pid, id, kerr))
				}
				asked = true
			}
		}
		return struct{}{}, err
	}, backoff.WithBackOff(backoff.NewConstantBackOff(100*time.Millisecond)), backoff.WithMaxElapsedTime(stopWithin))
	return err
}

// abortStaged aborts the run's staged writes, from inside skyctl.
func (a *attempt) abortStaged(ctx context.Context) (err error) {
	staged, err := a.journal.Staged(ctx, -1, 0, 1)
	if err != nil {
		return err
	}
	opened, err := a.journal.Opened(ctx, -1, 0, 1)
	if err != nil || len(staged)+len(opened) == 0 {
		return err
	}
	if a.places, err = a.o.open(ctx, a.saved.Request); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.places.Close()) }()
	if a.fleet, err = a.insideFleet(ctx); err != nil {
		return err
	}
	stop := a.fleet.StartInside(a.run.ID, a.o.Debug)
	defer func() { err = errors.Join(err, stop()) }()
	if err := a.fleet.Configure(ctx); err != nil {
		return err
	}
	return transfer.Cancel(ctx, transfer.CancelConfig{Journal: a.journal, Fleet: a.fleet, Dests: a.dests()})
}

// insideFleet is the engine inside skyctl for the run's stores, whatever the
// plan says of gateways.
func (a *attempt) insideFleet(ctx context.Context) (*fleet.Fleet, error) {
	l, err := layout.Build(&overlay.Overlay{}, len(a.places.Dests))
	if err != nil {
		return nil, err
	}
	told, err := a.settings(ctx)
	return fleet.New(l, told), err
}

// sweep removes what killed gateways left beside the files that they wrote. It
// opens nothing else.
func (a *attempt) sweep(ctx context.Context) error {
	sessions, err := a.journal.Counter(ctx, journal.CounterSession)
	if err != nil || sessions == 0 {
		return err
	}
	p, err := places.Resolve(a.o.Config, a.o.Env, a.saved.Request.Copy)
	if err != nil {
		return err
	}
	var failed []error
	for i, l := range p.Dests {
		if l.Config.Type != "file" {
			continue
		}
		l.Config.Run = string(a.run.ID)
		b, err := open.Open(ctx, l.Config)
		if err == nil {
			err = transfer.Sweep(ctx, a.journal.Reader, route.Dest(i), func(ctx context.Context, dirs []string) error {
				return objstore.Sweep(ctx, b, dirs)
			})
			err = errors.Join(err, b.Close())
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("remove what was left below %s: %w", l.URL, err))
		}
	}
	return errors.Join(failed...)
}
