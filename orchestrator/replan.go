package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/skyctl/skyctl/orchestrator/deploy"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/rundir"
	"github.com/skyctl/skyctl/orchestrator/transfer"
)

// A cloud may have no room for a plan although its quotas say so: no machines of
// a type are left, in any zone. Then what was created is destroyed, the planner
// is asked again, and what it answers is carried out, if it costs about what was
// agreed to.

// maxReplans is how often the planner is asked again because a cloud has no
// room.
const maxReplans = 3

// refusedMost is what a plan is to do without after Terraform was refused:
// machines of a type, or a region in which another type was refused before. A
// region that the transfer cannot do without stays.
func refusedMost(refused *deploy.RefusedError, known map[region.Kind]int, ends func(region.Region) bool) map[region.Kind]int {
	most := map[region.Kind]int{}
	for _, r := range refused.Refusals {
		again := slices.ContainsFunc(slices.Collect(maps.Keys(known)), func(k region.Kind) bool { return k.Region == r.Region && k.Machine != "" && known[k] == 0 })
		if r.Machine == "" || again && !ends(r.Region) {
			most[region.Kind{Region: r.Region}] = 0
			continue
		}
		most[region.Kind{Region: r.Region, Machine: r.Machine}] = 0
	}
	return most
}

// replan makes another plan after a cloud had no room for the attempt's, and
// tells whether there is one to go on with. If not, out has why.
func (a *attempt) replan(ctx context.Context, out *outcome) bool {
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
	a.refused, _ = stricter(a.refused, refusedMost(refused, a.refused, a.places.essential))
	lacking, news := stricter(a.saved.Lacking, a.refused)
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
