package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/skyctl/skyctl/orchestrator/account"
	"github.com/skyctl/skyctl/orchestrator/account/open"
	"github.com/skyctl/skyctl/orchestrator/deploy"
	"github.com/skyctl/skyctl/orchestrator/gc"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/rundir"
)

// CollectRequest asks what runs left in clouds, and how much of it may go.
type CollectRequest struct {
	Clouds   []region.Cloud // empty: those of which the configuration names an account
	Runs     []string       // empty: all
	Grace    time.Duration  // after the not-after
	Owner    string         // empty: this user on this workstation
	AnyOwner bool
	Live     bool // also what is not past its not-after
}

// Leftovers is what was found, and the accounts that it was found in.
type Leftovers struct {
	gc.Survey
	accounts []account.Account
}

// Leftovers looks for what runs left, without any state. What could not be
// asked is in the survey. Nothing is changed.
func (o *Orchestrator) Leftovers(ctx context.Context, req CollectRequest) (Leftovers, error) {
	clouds := req.Clouds
	if len(clouds) == 0 {
		clouds = open.Named(o.Config.Clouds)
	}
	if len(clouds) == 0 {
		return Leftovers{}, &UsageError{Err: errors.New("the configuration names no account of a cloud"),
			Hint: "set clouds.aws.account_id, clouds.gcp.project or clouds.azure.subscription_id"}
	}
	for _, cloud := range clouds {
		if open.ID(o.Config.Clouds, cloud) == "" {
			return Leftovers{}, &UsageError{Err: fmt.Errorf("the configuration names no account of %s", cloud),
				Hint: "without it the credentials that happen to be here would decide whose machines are deleted"}
		}
	}
	rule := gc.Rule{Now: time.Now(), Grace: req.Grace, Owner: req.Owner, AnyOwner: req.AnyOwner, Live: req.Live, Runs: req.Runs,
		Mine: o.knows, Busy: o.worksOn}
	if rule.Owner == "" {
		rule.Owner = deploy.Owner()
	}
	var l Leftovers
	unopened := map[region.Cloud]error{}
	for _, cloud := range clouds {
		a, err := o.account(ctx, o.Config.Clouds, cloud)
		if err != nil {
			unopened[cloud] = err
			continue
		}
		l.accounts = append(l.accounts, a)
	}
	l.Survey = gc.Find(ctx, l.accounts, o.Config.Prices(), rule)
	for cloud, err := range unopened {
		l.Errors[cloud] = err
	}
	return l, nil
}

// Collect deletes what nothing keeps, and says of each how that went. A
// *RemainsError tells that something is left that was to go.
//
// Since it was found somebody may have taken the run up again, with machines of
// the same names. So runs that are here are locked while theirs is deleted.
func (o *Orchestrator) Collect(ctx context.Context, l Leftovers) (outcomes []gc.Outcome, err error) {
	var errs []error
	refused := map[string]error{} // nil: it is locked, or not here
	var free []gc.Finding
	for _, f := range l.Findings {
		if f.Keep != "" {
			continue
		}
		why, asked := refused[f.Run]
		if !asked {
			var lock *rundir.Lock
			if lock, why = o.lockKnown(f.Run); lock != nil {
				defer func() { err = errors.Join(err, lock.Unlock()) }()
			}
			refused[f.Run] = why
		}
		if why != nil {
			outcomes = append(outcomes, gc.Outcome{Finding: f, Err: fmt.Errorf("%s %s: %w", f.Kind, f.ID, why)})
			continue
		}
		free = append(free, f)
	}
	outcomes = append(outcomes, gc.Delete(ctx, l.accounts, free, gc.Patience{})...)
	for _, x := range outcomes {
		if x.Err != nil {
			errs = append(errs, x.Err)
		}
	}
	if len(errs) == 0 {
		return outcomes, nil
	}
	return outcomes, &RemainsError{Left: len(errs), Err: errors.Join(errs...)}
}

// lockKnown locks a run, if its directory is on this workstation.
func (o *Orchestrator) lockKnown(name string) (*rundir.Lock, error) {
	run, err := o.Home.Open(name)
	if err != nil {
		return nil, nil // as in knows
	}
	return run.Lock()
}

// knows tells whether the run's directory is on this workstation.
func (o *Orchestrator) knows(run string) bool {
	_, err := o.Home.Open(run)
	return err == nil
}

// worksOn tells whether a process of this workstation works on the run. One
// that cannot be asked about may be worked on.
func (o *Orchestrator) worksOn(run string) bool {
	r, err := o.Home.Open(run)
	if err != nil {
		return false
	}
	held, err := r.Held()
	return held || err != nil
}
