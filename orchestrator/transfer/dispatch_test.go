package transfer

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
)

// TestReadersLearnHowMuchIsBehindAChunk: a chunk that is tried again does not
// count twice.
func TestReadersLearnHowMuchIsBehindAChunk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 1, 1000, 1000, 5500)
		var mu sync.Mutex
		behind := map[int64]bool{}
		b.faults.fail = func(_ *rand.Rand, a control.Assignment, _ route.Dest, _ int) *control.Failure {
			mu.Lock()
			defer mu.Unlock()
			behind[a.Behind] = true
			if a.Chunk.Index == 0 && a.Attempt%attemptsPerSession == 0 {
				return &control.Failure{Stage: control.StageRoute, Kind: objstore.KindTransient, Message: "once"}
			}
			return nil
		}
		r, err := Run(t.Context(), b.config())
		if err != nil {
			t.Fatal(err)
		}
		b.finished(r)
		for _, want := range []int64{6500, 5500, 4500, 3500, 2500, 1500, 500, 0} {
			if !behind[want] {
				t.Errorf("no chunk with %d bytes behind it: %v", want, behind)
			}
		}
		if len(behind) != 8 || r.Retries == 0 {
			t.Errorf("%d retries, behind %v", r.Retries, behind)
		}
	})
}

// TestAFullReaderIsWaitedFor: each reader leads to one destination only and
// takes one chunk at a time, so that most chunks find theirs full while the
// other has room.
func TestAFullReaderIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 2, sizes(40, 2500)...)
		b.split()
		cfg := b.config()
		for i := range cfg.Readers {
			r := &cfg.Readers[i]
			r.Window.Chunks = 1
			var own []control.Route
			for _, rt := range r.Routes {
				if rt.Tree.Dests()[0] == route.Dest(i%2) {
					own = append(own, rt)
				}
			}
			r.Routes = own
		}
		if len(cfg.Readers) < 2 {
			t.Fatal("one reader shows nothing")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		r, err := Run(ctx, cfg)
		if err != nil || r.Counts.Done != 40 {
			t.Errorf("%v, %+v", err, r.Counts)
		}
	})
}
