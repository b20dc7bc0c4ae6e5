package planner

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/price"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// randomWorld has n regions r00, r01, …, all pairs linked by up to 5 Gbit/s in
// whole Mbit/s at up to 0.2 USD/GB, and some of them capped.
func randomWorld(seed uint64, n int) *world {
	rng := rand.New(rand.NewPCG(seed, 0))
	w := newWorld()
	for a := range n {
		for b := range n {
			if a != b {
				w.link(fmt.Sprintf("r%02d>r%02d", a, b), unit.Gbps(rng.IntN(5000)+1)/1000, unit.USD(rng.IntN(200))/1000)
			}
		}
		if rng.IntN(3) == 0 {
			w.gateway(fmt.Sprintf("r%02d", a), unit.Gbps(rng.IntN(5000)+500)/1000, unit.Gbps(rng.IntN(5000)+500)/1000, 0)
		}
	}
	return w
}

// minimumCut returns the least capacity in bit/s of all cuts between r00 and
// r01, by trying each of them: regions are in the set or not, and a region's
// cap may be cut instead of its links, whichever is less.
func (w *world) minimumCut(n, gateways int) int64 {
	id := func(v int) string { return fmt.Sprintf("r%02d", v) }
	limit := func(g unit.Gbps) int64 {
		if g == 0 {
			return math.MaxInt64
		}
		return g.BitsPerSecond() * int64(gateways)
	}
	// A cut assigns each of a region's three nodes to a side; in, mid, out.
	best := int64(math.MaxInt64)
	for set := range 1 << (3 * n) {
		near := func(v, part int) bool { return set>>(3*v+part)&1 == 1 }
		if !near(0, 1) || near(1, 1) || near(0, 0) != near(0, 1) || near(1, 2) != near(1, 1) {
			continue
		}
		var sum int64
		add := func(c int64) {
			if s, carry := bits.Add64(uint64(sum), uint64(c), 0); carry == 0 && s < math.MaxInt64 {
				sum = int64(s)
			} else {
				sum = math.MaxInt64
			}
		}
		for v := range n {
			caps := w.gateways[named(id(v))]
			if near(v, 0) && !near(v, 1) {
				add(limit(caps.Ingress))
			}
			if near(v, 1) && !near(v, 2) {
				add(limit(caps.Egress))
			}
			for u := range n {
				if u != v && v != 1 && u != 0 && near(v, 2) && !near(u, 0) {
					add(w.links[grid.Pair{From: named(id(v)), To: named(id(u))}].Gbps.BitsPerSecond())
				}
			}
		}
		best = min(best, sum)
	}
	return best
}

func TestMaximumIsTheMinimumCut(t *testing.T) {
	for seed := range uint64(40) {
		n := 3 + int(seed%3)
		w := randomWorld(seed, n)
		job := from("r00", "r01")
		s, err := prepare(t.Context(), job, w.grid(), price.New(w.egress, w.machines), w.limits(2))
		if err != nil {
			t.Fatal(err)
		}
		if want := w.minimumCut(n, 2); math.Abs(s.most*1e9-float64(want)) > 1 {
			t.Errorf("seed %d: maximum is %v Gbit/s, the minimum cut %d bit/s", seed, s.most, want)
		}
	}
}

// TestPlansHold checks what plans promise against the figures alone.
func TestPlansHold(t *testing.T) {
	planned := 0
	for seed := range uint64(60) {
		w := randomWorld(seed, 9)
		job := from("r00", "r01")
		if seed%3 == 0 {
			job = from("r00", "r01", "r02", "r03")
		}
		if seed%2 == 0 {
			job.MinThroughput = 0.8
		}
		gateways := 1 + int(seed%4)
		if seed%5 == 0 { // connections are scarce
			for pair := range w.links {
				l := w.links[pair]
				l.Connections = 40
				w.links[pair] = l
			}
		}
		o, err := w.solve(t, job, w.limits(gateways))
		var infeasible *Infeasible
		if errors.As(err, &infeasible) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		planned++
		c := checker{g: w.grid(), prices: price.New(w.egress, w.machines), job: job, limit: gateways, o: o}
		if err := c.check(); err != nil {
			t.Errorf("seed %d: %v\n%s", seed, err, show(o))
		}
		if o.Gap < 0 || o.Gap > tolerance {
			t.Errorf("seed %d: gap %v", seed, o.Gap)
		}
	}
	if planned < 40 {
		t.Errorf("only %d of 60 jobs have a plan", planned)
	}
}

// TestCheapestAmongAll compares the cost of small plans with the best of a
// fine grid of all splits over direct and two relays.
func TestCheapestAmongAll(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 1))
		w := newWorld()
		type way struct{ gbps, usd float64 }
		ways := make([]way, 3)
		for i := range ways {
			ways[i] = way{float64(rng.IntN(10)+1) / 10, float64(rng.IntN(20)) / 100}
		}
		w.link("a>b", unit.Gbps(ways[0].gbps), unit.USD(ways[0].usd))
		for i, relay := range []string{"m", "n"} {
			w.link("a>"+relay, unit.Gbps(ways[i+1].gbps), unit.USD(ways[i+1].usd))
			w.link(relay+">b", 1, 0)
		}
		const rate = 1.0
		best := math.Inf(1)
		for x := range 11 {
			for y := range 11 - x {
				share := []float64{float64(x) / 10, float64(y) / 10, float64(10-x-y) / 10}
				var usd float64
				for i, s := range share {
					if s > ways[i].gbps+1e-9 {
						usd = math.Inf(1)
					}
					usd += s * ways[i].usd
				}
				best = math.Min(best, usd)
			}
		}
		job := from("a", "b")
		job.MinThroughput = rate
		o, err := w.solve(t, job, w.limits(1))
		if (err != nil) != math.IsInf(best, 1) {
			t.Errorf("seed %d: best is %v, got %v", seed, best, err)
			continue
		}
		if err == nil && (math.Abs(float64(o.Cost.Egress)-best*100) > 1e-6 || o.Gap > tolerance) {
			t.Errorf("seed %d: %v with gap %v, the best is %v", seed, o.Cost.Egress, o.Gap, best*100)
		}
	}
}

func BenchmarkSolve40Regions(b *testing.B) {
	w := randomWorld(1, 40)
	limits := w.limits(8)
	for _, c := range []struct {
		name string
		job  Job
		goal unit.Gbps
	}{
		{"saturate", from("r00", "r01"), 0},
		{"goal", from("r00", "r01"), 10},
		{"multicast", from("r00", "r01", "r02", "r03", "r04", "r05", "r06"), 0},
	} {
		b.Run(c.name, func(b *testing.B) {
			c.job.MinThroughput = c.goal
			for b.Loop() {
				if _, err := w.solve(b, c.job, limits); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
