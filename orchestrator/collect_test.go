package orchestrator

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/skyctl/skyctl/orchestrator/account"
	"github.com/skyctl/skyctl/orchestrator/gc"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/rundir"
)

// emptied is an account that notes what is deleted.
type emptied struct {
	account.Account
	mu  sync.Mutex
	ids []string
}

func (*emptied) Cloud() region.Cloud { return region.GCP }

func (e *emptied) Delete(_ context.Context, r account.Resource) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ids = append(e.ids, r.ID)
	return nil
}

// TestCollectLeavesARunThatWasTakenUpAgain, after what it left was found.
func TestCollectLeavesARunThatWasTakenUpAgain(t *testing.T) {
	home, err := rundir.At(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	busy, err := home.Create(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	idle, err := home.Create(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	lock, err := busy.Lock()
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()
	a := &emptied{}
	l := Leftovers{accounts: []account.Account{a}}
	for _, run := range []string{string(busy.ID), string(idle.ID), "261122-g3kd4f9q"} {
		for _, kind := range []string{"instance", "disk"} {
			l.Findings = append(l.Findings, gc.Finding{Resource: account.Resource{Cloud: region.GCP, Kind: kind, ID: kind + " of " + run, Run: run}})
		}
	}
	l.Findings = append(l.Findings, gc.Finding{Resource: account.Resource{Cloud: region.GCP, Kind: "instance", ID: "kept", Run: "261122-g3kd4f9r"}, Keep: "it is somebody's"})

	outcomes, err := (&Orchestrator{Home: home}).Collect(t.Context(), l)
	if remains, ok := errors.AsType[*RemainsError](err); !ok || remains.Left != 2 {
		t.Errorf("the error is %v", err)
	}
	slices.Sort(a.ids)
	want := []string{"disk of 261122-g3kd4f9q", "disk of " + string(idle.ID), "instance of 261122-g3kd4f9q", "instance of " + string(idle.ID)}
	if !slices.Equal(a.ids, want) || len(outcomes) != 6 {
		t.Errorf("deleted are %q of %d", a.ids, len(outcomes))
	}
	if held, err := idle.Held(); err != nil || held {
		t.Errorf("the other run is held: %t, %v", held, err)
	}
}
