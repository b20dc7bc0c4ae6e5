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

// Cancel aborts every staged write that the journal knows of, so that the run
// leaves no parts behind, and returns how many. What cannot be aborted stays
// in the journal for another Cancel, and its error is among those returned.
func Cancel(ctx context.Context, cfg CancelConfig) (aborted int, err error) {
	if err := cfg.Journal.Flush(ctx); err != nil {
		return 0, err
	}
	var failures []error
	err = eachStaged(ctx, cfg.Journal, func(page []journal.StagedDelivery) error {
		errs := make([]error, len(page))
		var group errgroup.Group
		group.SetLimit(abortsAtOnce)
		for i, d := range page {
			group.Go(func() error {
				errs[i] = cfg.abort(ctx, d)
				return nil
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
		for _, err := range errs {
			if err != nil {
				failures = append(failures, err)
			} else {
				aborted++
			}
		}
		if len(failures) > abortsThatMayFail {
			return errors.New("too many of the staged writes cannot be aborted")
		}
		return ctx.Err()
	})
	return aborted, errors.Join(errors.Join(failures...), err, cfg.Journal.Flush(context.WithoutCancel(ctx)))
}

// abort aborts one staged write at any writer of its destination.
func (cfg CancelConfig) abort(ctx context.Context, d journal.StagedDelivery) error {
	if int(d.Dest) >= len(cfg.Dests) {
		return fmt.Errorf("abort %s: the run has no destination %d", d.Upload.Key, d.Dest)
	}
	dest := cfg.Dests[d.Dest]
	turn := int(d.Object)
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		api := cfg.Fleet.API(dest.Writers[turn%len(dest.Writers)])
		turn++
		err := api.Abort(ctx, control.UploadRequest{Store: dest.Store, Upload: d.Upload})
		if err != nil && !objstore.KindOf(err).Retryable() {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithMaxElapsedTime(abortPatience))
	if err != nil {
		return fmt.Errorf("abort the upload of %s at destination %d: %w", d.Upload.Key, d.Dest, err)
	}
	return cfg.Journal.Unstage(d.Object, d.Dest)
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
