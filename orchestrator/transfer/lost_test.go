package transfer

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
)

func sizes(n, size int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = size
	}
	return all
}

// after has f called when the n-th chunk is acknowledged.
func (b *bench) after(n int, f func()) {
	b.seen = func(e Event) {
		if e.Kind == EventChunk {
			if n--; n == 0 {
				f()
			}
		}
	}
}

func TestLostGatewayIsReplaced(t *testing.T) {
	for _, name := range []route.Gateway{"r0", "m0", "w0"} {
		t.Run("killed "+string(name), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, 2, sizes(20, 30_000)...)
				b.after(100, func() { go b.kill(name) })
				r, err := Run(t.Context(), b.oneRoute())
				if err != nil {
					t.Fatal(err)
				}
				b.finished(r)
				if b.count(EventLost) != 1 || b.count(EventReplaced) != 1 || r.Counts.Failed != 0 {
					t.Errorf("%d lost, %d replaced, %+v", b.count(EventLost), b.count(EventReplaced), r.Counts)
				}
			})
		})
		t.Run("silent "+string(name), func(t *testing.T) { synctest.Test(t, func(t *testing.T) { silent(t, name) }) })
	}
}

// oneRoute leaves only the route r0, m0, w0: nothing works without any of them.
func (b *bench) oneRoute() Config {
	b.readers = b.readers[:1]
	b.readers[0].Routes = b.readers[0].Routes[:1]
	cfg := b.config()
	for i := range cfg.Dests {
		cfg.Dests[i].Writers = []route.Gateway{"w0"}
	}
	return cfg
}

// silent has a gateway of the only route stop to answer and to carry chunks.
func silent(t *testing.T, name route.Gateway) {
	b := newBench(t, 1, sizes(20, 30_000)...)
	b.after(100, func() { b.API(name).(*fakeAgent).hang() })
	b.faults.fail = func(*rand.Rand, control.Assignment, route.Dest, int) *control.Failure {
		if !b.agents[name].hung.Load() {
			return nil
		}
		return &control.Failure{Stage: control.StageRoute, Kind: objstore.KindTransient, Message: "stalled", Gateway: name}
	}
	r, err := Run(t.Context(), b.oneRoute())
	if err != nil {
		t.Fatal(err)
	}
	b.finished(r)
	if b.count(EventLost) != 1 || r.Counts.Failed != 0 {
		t.Errorf("%d lost, %+v", b.count(EventLost), r.Counts)
	}
	// What failed in the meantime does not wait for having failed.
	for _, e := range b.events {
		if took := time.Since(e.Time); e.Kind == EventReplaced && took > 2*time.Second {
			t.Errorf("the rest took %v once the gateway was replaced", took)
		}
	}
}

func TestIrreplaceableGateway(t *testing.T) {
	for _, c := range []struct {
		name string
		lost []route.Gateway
		want string // of the error; empty: the run is done without it
	}{
		{"a reader of two", []route.Gateway{"r0"}, ""},
		{"a relay of two", []route.Gateway{"m1"}, ""},
		{"all readers", []route.Gateway{"r0", "r1"}, "cannot be replaced"},
		{"a relay and the other's writer", []route.Gateway{"m0", "w1"}, "cannot be replaced"},
		{"a writer of two, which may still write", []route.Gateway{"w1"}, "gone before it said"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, 1, sizes(20, 30_000)...)
				b.faults.replace = func(route.Gateway) error { return errors.New("no capacity") }
				b.after(50, func() {
					for _, name := range c.lost {
						go b.kill(name)
					}
				})
				r, err := Run(t.Context(), b.config())
				if c.want == "" {
					if err != nil {
						t.Fatal(err)
					}
					b.finished(r)
					return
				}
				var stopped *Interrupted
				if !errors.As(err, &stopped) || !strings.Contains(err.Error(), c.want) || r.Counts.Failed != 0 {
					t.Fatalf("%v, %+v", err, r.Counts)
				}
				b.faults.replace = nil
				b.configure(b.names...)
				if r, err = Run(t.Context(), b.config()); err != nil {
					t.Fatal(err)
				}
				b.finished(r)
			})
		})
	}
}

func TestStalledReaderIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 1, sizes(4, 10)...)
		b.readers = b.readers[:1]
		b.faults.swallow = 1
		b.seen = func(e Event) {
			if e.Kind == EventLost {
				b.faults.swallow = 0
			}
		}
		begun := time.Now()
		r, err := Run(t.Context(), b.config())
		if err != nil {
			t.Fatal(err)
		}
		b.finished(r)
		if took := time.Since(begun); b.count(EventLost) != 1 || took < DefaultHealth.Stalled || took > 2*DefaultHealth.Stalled {
			t.Errorf("%d lost, after %v", b.count(EventLost), took)
		}
	})
}

var errCtrlC = errors.New("interrupt")

func TestStopIsQuickAndResumable(t *testing.T) {
	for _, c := range []struct {
		name string
		hang route.Gateway // a gateway that does not come to rest
		most time.Duration
	}{{"healthy", "", 2 * time.Second}, {"a hung gateway", "w1", stopWithin + time.Second}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, 2, sizes(20, 30_000)...)
				ctx, cancel := context.WithCancelCause(t.Context())
				var stopped time.Time
				b.after(100, func() {
					stopped = time.Now()
					if c.hang != "" {
						b.agents[c.hang].hang()
					}
					cancel(errCtrlC)
				})
				r, err := Run(ctx, b.config())
				var i *Interrupted
				if !errors.As(err, &i) || !errors.Is(err, errCtrlC) {
					t.Fatal(err)
				}
				if took := time.Since(stopped); took > c.most {
					t.Errorf("took %v to stop", took)
				}
				if r.Counts.Failed != 0 || r.Counts.Pending == 0 {
					t.Errorf("%+v", r.Counts)
				}
				acknowledged := b.count(EventChunk)
				b.configure(b.names...)
				if r, err = Run(t.Context(), b.config()); err != nil {
					t.Fatal(err)
				}
				b.finished(r)
				if r.ResumedChunks < int64(acknowledged) {
					t.Errorf("%d resumed chunks, %d were acknowledged", r.ResumedChunks, acknowledged)
				}
			})
		})
	}
}

func TestNothingFailsForBeingStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 1, sizes(20, 3000)...)
		ctx, cancel := context.WithCancelCause(t.Context())
		b.after(5, func() { cancel(errCtrlC) })
		b.faults.fail = func(*rand.Rand, control.Assignment, route.Dest, int) *control.Failure {
			if ctx.Err() == nil {
				return nil
			}
			return &control.Failure{Stage: control.StageWrite, Kind: objstore.KindPermission, Message: "the session is over"}
		}
		r, err := Run(ctx, b.config())
		if !errors.Is(err, errCtrlC) || r.Counts.Failed != 0 || r.Counts.Pending == 0 {
			t.Errorf("%+v, %v", r.Counts, err)
		}
	})
}
