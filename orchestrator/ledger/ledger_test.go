package ledger

import (
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/orchestrator/journal"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// TestJoinedCost: gateways that join are paid for from then on, whoever notes it
// next, and no longer than they live.
func TestJoinedCost(t *testing.T) {
	j, err := journal.Create(t.Context(), filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	planned := &overlay.Overlay{Graph: overlay.Graph{Regions: []overlay.Region{{Region: "local:a", Gateways: 1, USDPerHour: 1}, {Region: "local:c", Gateways: 1, USDPerHour: 1}}}}
	x := Ledger{Journal: j, Overlay: planned, Lifetime: time.Hour, Start: time.Now()}
	spent := func() unit.USD {
		t.Helper()
		if err := j.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		n, err := j.Counter(t.Context(), counterJoined)
		if err != nil {
			t.Fatal(err)
		}
		return unit.USD(float64(n) / nanoUSD)
	}
	ago := func(d time.Duration) { // as if the last note were older
		t.Helper()
		r, err := x.joinedRent(t.Context())
		if err == nil {
			err = j.Set(keyJoined, `{"since":"`+r.Since.Add(-d).Format(time.RFC3339Nano)+`","usd_per_hour":`+strings.TrimPrefix(r.USDPerHour.String(), "$")+`}`)
		}
		if err := errors.Join(err, j.Flush(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.join(t.Context(), 0); err != nil || spent() != 0 {
		t.Fatal(err, spent())
	}
	if v, err := j.Value(t.Context(), keyJoined); err != nil || v != "" {
		t.Errorf("a run that none joined has %q, %v", v, err)
	}
	if err := x.join(t.Context(), 6); err != nil {
		t.Fatal(err)
	}
	ago(30 * time.Minute)
	b, err := x.Bill(t.Context(), planned)
	if err != nil || math.Abs(float64(b.At(time.Now()))-3) > 0.01 || b.perHour != 8 {
		t.Errorf("after half an hour %v, %+v, %v", b.At(time.Now()), b, err)
	}
	if err := x.join(t.Context(), 12); err != nil || math.Abs(float64(spent())-3) > 0.01 {
		t.Errorf("%v, %v", spent(), err)
	}
	ago(100 * time.Hour) // it was killed; they lived for an hour
	if err := x.join(t.Context(), 0); err != nil || math.Abs(float64(spent())-15) > 0.01 {
		t.Errorf("%v, %v", spent(), err)
	}
	if r, err := x.joinedRent(t.Context()); err != nil || r.USDPerHour != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestBillable(t *testing.T) {
	l := Ledger{Lifetime: time.Hour}
	now := time.Now()
	for since, want := range map[time.Duration]time.Duration{-time.Minute: time.Minute, -3 * time.Hour: time.Hour, time.Hour: 0} {
		if got := l.billable(now.Add(since), now); got != want {
			t.Errorf("rented at %v: %v, want %v", since, got, want)
		}
	}
}
