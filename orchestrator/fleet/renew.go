package fleet

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
	find func(context.Context) (Settings, error) // what this workstation has now
	give func(context.Context, Settings) error   // to every gateway
	log  *slog.Logger
}

// Renewed runs do while the credentials that the gateways were given are renewed,
// by what find finds. Where they cannot be, the context of do ends before they do, so that
// the run stops resumable and no object fails for them.
func (f *Fleet) Renewed(ctx context.Context, find func(context.Context) (Settings, error), log *slog.Logger, do func(context.Context) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	var renewing sync.WaitGroup
	defer renewing.Wait()
	defer stop(nil)
	r := renewal{find: find, give: f.renew, log: log}
	renewing.Go(func() {
		if err := r.run(ctx, f.Told().expires()); err != nil {
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
func (s Settings) expires() (first time.Time) {
	for _, c := range append([]objstore.Config{s.Source}, s.Dests...) {
		if !c.Expires.IsZero() && (first.IsZero() || c.Expires.Before(first)) {
			first = c.Expires
		}
	}
	return first
}

// renew gives every gateway the credentials of its stores anew. One that comes
// up later gets them with its configuration.
func (f *Fleet) renew(ctx context.Context, s Settings) error {
	f.mu.Lock()
	f.told = s
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
