package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/skyctl/skyctl/orchestrator/account"
	"github.com/skyctl/skyctl/orchestrator/deploy"
	"github.com/skyctl/skyctl/orchestrator/places"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/room"
	"github.com/skyctl/skyctl/orchestrator/rundir"
	"github.com/skyctl/skyctl/orchestrator/transfer"
)

// Where clouds have no room for a plan the planner is asked again with what there
// is: when it is made, by what they tell (fit), and when Terraform is refused,
// although they told nothing of it (doWithout). Then what was created is destroyed,
// and what the planner answers is carried out, if it costs about what was agreed
// to.

// maxReplans is how often the planner is asked again because a cloud has no
// room.
const maxReplans = 3

const raiseHint = "have the quota raised in the cloud's console, or allow other machines or regions: allow.machines, allow.regions"

// room asks the clouds that a deployment rents machines of.
func (o *Orchestrator) room(ctx context.Context, cfg deploy.Config) (account.Room, []string) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	return room.Ask(ctx, o.opener, cfg)
}

// fit solves until the clouds have room for the plan, and notes the zones that
// offer its machines. Accounts are compared before anything is read of them.
func (o *Orchestrator) fit(ctx context.Context, p *places.Places, l transfer.Listing, run *rundir.Run, s *saved) error {
	s.Accounts, s.Zones, s.Unasked = nil, nil, nil
	for !s.Overlay.Inside() {
		cfg, err := o.deployment(run, s)
		if err != nil {
			return err
		}
		if err := deploy.Check(cfg); err != nil {
			return &PreconditionError{Err: err}
		}
		if s.Accounts, err = o.pin(ctx, cfg.Layout); err != nil {
			return err
		}
		there, notes := o.room(ctx, cfg)
		s.Zones, s.Unasked = there.Zones, notes
		short := room.Lacking(cfg, there, p.Essential)
		if len(short.Why) == 0 {
			return nil
		}
		why := strings.Join(short.Why, "; ")
		more, news := room.Stricter(s.Lacking, short.Most)
		if s.again == maxReplans || !news {
			return &PreconditionError{Err: fmt.Errorf("the clouds have no room for the plan: %s", why), Hint: raiseHint}
		}
		o.again(run, s, more, why)
		if err := o.solve(ctx, p, l, s); err != nil {
			return &PreconditionError{Err: fmt.Errorf("the clouds have no room for the plan: %s; and there is no other: %w", why, plain{err}), Hint: raiseHint}
		}
	}
	return nil
}

// again notes, and says, that the plan is made anew for what is lacking.
func (o *Orchestrator) again(run *rundir.Run, s *saved, lacking map[region.Kind]int, why string) {
	s.again++
	s.Lacking = lacking
	o.begin(run, PhaseSolve, fmt.Sprintf("again, %d of at most %d times: %s", s.again, maxReplans, why))
}

// doWithout makes another plan after a cloud had no room for the attempt's, and
// tells whether there is one to go on with. If not, out has why.
func (a *attempt) doWithout(ctx context.Context, out *outcome) bool {
	refused, ok := errors.AsType[*deploy.RefusedError](out.err)
	if !ok || out.down != nil || ctx.Err() != nil {
		return false
	}
	// Chunks are counted by the routes of the plan that carried them.
	if carried, err := a.journal.Routes(ctx); err != nil || len(carried) > 0 {
		out.err = errors.Join(out.err, err)
		return false
	}
	err := a.planWithout(ctx, refused)
	stale := (*StaleError)(nil)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		out.err = &InterruptedError{Run: a.run.ID, Err: errors.New("stopped while another plan was made")}
	case errors.As(err, &stale):
		out.err = err
	default:
		out.err = &PreconditionError{Err: fmt.Errorf("%w; %w", out.err, plain{err}), Hint: raiseHint}
	}
	return err == nil
}

func (a *attempt) planWithout(ctx context.Context, refused *deploy.RefusedError) error {
	why := make([]string, len(refused.Refusals))
	for i, r := range refused.Refusals {
		why[i] = r.String()
	}
	a.refused, _ = room.Stricter(a.refused, room.Refused(refused, a.refused, a.places.Essential))
	lacking, news := room.Stricter(a.saved.Lacking, a.refused)
	if a.saved.again == maxReplans || !news {
		return fmt.Errorf("the plan was made anew %d times", a.saved.again)
	}
	counts, err := a.journal.Counts(ctx)
	if err != nil {
		return err
	}
	if a.agreed == nil {
		agreed := a.saved.Overlay.Cost.Total
		a.agreed = &agreed
	}
	next := *a.saved
	next.Request.Pareto, next.Pareto = false, nil // whoever asked has seen it
	a.o.again(a.run, &next, lacking, strings.Join(why, "; "))
	listing := transfer.Listing{Objects: counts.Listed, Bytes: counts.ListedBytes}
	if err := a.o.solve(ctx, a.places, listing, &next); err != nil {
		return fmt.Errorf("there is no other plan: %w", err)
	}
	if err := a.o.fit(ctx, a.places, listing, a.run, &next); err != nil {
		return err
	}
	switch total := next.Overlay.Cost.Total; {
	case next.Overlay.Inside():
		return errors.New("without them there is only the way through this workstation: skyctl cp --gateways 0 takes it")
	case total > mostOf(*a.agreed) && a.saved.Request.MaxCost == nil:
		return &StaleError{Run: a.run.ID, Reason: fmt.Sprintf("%s, and the plan without that costs %s instead of %s", strings.Join(why, "; "), total, *a.agreed)}
	}
	shown, err := os.ReadFile(a.run.Plan())
	if err != nil {
		return err
	}
	if _, err := a.o.settle(ctx, a.run, a.journal, &next); err != nil {
		return errors.Join(err, rundir.WriteFile(a.run.Plan(), shown)) // the plan stays the one that it was
	}
	a.saved = &next
	return nil
}

// plain is an error's text alone: what it would mean by itself is not what
// happened.
type plain struct{ err error }

func (p plain) Error() string { return p.err.Error() }
