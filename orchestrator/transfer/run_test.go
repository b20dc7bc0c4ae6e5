package transfer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
)

func TestRunMovesEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 2, 0, 1, 999, 1000, 1001, 5500, 20_000, 0)
		r, err := Run(t.Context(), b.config())
		if err != nil {
			t.Fatal(err)
		}
		b.finished(r)
		if r.Counts.Done != 8 || r.Counts.DoneBytes != 28_501 || r.Retries != 0 || r.ResumedChunks != 0 || r.Transfer <= 0 {
			t.Errorf("%+v", r)
		}
		var moved int64
		for _, n := range r.Routes {
			moved += n
		}
		if moved != 2*28_501 {
			t.Errorf("routes moved %d bytes", moved)
		}
		o, err := b.dsts[1].Stat(t.Context(), "dst/005")
		if err != nil || o.Metadata.ContentType != "text/5500" {
			t.Errorf("metadata %+v, %v", o.Metadata, err)
		}
		if n := b.count(EventObject); n != 8 {
			t.Errorf("%d object events", n)
		}

		// Once more: there is nothing to do, and nothing is done.
		b.sent = map[chunk.ID]int{}
		b.configure(b.names...)
		again, err := Run(t.Context(), b.config())
		if err != nil || len(b.sent) != 0 || again.Counts != r.Counts || again.Transfer != r.Transfer {
			t.Errorf("%+v, %v, sent %v", again, err, b.sent)
		}
		if want := int64(2 * (1 + 1 + 1 + 1 + 2 + 6 + 20 + 1)); again.ResumedChunks != want {
			t.Errorf("%d resumed chunks, want %d", again.ResumedChunks, want)
		}
	})
}

func TestDestinationsWithRoutesOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 3, 10, 5500)
		b.split()
		r, err := Run(t.Context(), b.config())
		if err != nil {
			t.Fatal(err)
		}
		b.finished(r)
		if r.Counts.Done != 2 || r.Retries != 0 {
			t.Errorf("%+v", r)
		}
	})
}

func TestDuplicateResultsCountOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 2, 10, 5500)
		b.faults.duplicate = 1
		r, err := Run(t.Context(), b.config())
		if err != nil {
			t.Fatal(err)
		}
		b.finished(r)
		var moved int64
		for _, n := range r.Routes {
			moved += n
		}
		if moved != 2*5510 {
			t.Errorf("routes moved %d bytes", moved)
		}
	})
}

func TestWhatARouteRefusesIsTriedOnAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 1, 10, 5500)
		b.faults.fail = func(_ *rand.Rand, _ control.Assignment, _ route.Dest, via int) *control.Failure {
			if via == 0 {
				return &control.Failure{Stage: control.StageRoute, Kind: objstore.KindPermission, Message: "another run's certificate"}
			}
			return nil
		}
		r, err := Run(t.Context(), b.config())
		if err != nil {
			t.Fatal(err)
		}
		b.finished(r)
		if r.Counts.Done != 2 || r.Retries == 0 {
			t.Errorf("%+v", r)
		}
	})
}

func TestOneObjectFailsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 2, 10, 5000, 10, 5000, 10)
		b.put("src/000", 11) // changed since it was listed
		if err := b.src.Delete(t.Context(), "src/001"); err != nil {
			t.Fatal(err)
		}
		b.faults.fail = func(_ *rand.Rand, a control.Assignment, dest route.Dest, _ int) *control.Failure {
			if a.Chunk == (chunk.ID{Object: 3, Index: 2}) && dest == 1 {
				return &control.Failure{Stage: control.StageWrite, Kind: objstore.KindPermission, Message: "no"}
			}
			return nil
		}
		r, err := Run(t.Context(), b.config())
		if err != nil {
			t.Fatal(err)
		}
		b.finished(r)
		if r.Counts.Done != 2 || r.Counts.Failed != 3 || len(r.Errors) != 5 {
			t.Errorf("%+v", r)
		}
		for i, want := range []struct {
			object int64
			dest   route.Dest
			kind   objstore.Kind
		}{
			{0, 0, objstore.KindPrecondition}, {0, 1, objstore.KindPrecondition},
			{1, 0, objstore.KindNotFound}, {1, 1, objstore.KindNotFound}, {3, 1, objstore.KindPermission},
		} {
			if e := r.Errors[i]; e.Object != want.object || e.Dest != want.dest || e.Kind != want.kind || e.Message == "" {
				t.Errorf("error %d is %+v, want %+v", i, e, want)
			}
		}
		if _, err := b.dsts[0].Stat(t.Context(), "dst/003"); err != nil {
			t.Errorf("the destination that accepts the object lacks it: %v", err)
		}
	})
}

