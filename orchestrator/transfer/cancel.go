package transfer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/sync/errgroup"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/journal"
)

const (
	abortPage         = 256
	abortsAtOnce      = 16
	abortPatience     = time.Minute // for one upload, retries included
	abortsThatMayFail = 20          // before Cancel takes it that none will succeed
)

// CancelConfig is what Cancel needs. The agents of all writers have been given
// a new session by the caller, so that no part of an earlier one is in flight.
type CancelConfig struct {
	Journal *journal.Journal
	Fleet   Fleet // only API is used
	Dests   []Dest
}

// Cancel aborts every staged write that the journal knows of, and those that a
// crash left between their beginning and their record, so that the run leaves
// no parts behind. What cannot be aborted stays in the journal for another
// Cancel, and its error is among those returned.
func Cancel(ctx context.Context, cfg CancelConfig) error {
	if err := cfg.Journal.Flush(ctx); err != nil {
		return err
	}
	a := aborter{CancelConfig: cfg}
	err := eachStaged(ctx, cfg.Journal, func(page []journal.StagedDelivery) error {
		return each(ctx, &a, page, a.abort)
	})
	if err == nil {
		err = eachOpened(ctx, cfg.Journal, func(page []journal.OpenedDelivery) error {
			return each(ctx, &a, page, a.abortOpened)
		})
	}
	return errors.Join(errors.Join(a.failures...), err, cfg.Journal.Flush(context.WithoutCancel(ctx)))
}

type aborter struct {
	CancelConfig
	failures []error
}

// each aborts what one page of the journal names, several at once. It fails
// when too much cannot be aborted.
func each[D any](ctx context.Context, a *aborter, page []D, abort func(context.Context, D) error) error {
	errs := make([]error, len(page))
	var group errgroup.Group
	group.SetLimit(abortsAtOnce)
	for i, d := range page {
		group.Go(func() error {
			errs[i] = abort(ctx, d)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, err := range errs {
		if err != nil {
			a.failures = append(a.failures, err)
		}
	}
	if len(a.failures) > abortsThatMayFail {
		return errors.New("too many of the staged writes cannot be aborted")
	}
	return ctx.Err()
}

// abort aborts one staged write.
func (a *aborter) abort(ctx context.Context, d journal.StagedDelivery) error {
	err := a.ask(ctx, d.Dest, d.Upload.Key, d.Object, func(api control.API, store string) error {
		return api.Abort(ctx, control.UploadRequest{Store: store, Upload: d.Upload})
	})
	if err != nil {
		return err
	}
	return a.Journal.Unstage(d.Object, d.Dest)
}

// abortOpened aborts what may have been begun of an object without a record.
func (a *aborter) abortOpened(ctx context.Context, d journal.OpenedDelivery) error {
	return a.ask(ctx, d.Dest, d.Key, d.Object, func(api control.API, store string) error {
		return abortUnknown(ctx, api, store, d.Key, d.Opened)
	})
}

// ask does something at any writer of a destination, patiently.
func (a *aborter) ask(ctx context.Context, number route.Dest, key string, object int64, do func(api control.API, store string) error) error {
	if int(number) >= len(a.Dests) {
		return fmt.Errorf("abort %s: the run has no destination %d", key, number)
	}
	dest := a.Dests[number]
	turn := int(object)
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		api := a.Fleet.API(dest.Writers[turn%len(dest.Writers)])
		turn++
		err := do(api, dest.Store)
		if err != nil && !objstore.KindOf(err).Retryable() {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithMaxElapsedTime(abortPatience))
	if err != nil {
		return fmt.Errorf("abort the upload of %s at destination %d: %w", key, number, err)
	}
	return nil
}

// eachStaged calls f with the staged writes of the journal in pages.
func eachStaged(ctx context.Context, j *journal.Journal, f func([]journal.StagedDelivery) error) error {
	last := journal.StagedDelivery{Object: -1}
	for {
		page, err := j.Staged(ctx, last.Object, last.Dest, abortPage)
		if err != nil || len(page) == 0 {
			return err
		}
		if err := f(page); err != nil {
			return err
		}
		last = page[len(page)-1]
	}
}

// eachOpened calls f with the deliveries that may have unrecorded staged writes,
// in pages.
func eachOpened(ctx context.Context, j *journal.Journal, f func([]journal.OpenedDelivery) error) error {
	last := journal.OpenedDelivery{Object: -1}
	for {
		page, err := j.Opened(ctx, last.Object, last.Dest, abortPage)
		if err != nil || len(page) == 0 {
			return err
		}
		if err := f(page); err != nil {
			return err
		}
		last = page[len(page)-1]
	}
}

// sweep aborts what an earlier session staged, failed, and had no time to
// abort.
func (s *scheduler) sweep() {
	s.calls.open++ // the session does not end before it
	s.spawn(func() {
		var left []journal.StagedDelivery
		err := eachStaged(s.ctx, s.cfg.Journal, func(page []journal.StagedDelivery) error {
			for _, d := range page {
				if d.State == journal.Failed {
					left = append(left, d)
				}
			}
			return nil
		})
		s.post(func() {
			s.calls.open--
			if err != nil {
				s.interrupt("the journal cannot be read", err)
				return
			}
			for _, d := range left {
				s.abort(nil, d.Object, d.Dest, d.Upload, func(error) {})
			}
		})
	})
}
