package gc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/sync/errgroup"

	"github.com/skyctl/skyctl/orchestrator/account"
	"github.com/skyctl/skyctl/orchestrator/region"
)

// Patience says how long a thing is tried that something else still holds.
type Patience struct {
	Pause time.Duration // before the second attempt, growing from there; 0: 2 s
	Total time.Duration // for all that is of one run in one cloud; 0: 10 min
}

const (
	defaultPause = 2 * time.Second
	defaultTotal = 10 * time.Minute
	// atOnce is how many things of one rank go at the same time.
	atOnce = 8
)

// Outcome is what became of a finding that was to be deleted.
type Outcome struct {
	Finding
	Err error // nil: it is gone
}

// Delete deletes the findings that nothing keeps. What is of one run in one
// cloud goes in the order of its ranks, for the earlier holds the later; each
// thing of it is tried, also after another could not be deleted, but then waited
// for no longer. Different runs and clouds do not wait for each other.
func Delete(ctx context.Context, accounts []account.Account, findings []Finding, p Patience) []Outcome {
	by := map[region.Cloud]account.Account{}
	for _, a := range accounts {
		by[a.Cloud()] = a
	}
	type place struct {
		cloud region.Cloud
		run   string
	}
	places := map[place][]Finding{}
	for _, f := range findings {
		if f.Keep == "" {
			at := place{f.Cloud, f.Run}
			places[at] = append(places[at], f)
		}
	}
	var (
		mu       sync.Mutex
		wg       sync.WaitGroup
		outcomes []Outcome
	)
	for at, some := range places {
		wg.Go(func() {
			for _, o := range inOrder(ctx, by[at.cloud], some, p) {
				mu.Lock()
				outcomes = append(outcomes, o)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return outcomes
}

// inOrder deletes one run's things of one cloud, rank by rank.
func inOrder(ctx context.Context, a account.Account, findings []Finding, p Patience) []Outcome {
	until := time.Now().Add(cmp.Or(p.Total, defaultTotal))
	ranks := map[int][]Finding{}
	last := 0
	for _, f := range findings {
		ranks[f.Rank] = append(ranks[f.Rank], f)
		last = max(last, f.Rank)
	}
	var outcomes []Outcome
	for rank := 0; rank <= last; rank++ {
		these := make([]Outcome, len(ranks[rank]))
		var group errgroup.Group
		group.SetLimit(atOnce)
		for i, f := range ranks[rank] {
			group.Go(func() error {
				these[i] = Outcome{Finding: f, Err: persist(ctx, a, f.Resource, cmp.Or(p.Pause, defaultPause), until)}
				return nil
			})
		}
		// No function of the group fails: each says in its outcome how it went.
		_ = group.Wait()
		outcomes = append(outcomes, these...)
		if slices.ContainsFunc(these, func(o Outcome) bool { return o.Err != nil }) {
			until = time.Now() // what it holds will be held
		}
	}
	return outcomes
}

// persist tries until nothing holds the thing any more, or the time is over. It
// tries once in any case.
func persist(ctx context.Context, a account.Account, r account.Resource, pause time.Duration, until time.Time) error {
	growing := backoff.NewExponentialBackOff()
	growing.InitialInterval = pause
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := a.Delete(ctx, r)
		var busy *account.BusyError
		if err != nil && !errors.As(err, &busy) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(growing), backoff.WithMaxElapsedTime(max(time.Until(until), time.Nanosecond)))
	if err != nil {
		return fmt.Errorf("%s %s: %w", r.Kind, r.ID, err)
	}
	return nil
}