func TestRetryAvoidsTheRouteAndSparesTheOtherDestination(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 2, 4000)
		b.readers = b.readers[:1]
		var avoided [][]int
		b.faults.fail = func(_ *rand.Rand, a control.Assignment, dest route.Dest, via int) *control.Failure {
			if a.Chunk.Index != 1 {
				return nil
			}
			avoided = append(avoided, a.Avoid)
			if dest == 1 && via == 0 {
				return &control.Failure{Stage: control.StageRoute, Kind: objstore.KindTransient, Message: "stalled", Gateway: "m0"}
			}
			return nil
		}
		r, err := Run(t.Context(), b.config())
		if err != nil {
			t.Fatal(err)
		}
		b.finished(r)
		if r.Retries != 1 || fmt.Sprint(avoided) != "[[] [] [0]]" {
			t.Errorf("%d retries, avoided %v; want dest 0 and 1, then dest 1 without route 0", r.Retries, avoided)
		}
	})
}

func TestGivesUpOnAnObjectAfterSomeAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 1, 10, 3000, 10)
		tried := 0
		b.faults.fail = func(_ *rand.Rand, a control.Assignment, _ route.Dest, _ int) *control.Failure {
			if a.Chunk != (chunk.ID{Object: 1, Index: 1}) {
				return nil
			}
			tried++
			return &control.Failure{Stage: control.StageRoute, Kind: objstore.KindCorrupt, Message: "bits flipped"}
		}
		r, err := Run(t.Context(), b.config())
		if err != nil {
			t.Fatal(err)
		}
		b.finished(r)
		if tried != DefaultRetry.Attempts || r.Counts.Failed != 1 || r.Counts.Done != 2 {
			t.Errorf("%d tries, %+v", tried, r.Counts)
		}
	})
}

// TestAWriterWithoutRoomFailsNothing while others' chunks get through.
func TestAWriterWithoutRoomFailsNothing(t *testing.T) {
	for _, kind := range []objstore.Kind{objstore.KindThrottled, objstore.KindTransient} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, 1, sizes(200, 10)...)
			for i := range b.readers {
				b.readers[i].Window.Chunks = 2
			}
			tried := 0
			b.faults.fail = func(_ *rand.Rand, a control.Assignment, _ route.Dest, _ int) *control.Failure {
				if a.Chunk.Object != 1 {
					return nil
				}
				if tried++; tried > 2*DefaultRetry.Attempts {
					return nil
				}
				return &control.Failure{Stage: control.StageWrite, Kind: kind, Message: "no memory was free for 5s"}
			}
			b.faults.pause = time.Second
			r, err := Run(t.Context(), b.config())
			if err != nil {
				t.Fatal(err)
			}
			b.finished(r)
			if failed := kind != objstore.KindThrottled; (r.Counts.Failed > 0) != failed {
				t.Errorf("%v: %+v after %d tries", kind, r.Counts, tried)
			}
		})
	}
}

func TestTroubleOfAllInterrupts(t *testing.T) {
	for _, c := range []struct {
		name string
		why  control.Failure
		want string
	}{
		{"full", control.Failure{Stage: control.StageWrite, Kind: objstore.KindQuota, Message: "no space"}, "make space"},
		{"unreachable", control.Failure{Stage: control.StageWrite, Kind: objstore.KindUnreachable, Message: "no answer"}, "nothing reaches"},
		{"routes", control.Failure{Stage: control.StageRoute, Kind: objstore.KindTransient, Message: "reset"}, "nothing reaches"},
		{"expired", control.Failure{Stage: control.StageWrite, Kind: objstore.KindExpired, Message: "ExpiredToken"}, "get new ones"},
		{"expired at the source", control.Failure{Stage: control.StageRead, Kind: objstore.KindExpired, Message: "ExpiredToken"}, "get new ones"},
		{"broken store", control.Failure{Stage: control.StageWrite, Kind: objstore.KindTransient, Message: "InternalError"}, "nothing reaches"},
		{"broken source", control.Failure{Stage: control.StageRead, Kind: objstore.KindTransient, Message: "InternalError"}, "nothing reaches"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, 1, 10, 3000, 10)
				b.faults.fail = func(*rand.Rand, control.Assignment, route.Dest, int) *control.Failure { return &c.why }
				r, err := Run(t.Context(), b.config())
				var stopped *Interrupted
				if !errors.As(err, &stopped) || !strings.Contains(err.Error(), c.want) || r.Counts.Pending != 3 {
					t.Fatalf("%v, %+v", err, r.Counts)
				}
				b.faults.fail = nil
				b.configure(b.names...)
				if r, err = Run(t.Context(), b.config()); err != nil {
					t.Fatal(err)
				}
				b.finished(r)
			})
		})
	}
}

