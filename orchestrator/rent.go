package orchestrator

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/skyctl/skyctl/orchestrator/deploy"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// rented counts the time for which the run's gateways have been rented until
// now, and notes whether they still are. The note is in the journal before the
// first gateway exists, so that the time is also known of a run whose process
// was killed. Gateways end themselves, so it is never longer than they live.
// What those that joined the run have cost is counted by itself.
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
		if err := a.journal.Count(counterRented, int64(a.billable(since, now))); err != nil {
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
	perHour := unit.USD(0)
	if still {
		_, perHour = hourly(&a.saved.Overlay)
	}
	return a.joinedCost(ctx, perHour)
}

// billable is how long gateways that were rented at a time have been paid for. The
// clock of this workstation may have been set back since.
func (a *attempt) billable(since, now time.Time) time.Duration {
	return min(max(0, now.Sub(since)), deploy.Lifetime(a.saved.Overlay.Time.Total()))
}

// joinedRent is what the gateways that joined a run cost an hour, since a time.
type joinedRent struct {
	Since      time.Time `json:"since"`
	USDPerHour unit.USD  `json:"usd_per_hour"`
}

// nanoUSD is the unit in which the journal counts money.
const nanoUSD = 1e9

// joinedCost counts what gateways that joined the run have cost until now, and
// notes what they cost an hour from now on: before the first of them exists.
func (a *attempt) joinedCost(ctx context.Context, perHour unit.USD) error {
	was, err := a.joinedRent(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	if was.USDPerHour == 0 && perHour == 0 {
		return a.journal.Flush(ctx)
	}
	usd := float64(was.USDPerHour) * a.billable(was.Since, now).Hours()
	b, err := json.Marshal(joinedRent{now.UTC(), perHour})
	if err != nil {
		return err
	}
	if err := a.journal.Count(counterJoined, int64(usd*nanoUSD)); err != nil {
		return err
	}
	if err := a.journal.Set(keyJoined, string(b)); err != nil {
		return err
	}
	return a.journal.Flush(ctx)
}

// joinedRent is what was noted last.
func (a *attempt) joinedRent(ctx context.Context) (r joinedRent, err error) {
	noted, err := a.journal.Value(ctx, keyJoined)
	if err != nil || noted == "" {
		return r, err
	}
	if err := json.Unmarshal([]byte(noted), &r); err != nil {
		return r, fmt.Errorf("the journal's %s: %w", keyJoined, err)
	}
	return r, nil
}

// hourly is what an overlay's gateways cost an hour: those of its plan, and those
// that joined the run.
func hourly(o *overlay.Overlay) (planned, joined unit.USD) {
	for _, r := range o.Regions {
		usd := unit.USD(r.Gateways) * r.USDPerHour
		if r.Joined > 0 {
			joined += usd
		} else {
			planned += usd
		}
	}
	return planned, joined
}

// bill is what a run's machines have cost by a time, and cost an hour from then on.
type bill struct {
	spent, perHour unit.USD
	by             time.Time
}

// at is what they have cost by another time.
func (b bill) at(t time.Time) unit.USD {
	return b.spent + unit.USD(t.Sub(b.by).Hours())*b.perHour
}

// bill reads what the gateways of an overlay have cost by now, as if those of its
// plan had been rented since the attempt began.
func (a *attempt) bill(ctx context.Context, o *overlay.Overlay) (bill, error) {
	rented, err := a.journal.Counter(ctx, counterRented)
	if err != nil {
		return bill{}, err
	}
	counted, err := a.journal.Counter(ctx, counterJoined)
	if err != nil {
		return bill{}, err
	}
	joining, err := a.joinedRent(ctx)
	if err != nil {
		return bill{}, err
	}
	now := time.Now()
	planned, _ := hourly(o)
	b := bill{by: now, perHour: planned + joining.USDPerHour}
	b.spent = unit.USD((time.Duration(rented) + now.Sub(a.start)).Hours()) * planned
	b.spent += unit.USD(float64(counted) / nanoUSD)
	if joining.USDPerHour > 0 {
		b.spent += joining.USDPerHour * unit.USD(a.billable(joining.Since, now).Hours())
	}
	return b, nil
}
