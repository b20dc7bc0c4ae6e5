package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/sync/errgroup"

	"github.com/skyctl/skyctl/agent/objstore"
)

// expired is how long before delegated credentials end a run that cannot renew
// them is stopped: what is under way needs them to finish.
const expired = 2 * time.Minute

// renewal keeps the gateways in credentials.
type renewal struct {
	find func(context.Context) (settings, error) // what this workstation has now
	give func(context.Context, settings) error   // to every gateway
	log  *slog.Logger
}

// renewed runs do while the credentials that the gateways were given are
// renewed. Where they cannot be, the context of do ends before they do, so that
// the run stops resumable and no object fails for them.
func (a *attempt) renewed(ctx context.Context, do func(context.Context) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	var renewing sync.WaitGroup
	defer renewing.Wait()
	defer stop(nil)
	r := renewal{find: a.settings, give: a.fleet.renew, log: a.o.Debug}
	renewing.Go(func() {
		if err := r.run(ctx, a.fleet.told().expires()); err != nil {
			stop(fmt.Errorf("the credentials of a store end soon and cannot be renewed: %w", err))
		}
	})
	return do(ctx)
}

// run renews credentials that end at ends, each time at half of what is left of
// them, and returns nil when ctx ends or they never do.
func (r renewal) run(ctx context.Context, ends time.Time) error {
	why := errors.New("what is found here does not last longer")
	for !ends.IsZero() {
		left := time.Until(ends)
		if left < expired {
			return why
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(min(left/2, left-expired/2)):
		}
		told, err := r.find(ctx)
		switch {
		case err != nil:
			why = err
			r.log.Warn("find new credentials of the stores", "error", err)
		case told.expires().IsZero() || told.expires().After(ends):
			// A gateway that is being replaced answers again by and by.
			_, err := backoff.Retry(ctx, func() (struct{}, error) { return struct{}{}, r.give(ctx, told) },
				backoff.WithMaxElapsedTime(left/2-expired/2))
			if err != nil && ctx.Err() == nil {
				return err
			}
			ends = told.expires()
		}
	}
	return nil
}

// expires is when the first credentials end, zero if none do.
func (s settings) expires() (first time.Time) {
	for _, c := range append([]objstore.Config{s.source}, s.dests...) {
		if !c.Expires.IsZero() && (first.IsZero() || c.Expires.Before(first)) {
			first = c.Expires
		}
	}
	return first
}

// renew gives every gateway the credentials of its stores anew. One that comes
// up later gets them with its configuration.
func (f *fleet) renew(ctx context.Context, s settings) error {
	f.mu.Lock()
	f.settings = s
	f.mu.Unlock()
	g, gctx := errgroup.WithContext(ctx)
	for _, name := range f.names() {
		if stores := f.config(name).Stores; len(stores) > 0 {
			g.Go(func() error {
				if err := f.API(name).Renew(gctx, stores); err != nil {
					return fmt.Errorf("renew the credentials of %s: %w", name, err)
				}
				return nil
			})
		}
	}
	return g.Wait()
}