// TestAKeyThatCannotBeSaid fails its object, not the gateways.
func TestAKeyThatCannotBeSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 2, 10, 20, 5500)
		b.put("src/\xff", 10)
		b.list()
		r, err := Run(t.Context(), b.config())
		if err != nil {
			t.Fatal(err)
		}
		b.finished(r)
		if r.Counts.Done != 3 || r.Counts.Failed != 1 || b.count(EventLost) != 0 || r.Errors[0].Kind != objstore.KindInvalid {
			t.Errorf("%+v, %d gateways were lost", r, b.count(EventLost))
		}
	})
}

// TestRolesTakeAWhile: a store that does not let gateways in yet is asked again,
// for so long and no longer.
func TestRolesTakeAWhile(t *testing.T) {
	for _, c := range []struct {
		name        string
		roles, late time.Duration
		done        int64
	}{
		{"known in time", 15 * time.Minute, 3 * time.Minute, 3},
		{"known too late", 2 * time.Minute, 3 * time.Minute, 0},
		{"nothing to wait for", 0, 3 * time.Minute, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, 1, 10, 3000, 10) // the second is staged
				start := time.Now()
				b.faults.staged = func() error {
					if time.Since(start) < c.late {
						return &objstore.Error{Op: "begin", Kind: objstore.KindPermission}
					}
					return nil
				}
				b.faults.fail = func(*rand.Rand, control.Assignment, route.Dest, int) *control.Failure {
					if time.Since(start) < c.late {
						return &control.Failure{Stage: control.StageRead, Kind: objstore.KindPermission, Message: "AuthorizationPermissionMismatch"}
					}
					return nil
				}
				cfg := b.config()
				cfg.Roles = c.roles
				r, err := Run(t.Context(), cfg)
				if err != nil || r.Counts.Done != c.done || r.Counts.Failed != 3-c.done {
					t.Fatalf("%v, %+v", err, r.Counts)
				}
				if took, want := time.Since(start), min(c.late, c.roles); took < want || took > want+time.Minute {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// TestTheLastObjectFailsAlone: nobody else is there to get through.
func TestTheLastObjectFailsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 1, 10)
		b.faults.fail = func(*rand.Rand, control.Assignment, route.Dest, int) *control.Failure {
			return &control.Failure{Stage: control.StageWrite, Kind: objstore.KindTransient, Message: "InternalError"}
		}
		if r, err := Run(t.Context(), b.config()); err != nil || r.Counts.Failed != 1 {
			t.Errorf("%v, %+v", err, r.Counts)
		}
	})
}

func TestEndOfGatewaysInterrupts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 1, 10, 3000)
		b.faults.fail = func(*rand.Rand, control.Assignment, route.Dest, int) *control.Failure {
			return &control.Failure{Stage: control.StageWrite, Kind: objstore.KindThrottled, Message: "slow down"}
		}
		cfg := b.config()
		begun := time.Now()
		cfg.Retry = DefaultRetry
		cfg.Retry.Attempts = 1000
		cfg.NotAfter = begun.Add(stopBefore + lookAtClock + 2*time.Second)
		_, err := Run(t.Context(), cfg)
		if took := time.Since(begun); err == nil || !strings.Contains(err.Error(), "gateways end") || took < lookAtClock+2*time.Second || took > lookAtClock+4*time.Second {
			t.Errorf("%v after %v", err, took)
		}
	})
}

// TestAnObjectDoesNotWaitForWhatFailed: the destination that took it gets it,
// also where another's refusal is the last thing that was waited for.
func TestAnObjectDoesNotWaitForWhatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 2, 5000)
		b.dsts[1].shut = true
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		r, err := Run(ctx, b.config())
		if err != nil {
			t.Fatal(err)
		}
		if c := r.Counts; c.Failed != 1 || c.Listed != 1 {
			t.Errorf("%+v", c)
		}
		if data, err := content(t.Context(), b.dsts[0], "dst/000"); err != nil || len(data) != 5000 {
			t.Errorf("the other destination has %d bytes (%v)", len(data), err)
		}
		if b.dsts[0].left() != 0 {
			t.Error("a staged write is left")
		}
	})
}
