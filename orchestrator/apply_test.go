package orchestrator

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/open"
	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/journal"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/places"
	"github.com/skyctl/skyctl/orchestrator/price"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/rundir"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// newRun is a run in a home of its own, with an empty journal.
func newRun(t *testing.T) (rundir.Home, *rundir.Run, *journal.Journal) {
	t.Helper()
	home, err := rundir.At(filepath.Join(t.TempDir(), "home"))
	if err != nil {
		t.Fatal(err)
	}
	run, err := home.Create(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	j, err := journal.Create(t.Context(), run.Journal())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return home, run, j
}

// begun is a run with one pending object, in the state that a killed skyctl left
// it in, from a directory that is not there.
func begun(t *testing.T, state State) (*Orchestrator, *attempt) {
	t.Helper()
	home, run, j := newRun(t)
	pending := journal.Object{Key: "a", Version: objstore.Version("1"), Deliveries: []journal.Delivery{{Key: "a", State: journal.Pending}}}
	if err := errors.Join(j.AddObject(pending), j.EndListing("x"), j.Set(keyState, string(state)), j.Flush(t.Context())); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := &saved{Request: Request{Copy: places.Copy{Source: filepath.Join(dir, "gone"), Dests: []string{filepath.Join(dir, "to")}, Recursive: true}}}
	if err := rundir.WriteJSON(savedFile(run), s); err != nil {
		t.Fatal(err)
	}
	o := &Orchestrator{Config: &config.Config{}, Env: os.LookupEnv, Home: home}
	return o, &attempt{o: o, run: run, saved: s, journal: j, start: time.Now()}
}

// TestResumeTellsOfGatewaysItDidNotReach: a killed skyctl left gateways, and the
// one that was to go on does not come that far.
func TestResumeTellsOfGatewaysItDidNotReach(t *testing.T) {
	for name, left := range map[string]bool{"there are some": true, "there were none": false} {
		t.Run(name, func(t *testing.T) {
			o, a := begun(t, StateInterrupted)
			if err := errors.Join(a.ledger().Rented(t.Context(), left), a.journal.Close()); err != nil { // another process opens it
				t.Fatal(err)
			}
			_, err := o.Resume(t.Context(), a.run.ID, ApplyOptions{})
			if _, ok := errors.AsType[*PreconditionError](err); !ok {
				t.Errorf("the source is not there, and the error is %v", err)
			}
			if _, rented := errors.AsType[*LeftoverError](err); rented != left {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

func TestUnfinished(t *testing.T) {
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	for name, tc := range map[string]struct {
		ctx         context.Context
		state       State
		interrupted bool
	}{
		"stopped":                        {stopped, StateInterrupted, true},
		"stopped before it was applied":  {stopped, "", false},
		"stopped when all was done":      {stopped, StateDone, false},
		"refused, and stopped by nobody": {t.Context(), StateInterrupted, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, a := begun(t, tc.state)
			err := a.unfinished(tc.ctx, &PreconditionError{Err: context.Canceled})
			if _, interrupted := errors.AsType[*InterruptedError](err); interrupted != tc.interrupted {
				t.Errorf("got %v", err)
			}
			if _, left := errors.AsType[*LeftoverError](err); left {
				t.Errorf("nothing was rented, and the error is %v", err)
			}
		})
	}
}

// TestAStalePlanIsNotGoneOnWith: what Apply refused is not carried out by Resume,
// which compares with nothing.
func TestAStalePlanIsNotGoneOnWith(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		want State
	}{
		"stale":             {&StaleError{}, ""},
		"stale, and a rest": {errors.Join(&StaleError{}, &LeftoverError{Err: os.ErrInvalid}), StateInterrupted},
		"refused":           {&PreconditionError{Err: os.ErrInvalid}, StateInterrupted},
		"well":              {nil, StateInterrupted},
	} {
		t.Run(name, func(t *testing.T) {
			_, a := begun(t, StateInterrupted)
			if err := a.planAgain(t.Context(), tc.err); !errors.Is(err, tc.err) {
				t.Errorf("%v became %v", tc.err, err)
			}
			if err := a.journal.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			if state, err := a.journal.Value(t.Context(), keyState); err != nil || State(state) != tc.want {
				t.Errorf("the run is %q, %v", state, err)
			}
		})
	}
}

func TestRepriced(t *testing.T) {
	planned := overlay.Overlay{Graph: overlay.Graph{
		Regions: []overlay.Region{{Region: "local:east", Gateways: 1, USDPerHour: 0.1 + 0.2}, {Region: "local:west", Gateways: 1}},
		Edges:   []overlay.Edge{{From: "local:east", To: "local:west", USDPerGB: 0.02}},
	}}
	pair := grid.Pair{From: "local:east", To: "local:west"}
	for name, tc := range map[string]struct {
		hour, gb unit.USD
		want     string
	}{
		"as it was":        {0.3, 0.02, ""},
		"another machine":  {0.31, 0.02, "a gateway in local:east costs $0.3100 an hour instead of $0.3000"},
		"another way":      {0.3, 0.05, "a GB from local:east to local:west costs $0.0500 instead of $0.0200"},
		"cheaper, as well": {0.3, 0, "a GB from local:east to local:west costs $0.00 instead of $0.0200"},
	} {
		book := price.New(map[grid.Pair]price.Price{pair: {USD: tc.gb}}, map[region.Region]price.Price{"local:east": {USD: tc.hour}})
		if got := repriced(&planned, book, unit.GB); got != tc.want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := repriced(&overlay.Overlay{}, price.New(nil, nil), unit.GB); got != "" {
		t.Errorf("without gateways: %q", got)
	}
}

// TestCancelSweeps: what a killed gateway left beside the files is gone with the
// run, and the source is not needed for that.
func TestCancelSweeps(t *testing.T) {
	o, a := begun(t, StateInterrupted)
	for run, left := range map[string]int{string(a.run.ID): 0, "another": 1} {
		to, err := open.Open(t.Context(), objstore.Config{Type: "file", Bucket: a.saved.Request.Dests[0], Run: run})
		if err != nil {
			t.Fatal(err)
		}
		defer to.Close()
		if _, err := to.Begin(t.Context(), "a", 1, objstore.Metadata{}); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if ups, err := to.Uploads(t.Context(), "a", time.Time{}); err != nil || len(ups) != left {
				t.Errorf("left of %s are %v, %v", run, ups, err)
			}
		}()
	}
	if err := errors.Join(a.journal.Count(journal.CounterSession, 1), a.journal.Close()); err != nil {
		t.Fatal(err)
	}
	if err := o.Cancel(t.Context(), a.run.ID); err != nil {
		t.Error(err)
	}
}
