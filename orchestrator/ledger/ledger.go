package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/skyctl/skyctl/orchestrator/journal"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// Ledger is the account of one run that a process works on.
type Ledger struct {
	Journal  *journal.Journal
	Overlay  *overlay.Overlay // by which the run is paid for
	Lifetime time.Duration    // of its gateways
	Start    time.Time        // of the process's work
}

// Keys of the journal that this package keeps.
const (
	counterRented  = "rented_ns"    // from the start of an apply to the end of its destroy, of the plan's gateways
	keyRentedSince = "rented_since" // when counterRented was last brought up to date, if gateways are rented
	counterJoined  = "joined_nusd"  // what gateways that joined the run have cost, in 1e-9 USD, until keyJoined
	keyJoined      = "joined"       // a joinedRent, once some have
)

// Rented counts the time for which the run's gateways have been rented until
// now, and notes whether they still are. The note is in the journal before the
// first gateway exists, so that the time is also known of a run whose process
// was killed. Gateways end themselves, so it is never longer than they live.
// What those that joined the run have cost is counted by itself.
func (l Ledger) Rented(ctx context.Context, still bool) error {
	if err := l.Journal.Flush(ctx); err != nil {
		return err
	}
	noted, err := l.Journal.Value(ctx, keyRentedSince)
	if err != nil {
		return err
	}
	now := time.Now()
	if noted != "" {
		since, err := time.Parse(time.RFC3339Nano, noted)
		if err != nil {
			return fmt.Errorf("the journal's %s: %w", keyRentedSince, err)
		}
		if err := l.Journal.Count(counterRented, int64(l.billable(since, now))); err != nil {
			return err
		}
	}
	noted = ""
	if still {
		noted = now.Format(time.RFC3339Nano)
	}
	if err := l.Journal.Set(keyRentedSince, noted); err != nil {
		return err
	}
	perHour := unit.USD(0)
	if still {
		_, perHour = hourly(l.Overlay)
	}
	return l.join(ctx, perHour)
}

// billable is how long gateways that were rented at a time have been paid for. The
// clock of this workstation may have been set back since.
func (l Ledger) billable(since, now time.Time) time.Duration {
	return min(max(0, now.Sub(since)), l.Lifetime)
}

// TimeRented is how long the gateways of the plan have been rented, as was counted
// last.
func (l Ledger) TimeRented(ctx context.Context) (time.Duration, error) {
	ns, err := l.Journal.Counter(ctx, counterRented)
	return time.Duration(ns), err
}

// Renting tells whether gateways may be rented, as was noted last.
func (l Ledger) Renting(ctx context.Context) (bool, error) {
	since, err := l.Journal.Value(ctx, keyRentedSince)
	return since != "", err
}

// Actual is what a run has cost beside requests, by the plan's prices.
func (l Ledger) Actual(ctx context.Context, at *layout.Layout, carried map[journal.RouteKey]int64) (unit.USD, error) {
	rented, err := l.TimeRented(ctx)
	if err != nil {
		return 0, err
	}
	joined, err := l.Journal.Counter(ctx, counterJoined)
	if err != nil {
		return 0, err
	}
	planned, _ := hourly(l.Overlay)
	return Egress(at, carried) + planned*unit.USD(rented.Hours()) + unit.USD(float64(joined)/nanoUSD), nil
}

// joinedRent is what the gateways that joined a run cost an hour, since a time.
type joinedRent struct {
	Since      time.Time `json:"since"`
	USDPerHour unit.USD  `json:"usd_per_hour"`
}

// nanoUSD is the unit in which the journal counts money.
const nanoUSD = 1e9

// Join notes that gateways join the run, which then has those of an overlay, before
// the first of them exists.
func (l Ledger) Join(ctx context.Context, o *overlay.Overlay) error {
	_, perHour := hourly(o)
	return l.join(ctx, perHour)
}

// join counts what gateways that joined the run have cost until now, and notes
// what they cost an hour from now on.
func (l Ledger) join(ctx context.Context, perHour unit.USD) error {
	was, err := l.joinedRent(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	if was.USDPerHour == 0 && perHour == 0 {
		return l.Journal.Flush(ctx)
	}
	usd := float64(was.USDPerHour) * l.billable(was.Since, now).Hours()
	b, err := json.Marshal(joinedRent{now.UTC(), perHour})
	if err != nil {
		return err
	}
	if err := l.Journal.Count(counterJoined, int64(usd*nanoUSD)); err != nil {
		return err
	}
	if err := l.Journal.Set(keyJoined, string(b)); err != nil {
		return err
	}
	return l.Journal.Flush(ctx)
}

// joinedRent is what was noted last.
func (l Ledger) joinedRent(ctx context.Context) (r joinedRent, err error) {
	noted, err := l.Journal.Value(ctx, keyJoined)
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

// Bill is what a run's machines have cost by a time, and cost an hour from then on.
type Bill struct {
	spent, perHour unit.USD
	by             time.Time
}

// At is what they have cost by another time.
func (b Bill) At(t time.Time) unit.USD {
	return b.spent + unit.USD(t.Sub(b.by).Hours())*b.perHour
}

// Bill reads what the gateways of an overlay have cost by now, as if those of its
// plan had been rented since this process began.
func (l Ledger) Bill(ctx context.Context, o *overlay.Overlay) (Bill, error) {
	rented, err := l.TimeRented(ctx)
	if err != nil {
		return Bill{}, err
	}
	counted, err := l.Journal.Counter(ctx, counterJoined)
	if err != nil {
		return Bill{}, err
	}
	joining, err := l.joinedRent(ctx)
	if err != nil {
		return Bill{}, err
	}
	now := time.Now()
	planned, _ := hourly(o)
	b := Bill{by: now, perHour: planned + joining.USDPerHour}
	b.spent = unit.USD((rented + now.Sub(l.Start)).Hours()) * planned
	b.spent += unit.USD(float64(counted) / nanoUSD)
	if joining.USDPerHour > 0 {
		b.spent += joining.USDPerHour * unit.USD(l.billable(joining.Since, now).Hours())
	}
	return b, nil
}
