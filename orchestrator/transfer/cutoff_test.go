package transfer

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/skyctl/skyctl/agent/route"
)

// TestCutOff: where no gateway answers it is this process that is not connected.
// They go on, and nothing is replaced for it, unless it takes too long.
func TestCutOff(t *testing.T) {
	for _, c := range []struct {
		name   string
		silent []route.Gateway
		wakes  []time.Duration // when each answers again
		lost   int
	}{
		{"for half a minute", []route.Gateway{"r0", "r1", "m0", "m1", "w0", "w1"}, []time.Duration{30 * time.Second}, 0},
		{"one comes back later than the others", []route.Gateway{"r0", "r1", "m0", "m1", "w0", "w1"}, []time.Duration{30 * time.Second, 36 * time.Second}, 0},
		{"one does not come back", []route.Gateway{"w1", "r0", "r1", "m0", "m1", "w0"}, []time.Duration{time.Hour, 30 * time.Second}, 1},
		{"for long", []route.Gateway{"r0", "r1", "m0", "m1", "w0", "w1"}, []time.Duration{time.Hour}, 6},
		{"all but one", []route.Gateway{"r0", "m0", "m1", "w0", "w1"}, []time.Duration{time.Hour}, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, 1, sizes(40, 30_000)...)
				b.after(50, func() {
					for i, name := range c.silent {
						a := b.API(name).(*fakeAgent)
						a.hang()
						time.AfterFunc(c.wakes[min(i, len(c.wakes)-1)], a.wake)
					}
				})
				r, err := Run(t.Context(), b.config())
				if err != nil {
					t.Fatal(err)
				}
				b.finished(r)
				if n := b.count(EventLost); n != c.lost || r.Counts.Failed != 0 {
					t.Errorf("%d gateways were lost, want %d; %+v", n, c.lost, r.Counts)
				}
			})
		})
	}
}
