package planner

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/price"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// slowRelay is a world in which 1 Gbit/s is up after 10 s and 2 are after 100 s,
// with a relay in a slow cloud.
func slowRelay() (*world, Limits) {
	w := newWorld().link("a>b", 1, 0.01).link("a>ssh:m", 1, 0.02).link("ssh:m>b", 1, 0)
	limits := w.limits(1)
	limits.Provision = map[region.Cloud]time.Duration{region.AWS: 10 * time.Second, region.SSH: 100 * time.Second}
	return w, limits
}

// TestASlowCloudIsWaitedForWhereItPays: 20 GB take 160 s without the relay and 80
// with it, and 2 GB 16 and 8.
func TestASlowCloudIsWaitedForWhereItPays(t *testing.T) {
	for _, c := range []struct {
		name    string
		size    unit.Bytes
		time    time.Duration
		cost    *unit.USD
		seconds float64
		nearest time.Duration
	}{
		{name: "the quickest", size: 2 * unit.GB, time: 26 * time.Second, seconds: 26},
		{name: "with time to wait", size: 2 * unit.GB, time: 200 * time.Second, seconds: 26},
		{name: "too soon for any", size: 2 * unit.GB, time: 25 * time.Second, nearest: 26 * time.Second},
		{name: "as soon as can be for money", size: 2 * unit.GB, cost: ptr(unit.USD(5)), seconds: 26},
		{name: "without a goal", size: 2 * unit.GB, seconds: 26},
		{name: "worth the wait", size: 40 * unit.GB, time: 261 * time.Second, seconds: 261},
		{name: "worth the wait for money", size: 40 * unit.GB, cost: ptr(unit.USD(5)), seconds: 260},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, limits := slowRelay()
			job := from("a", "b")
			job.Bytes, job.MaxTime, job.MaxCost = c.size, c.time, c.cost
			o, err := w.solve(t, job, limits)
			if infeasible := (*Infeasible)(nil); c.nearest > 0 {
				if !errors.As(err, &infeasible) || infeasible.Time != c.nearest {
					t.Errorf("nearest is %+v, want %v: %v", infeasible, c.nearest, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if math.Abs(takes(o)-c.seconds) > c.seconds*tolerance || o.Gap > tolerance {
				t.Errorf("%s takes %v, want %v; gap %v", show(o), takes(o), c.seconds, o.Gap)
			}
		})
	}
}

// TestFrontierEndsWithTheQuickest, though another plan has the higher rate.
func TestFrontierEndsWithTheQuickest(t *testing.T) {
	w, limits := slowRelay()
	job := from("a", "b")
	job.Bytes = 2 * unit.GB
	plans, err := Frontier(t.Context(), job, w.grid(), price.New(w.egress, w.machines), limits)
	if err != nil {
		t.Fatal(err)
	}
	if last := plans[len(plans)-1]; math.Abs(takes(last)-26) > 1e-6 {
		t.Errorf("the last takes %v s, want 26", takes(last))
	}
}

// TestFrontierHasThePlanWithoutGateways, and none that is worse than that.
func TestFrontierHasThePlanWithoutGateways(t *testing.T) {
	w, limits := lab(), lab().limits(8)
	limits.Provision = map[region.Cloud]time.Duration{region.Local: 10 * time.Second}
	job := from(east, west)
	job.Bytes = 100 * unit.MB // 8 s without, 10.8 s with
	plans, err := Frontier(t.Context(), job, w.grid(), price.New(w.egress, w.machines), limits)
	if err != nil {
		t.Fatal(err)
	}
	if last := plans[len(plans)-1]; len(last.Regions) != 0 || takes(last) != 8 {
		t.Errorf("the last is %s and takes %v s, want none and 8", show(last), takes(last))
	}
	for i, o := range plans[:len(plans)-1] {
		if next := plans[i+1]; takes(o) <= takes(next) || o.Cost.Total >= next.Cost.Total {
			t.Errorf("%v s for %v, then %v s for %v", takes(o), o.Cost.Total, takes(next), next.Cost.Total)
		}
	}
}

// TestSlowMachinesMayBeTheCheapest: of the first type one gateway carries 10
// Gbit/s for 10 USD an hour, of the second 0.1 for 0.01.
func TestSlowMachinesMayBeTheCheapest(t *testing.T) {
	w := newWorld().link("a>b", 100, 0)
	g := grid.New(w.links, nil).WithMachines(map[region.Cloud][]grid.Machine{region.AWS: {
		{Type: "big", Egress: 10, Ingress: 10}, {Type: "small", Egress: 0.1, Ingress: 0.1}}})
	prices := typed{price.New(w.egress, nil), map[string]unit.USD{"big": 10, "small": 0.01}}
	job := from("a", "b")
	// 8000 s of one gateway a side.
	job.Gateways, job.MaxCost = ptr(8), ptr(unit.USD(2*0.01*8000/3600*1.001))
	o, err := Solve(t.Context(), job, g, prices, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if o.Cost.Total > *job.MaxCost {
		t.Errorf("%s costs %v", show(o), o.Cost.Total)
	}
}

// TestRatesMayBeTiny: the highest is 307.1366 kbit/s, what 64 connections share out
// among three links.
func TestRatesMayBeTiny(t *testing.T) {
	w := newWorld().link("a>b", 0.02213, 0).link("a>c", 0.0003214, 0).link("a>d", 0.01007, 0)
	for pair, l := range w.links {
		l.Total, l.Connections = false, grid.MachineConnections
		w.links[pair] = l
	}
	o, err := w.solve(t, from("a", "b", "c", "d"), w.limits(1))
	if want := 1 / (1/0.02213 + 1/0.0003214 + 1/0.01007); err != nil || math.Abs(float64(o.Throughput)/want-1) > 1e-5 {
		t.Errorf("%v, want %v: %v", float64(o.Throughput), want, err)
	}
}

// TestTheNearestCanBeAskedFor: what a refusal names is not refused.
func TestTheNearestCanBeAskedFor(t *testing.T) {
	for seed := range uint64(12) {
		w := randomWorld(seed, 6)
		w.priced(seed)
		limits := w.limits(1 + int(seed%3))
		limits.Provision = map[region.Cloud]time.Duration{region.AWS: time.Duration(seed%2) * 45 * time.Second}
		job := from("r00", "r01")
		job.Bytes += unit.Bytes(seed * 123456789)
		job.Gateways = ptr(limits.Gateways)
		ask := func(change func(*Job), words string) (said string) {
			asked := job
			change(&asked)
			_, err := w.solve(t, asked, limits)
			var e *Infeasible
			if !errors.As(err, &e) {
				t.Fatalf("seed %d: %v", seed, err)
			}
			_, said, ok := strings.Cut(e.Nearest, words)
			if !ok {
				t.Fatalf("seed %d: %q does not say %q", seed, e.Nearest, words)
			}
			said, _, _ = strings.Cut(said, " ")
			return said
		}
		again := func(said string, change func(*Job) error) {
			asked := job
			if err := change(&asked); err != nil {
				t.Fatalf("seed %d: %q: %v", seed, said, err)
			}
			if _, err := w.solve(t, asked, limits); err != nil {
				t.Errorf("seed %d: %s was said to be possible: %v", seed, said, err)
			}
		}
		rate := ask(func(j *Job) { j.MinThroughput = 1e5 }, "the most is ")
		again(rate, func(j *Job) (err error) { j.MinThroughput, err = unit.ParseGbps(rate + "Gbps"); return err })
		usd := ask(func(j *Job) { j.MaxCost = ptr(unit.USD(1e-6)) }, "the cheapest plan costs $")
		again(usd, func(j *Job) error { v, err := unit.ParseUSD(usd); j.MaxCost = &v; return err })
		span := ask(func(j *Job) { j.MaxTime = time.Nanosecond }, "the nearest plan takes ")
		again(span, func(j *Job) (err error) { j.MaxTime, err = time.ParseDuration(span); return err })
	}
}

// TestACostThatAPlanHasIsEnough for the same plan, or a quicker one.
func TestACostThatAPlanHasIsEnough(t *testing.T) {
	for seed := range uint64(12) {
		w := randomWorld(seed, 7)
		w.priced(seed)
		limits := w.limits(3)
		job := from("r00", "r01")
		job.Bytes *= unit.Bytes(math.Pow(10, float64(seed%6))) // sums of large amounts are less exact
		job.Gateways = ptr(3)
		plans, err := Frontier(t.Context(), job, w.grid(), price.New(w.egress, w.machines), limits)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range plans {
			job.MaxCost = ptr(p.Cost.Total)
			o, err := w.solve(t, job, limits)
			if err != nil {
				t.Errorf("seed %d: %v", seed, err)
			} else if takes(o) > takes(p)*(1+tolerance) {
				t.Errorf("seed %d: %v s for %v, and %v s for as much", seed, takes(p), p.Cost.Total, takes(o))
			}
		}
	}
}
