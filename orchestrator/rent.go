package orchestrator

import (
	"context"
	"fmt"
	"time"

	"github.com/skyctl/skyctl/orchestrator/deploy"
)

// rented counts the time for which the run's gateways have been rented until
// now, and notes whether they still are. The note is in the journal before the
// first gateway exists, so that the time is also known of a run whose process
// was killed. Gateways end themselves, so it is never longer than they live.
func (a *attempt) rented(ctx context.Context, still bool) error {
	if err := a.journal.Flush(ctx); err != nil {
		return err
	}
	noted, err := a.journal.Value(ctx, keyRentedSince)
	if err != nil {
		return err
	}
	now := time.Now()
	if noted != "" {
		since, err := time.Parse(time.RFC3339Nano, noted)
		if err != nil {
			return fmt.Errorf("the journal's %s: %w", keyRentedSince, err)
		}
		most := deploy.Lifetime(a.saved.Overlay.Time.Total())
		if err := a.journal.Count(counterRented, int64(min(now.Sub(since), most))); err != nil {
			return err
		}
	}
	noted = ""
	if still {
		noted = now.Format(time.RFC3339Nano)
	}
	if err := a.journal.Set(keyRentedSince, noted); err != nil {
		return err
	}
	return a.journal.Flush(ctx)
}
