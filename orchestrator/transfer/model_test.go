package transfer

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/journal"
)

// TestAnyFaults runs transfers under random faults, with sessions that are
// stopped and sessions that are killed, until one ends, and checks the
// invariants: whatever happened, listed = done + skipped + failed, what is
// done is at the destination byte for byte, and no staged write is left.
func TestAnyFaults(t *testing.T) {
	seeds := 60
	if testing.Short() {
		seeds = 15
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { anyFaults(t, uint64(seed)) })
		})
	}
}

func anyFaults(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 7))
	var sizes []int
	for range 5 + rng.IntN(60) {
		sizes = append(sizes, rng.IntN(4)*rng.IntN(6000))
	}
	b := newBench(t, 1+rng.IntN(3), sizes...)
	if rng.IntN(3) == 0 {
		b.split()
	}
	b.rng = rand.New(rand.NewPCG(seed, 8))
	b.faults = faults{
		lostAck:    0.05 * float64(rng.IntN(3)),
		duplicate:  0.3,
		call:       0.05 * float64(rng.IntN(3)),
		breakAfter: 0.05 * float64(rng.IntN(3)),
		swallow:    0.002 * float64(rng.IntN(2)),
		fail:       randomFailures(0.04 * float64(rng.IntN(4))),
	}
	for _, d := range b.dsts {
		d.noList = rng.IntN(3) == 0
	}
	crashed := false
	for session := 0; ; session++ {
		if session == 40 {
			t.Fatal("the run does not end")
		}
		r, err, killed := b.anySession(rng, session)
		if killed {
			crashed = true
			continue
		}
		if c := r.Counts; c.Listed != c.Done+c.Skipped+c.Failed+c.Pending || c.Listed != int64(len(sizes)) {
			t.Fatalf("session %d: %+v", session, c)
		}
		if err == nil {
			b.final(r, crashed)
			return
		}
		var stopped *Interrupted
		if !errors.As(err, &stopped) {
			t.Fatalf("session %d: %v", session, err)
		}
	}
}

// final is finished, but for what a kill between Begin at the store and its
// record in the journal leaves behind, as only the store knows of that; and
// but for attempts that a session made after its snapshot was taken, as it was
// not really killed.
func (b *bench) final(r Result, crashed bool) {
	if crashed {
		clear(b.tried)
		for _, d := range b.dsts {
			clear(d.staged)
		}
	}
	b.finished(r)
}

// anySession runs one session with fresh agents, some of which die, and stops
// or kills it at a random time.
func (b *bench) anySession(rng *rand.Rand, session int) (r Result, err error, killed bool) {
	b.configure(b.names...)
	ctx, cancel := context.WithCancelCause(b.t.Context())
	defer cancel(nil)
	ended := make(chan struct{})
	defer close(ended)
	for range rng.IntN(3) {
		victim, when := b.names[rng.IntN(len(b.names))], time.Duration(rng.IntN(400))*time.Millisecond
		hang := rng.IntN(3) == 0
		go func() {
			select {
			case <-time.After(when):
				if hang {
					b.API(victim).(*fakeAgent).hang()
				} else {
					b.kill(victim)
				}
			case <-ended:
			}
		}()
	}
	crash := make(chan string, 1)
	if how := rng.IntN(4); how > 0 && session < 20 {
		when := time.Duration(rng.IntN(500)) * time.Millisecond
		go func() {
			select {
			case <-time.After(when):
				if how == 1 {
					crash <- b.snapshot(session)
				}
				cancel(errCtrlC)
			case <-ended:
			}
		}()
	}
	r, err = Run(ctx, b.config())
	select {
	case path := <-crash:
		b.reopen(path)
		return r, err, true
	default:
		return r, err, false
	}
}

// snapshot copies what is committed in the journal, which is what kill -9 would
// leave at this instant. Whatever the session still does at the stores
// afterwards is what agents do that outlive skyctl.
func (b *bench) snapshot(session int) string {
	to := filepath.Join(filepath.Dir(b.path), fmt.Sprint("crash", session, ".db"))
	db, err := sql.Open("sqlite", b.path)
	if err == nil {
		_, err = db.Exec("VACUUM INTO ?", to)
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		b.t.Error(err)
	}
	return to
}

func (b *bench) reopen(path string) {
	b.t.Helper()
	err := b.journal.Close()
	if err != nil {
		b.t.Fatal(err)
	}
	b.path = path
	if b.journal, err = journal.Open(b.t.Context(), path); err != nil {
		b.t.Fatal(err)
	}
}

// randomFailures fails a share p of the writes in any way, now and then for
// good.
func randomFailures(p float64) func(*rand.Rand, control.Assignment, route.Dest, int) *control.Failure {
	kinds := []objstore.Kind{
		objstore.KindUnknown, objstore.KindThrottled, objstore.KindTransient, objstore.KindCorrupt, objstore.KindUnreachable,
	}
	stages := []control.Stage{control.StageRead, control.StageRoute, control.StageWrite}
	return func(rng *rand.Rand, _ control.Assignment, _ route.Dest, _ int) *control.Failure {
		if rng.Float64() >= p {
			return nil
		}
		f := &control.Failure{Stage: stages[rng.IntN(3)], Kind: kinds[rng.IntN(len(kinds))], Message: "chance"}
		if rng.IntN(30) == 0 {
			f.Stage, f.Kind = control.StageWrite, objstore.KindPermission
		}
		return f
	}
}
