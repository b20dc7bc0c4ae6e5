package planner

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/price"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

var twoRoutes = func() *world {
	return newWorld().link("a>b", 1, 0.02).link("a>m", 1, 0.05).link("m>b", 1, 0.05)
}

// The answers are computed by hand: 100 GB are 800 Gbit; at 1 Gbit/s that is
// 800 s.
func TestSolve(t *testing.T) {
	for _, c := range []struct {
		name  string
		world *world
		job   Job
		limit int
		want  string
		cost  unit.USD
		secs  float64 // of transfer
		why   string
	}{
		{
			name:  "direct is all there is",
			world: newWorld().link("a>b", 1, 0.02),
			job:   from("a", "b"), limit: 8,
			want: "0: a > b 1; a x1; b x1", cost: 2, secs: 800, why: "link aws:a > aws:b (1 Gbit/s)",
		},
		{
			// Both routes would carry 1.1 at the same price; a tenth more is not
			// worth a route.
			name:  "a relay is ten times better",
			world: newWorld().link("a>b", 0.1, 0.02).link("a>m", 1, 0.01).link("m>b", 1, 0.01),
			job:   from("a", "b"), limit: 8,
			want: "0: a > m > b 1; a x1; b x1; m x1", cost: 2, secs: 800, why: "link aws:a > aws:m (1 Gbit/s)",
		},
		{
			name:  "without a goal both routes are taken",
			world: twoRoutes(),
			job:   from("a", "b"), limit: 8,
			want: "0: a > b 1; 0: a > m > b 1; a x1; b x1; m x1", cost: 6, secs: 400, why: "link aws:a > aws:b (1 Gbit/s)",
		},
		{
			// 1/1.5 at 0.02 and 0.5/1.5 at 0.10 a GB.
			name:  "two routes for a goal, the cheap one full",
			world: twoRoutes(),
			job:   Job{Sources: regions("a"), Dests: [][]region.Region{regions("b")}, Bytes: 100 * unit.GB, MinThroughput: 1.5}, limit: 8,
			want: "0: a > b 1; 0: a > m > b 0.5; a x1; b x1; m x1", cost: 2.0/1.5 + 10*0.5/1.5, secs: 800 / 1.5,
		},
		{
			name:  "a goal below the cheap route leaves the relay out",
			world: twoRoutes(),
			job:   Job{Sources: regions("a"), Dests: [][]region.Region{regions("b")}, Bytes: 100 * unit.GB, MinThroughput: 0.5}, limit: 8,
			want: "0: a > b 0.5; a x1; b x1", cost: 2, secs: 1600,
		},
		{
			name:  "direct only",
			world: twoRoutes(),
			job:   Job{Sources: regions("a"), Dests: [][]region.Region{regions("b")}, Bytes: 100 * unit.GB, Mode: Direct}, limit: 8,
			want: "0: a > b 1; a x1; b x1", cost: 2, secs: 800, why: "link aws:a > aws:b (1 Gbit/s)",
		},
		{
			// Cents a GB: 2 of the first Gbit/s, 10 of the rest; 5 on average at
			// 1.6 Gbit/s: (2 + 0.6 x 10)/1.6.
			name:  "max cost binds",
			world: twoRoutes(),
			job:   Job{Sources: regions("a"), Dests: [][]region.Region{regions("b")}, Bytes: 100 * unit.GB, MaxCost: ptr(unit.USD(5))}, limit: 8,
			want: "0: a > b 1; 0: a > m > b 0.6; a x1; b x1; m x1", cost: 5, secs: 500, why: "link aws:a > aws:b (1 Gbit/s)",
		},
		{
			name:  "max cost does not bind",
			world: twoRoutes(),
			job:   Job{Sources: regions("a"), Dests: [][]region.Region{regions("b")}, Bytes: 100 * unit.GB, MaxCost: ptr(unit.USD(50))}, limit: 8,
			want: "0: a > b 1; 0: a > m > b 1; a x1; b x1; m x1", cost: 6, secs: 400, why: "link aws:a > aws:b (1 Gbit/s)",
		},
		{
			name:  "max time is met exactly",
			world: twoRoutes(),
			job:   Job{Sources: regions("a"), Dests: [][]region.Region{regions("b")}, Bytes: 100 * unit.GB, MaxTime: 500 * time.Second}, limit: 8,
			want: "0: a > b 1; 0: a > m > b 0.6; a x1; b x1; m x1", cost: 5, secs: 500,
		},
		{
			name:  "one gateway's cap",
			world: newWorld().link("a>b", 1, 0).gateway("a", 0.25, 0, 0),
			job:   from("a", "b"), limit: 1,
			want: "0: a > b 0.25; a x1; b x1", secs: 3200, why: "egress of 1 gateway in aws:a (0.25 Gbit/s each); 1 are allowed",
		},
		{
			name:  "two gateways have twice the cap",
			world: newWorld().link("a>b", 1, 0).gateway("a", 0.25, 0, 0),
			job:   from("a", "b"), limit: 2,
			want: "0: a > b 0.5; a x2; b x1", secs: 1600, why: "egress of 2 gateways in aws:a (0.25 Gbit/s each); 2 are allowed",
		},
		{
			// Three gateways receive 0.9; a fourth is not needed for 0.7.
			name:  "as many gateways as the goal needs",
			world: newWorld().link("a>b", 1, 0).gateway("b", 0, 0.3, 0),
			job:   Job{Sources: regions("a"), Dests: [][]region.Region{regions("b")}, Bytes: 100 * unit.GB, MinThroughput: 0.7}, limit: 8,
			want: "0: a > b 0.7; a x1; b x3", secs: 800 / 0.7,
		},
		{
			// A relay forwards what it receives: the smaller cap counts.
			name:  "a relay's caps",
			world: newWorld().link("a>m", 1, 0).link("m>b", 1, 0).gateway("m", 0.2, 0.5, 0),
			job:   from("a", "b"), limit: 2,
			want: "0: a > m > b 0.4; a x1; b x1; m x2", secs: 2000, why: "egress of 2 gateways in aws:m (0.2 Gbit/s each); 2 are allowed",
		},
		{
			// 100 GB over the relay save 3 USD of egress; the relay costs 9 an
			// hour for 800 s: 2 USD.
			name:  "a relay that pays",
			world: newWorld().link("a>b", 1, 0.05).link("a>m", 1, 0.01).link("m>b", 1, 0.01).gateway("m", 0, 0, 9),
			job:   Job{Sources: regions("a"), Dests: [][]region.Region{regions("b")}, Bytes: 100 * unit.GB, MinThroughput: 1}, limit: 8,
			want: "0: a > m > b 1; a x1; b x1; m x1", cost: 4, secs: 800, why: "link aws:a > aws:m (1 Gbit/s)",
		},
		{
			// At 18 an hour it would cost 4.
			name:  "a relay that does not pay",
			world: newWorld().link("a>b", 1, 0.05).link("a>m", 1, 0.01).link("m>b", 1, 0.01).gateway("m", 0, 0, 18),
			job:   Job{Sources: regions("a"), Dests: [][]region.Region{regions("b")}, Bytes: 100 * unit.GB, MinThroughput: 1}, limit: 8,
			want: "0: a > b 1; a x1; b x1", cost: 5, secs: 800, why: "link aws:a > aws:b (1 Gbit/s)",
		},
		{
			// 48 connections saturate each link out of a, which has 64: all of
			// a>m, and 16/48 of a>b.
			name: "connections are a budget",
			world: newWorld().link("a>b", 0.9, 0).link("a>m", 1, 0).link("m>b", 1, 0).
				connections("a>b", 48).connections("a>m", 48).connections("m>b", 8),
			job: from("a", "b"), limit: 1,
			want: "0: a > m > b 1; 0: a > b 0.3; a x1; b x1; m x1", secs: 800 / 1.3,
			why: "link aws:a > aws:m (1 Gbit/s)",
		},
		{
			name: "two gateways have twice the connections",
			world: newWorld().link("a>b", 0.9, 0).link("a>m", 1, 0).link("m>b", 1, 0).
				connections("a>b", 48).connections("a>m", 48).connections("m>b", 8),
			job: from("a", "b"), limit: 2,
			want: "0: a > m > b 1; 0: a > b 0.9; a x2; b x1; m x1", secs: 800 / 1.9, why: "link aws:a > aws:b (0.9 Gbit/s)",
		},
		{
			// a sends 1 Gbit/s in all, to b or c; b and c are not joined.
			name:  "two destinations share what the source sends",
			world: newWorld().link("a>b", 1, 0.02).link("a>c", 1, 0.03).gateway("a", 1, 0, 0),
			job:   from("a", "b", "c"), limit: 1,
			want: "0: a > b 0.5; 1: a > c 0.5; a x1; b x1; c x1", cost: 5, secs: 1600,
			why: "egress of 1 gateway in aws:a (1 Gbit/s each); 1 are allowed",
		},
		{
			// c is reached over b, which is a destination itself: a>b is paid
			// for once.
			name:  "one destination relays for another",
			world: newWorld().link("a>b", 2, 0.01).link("b>c", 1, 0.01),
			job:   from("a", "b", "c"), limit: 1,
			want: "0: a > b 1; 1: a > b > c 1; a x1; b x1; c x1", cost: 2, secs: 800, why: "link aws:b > aws:c (1 Gbit/s)",
		},
		{
			// One tree carries 1: a reaches b and c over links of 1, and they
			// each other.
			name:  "the data is partitioned over two trees",
			world: newWorld().link("a>b", 1, 0.02).link("a>c", 1, 0.02).link("b>c", 1, 0.01).link("c>b", 1, 0.01),
			job:   Job{Sources: regions("a"), Dests: [][]region.Region{regions("b"), regions("c")}, Bytes: 100 * unit.GB, MinThroughput: 2}, limit: 1,
			want: "0: a > b 1; 0: a > c > b 1; 1: a > b > c 1; 1: a > c 1; a x1; b x1; c x1", cost: 3, secs: 400, why: "link aws:a > aws:b (1 Gbit/s)",
		},
		{
			name:  "two destinations in one region get one copy",
			world: newWorld().link("a>b", 1, 0.02),
			job:   from("a", "b", "b"), limit: 1,
			want: "0: a > b 1; 1: a > b 1; a x1; b x1", cost: 2, secs: 800, why: "link aws:a > aws:b (1 Gbit/s)",
		},
		{
			name:  "the stores are slower than the links",
			world: newWorld().link("a>b", 1, 0.02),
			job:   Job{Sources: regions("a"), Dests: [][]region.Region{regions("b")}, Bytes: 100 * unit.GB, WriteGbps: []unit.Gbps{0.5}}, limit: 1,
			want: "0: a > b 0.5; a x1; b x1", cost: 2, secs: 1600, why: "the stores (0.5 Gbit/s)",
		},
		{
			name:  "a limit rents no machines beyond it",
			world: newWorld().link("a>b", 4, 0.02).gateway("a", 1, 1, 0),
			job:   Job{Sources: regions("a"), Dests: [][]region.Region{regions("b")}, Bytes: 100 * unit.GB, Limit: 0.5}, limit: 4,
			want: "0: a > b 0.5; a x1; b x1", cost: 2, secs: 1600, why: "--bwlimit (0.5 Gbit/s)",
		},
		{
			name:  "a bucket of several regions is read in the best",
			world: newWorld().link("a>b", 1, 0.02).link("c>b", 3, 0.01),
			job:   Job{Sources: regions("a", "c"), Dests: [][]region.Region{regions("b")}, Bytes: 100 * unit.GB, MinThroughput: 2}, limit: 8,
			want: "0: c > b 2; b x1; c x1", cost: 1, secs: 400,
		},
		{
			name:  "one region on both sides, with gateways",
			world: newWorld().link("local:east>b", 1, 0),
			job:   Job{Sources: regions("local:east"), Dests: [][]region.Region{regions("local:east")}, Bytes: 100 * unit.GB, Gateways: ptr(1)},
			want:  "0: local:east 1; local:east x1", secs: 800, why: "engines of 1 gateway in local:east (1 Gbit/s each); 1 are allowed",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			limits := c.world.limits(c.limit)
			o, err := c.world.solve(t, c.job, limits)
			if err != nil {
				t.Fatal(err)
			}
			if got := show(o); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			near := func(what string, got, want float64) {
				if math.Abs(got-want) > 1e-6*math.Max(1, want) {
					t.Errorf("%s is %v, want %v", what, got, want)
				}
			}
			near("cost", float64(o.Cost.Total), float64(c.cost))
			near("transfer", o.Time.Transfer, c.secs)
			if o.Gap > tolerance {
				t.Errorf("gap is %v", o.Gap)
			}
			if why := strings.Join(o.Bottlenecks[:min(1, len(o.Bottlenecks))], ""); why != c.why {
				t.Errorf("bottlenecks are %q, want %q", o.Bottlenecks, c.why)
			}
			if err := o.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestInfeasible(t *testing.T) {
	for _, c := range []struct {
		name    string
		world   *world
		change  func(*Job)
		want    string
		nearest Infeasible
	}{
		{"throughput", twoRoutes(), func(j *Job) { j.MinThroughput = 3 }, "--min-throughput 3Gbps cannot be reached: the most is 2 Gbit/s (link aws:a > aws:b (1 Gbit/s))", Infeasible{Throughput: 2}},
		{"cost", twoRoutes(), func(j *Job) { j.MaxCost = ptr(unit.USD(1.5)) }, "--max-cost 1.5 cannot be reached: the cheapest plan costs $2.00", Infeasible{Cost: 2}},
		{"cost of a throughput", twoRoutes(), func(j *Job) { j.MaxCost, j.MinThroughput = ptr(unit.USD(5)), 2 }, "the cheapest plan costs $6.00 at 2 Gbit/s", Infeasible{Cost: 6}},
		{"time", twoRoutes(), func(j *Job) { j.MaxTime = 399 * time.Second }, "--max-time 6m39s cannot be reached: the nearest plan takes 6m40s", Infeasible{Time: 400 * time.Second}},
		{"time of a throughput", twoRoutes(), func(j *Job) { j.MaxTime, j.MinThroughput = 400*time.Second, 1 }, "the nearest plan takes 13m20s", Infeasible{Time: 800 * time.Second}},
		{"disconnected", newWorld().link("a>m", 1, 0).link("b>m", 1, 0).link("m>x", 1, 0).withoutUnknown(), func(j *Job) { j.Dests[0] = regions("b") }, "no links join them", Infeasible{}},
		{"without gateways", newWorld().link("local:a>local:b", 0.5, 0), func(j *Job) {
			j.Sources, j.Dests[0], j.Gateways, j.MinThroughput = regions("local:a"), regions("local:b"), ptr(0), 1
		}, "without gateways the most is 0.5 Gbit/s", Infeasible{Throughput: 0.5}},
	} {
		t.Run(c.name, func(t *testing.T) {
			job := from("a", "b")
			c.change(&job)
			_, err := c.world.solve(t, job, c.world.limits(8))
			var e *Infeasible
			if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v\nwant %s", err, c.want)
			}
			if math.Abs(float64(e.Throughput-c.nearest.Throughput)) > 1e-9 || math.Abs(float64(e.Cost-c.nearest.Cost)) > 1e-6 || (e.Time-c.nearest.Time).Abs() > time.Millisecond {
				t.Errorf("nearest is %+v, want %+v", *e, c.nearest)
			}
		})
	}
}

func TestAllow(t *testing.T) {
	w := twoRoutes()
	limits := w.limits(8)
	limits.Allow = regions("a", "b")
	o, err := w.solve(t, from("a", "b"), limits)
	if err != nil || show(o) != "0: a > b 1; a x1; b x1" {
		t.Errorf("without m: %s, %v", show(o), err)
	}
	limits.Allow = regions("a", "m")
	if _, err = w.solve(t, from("a", "b"), limits); err == nil || !strings.Contains(err.Error(), "destination 1: aws:b is not in allow.regions") {
		t.Errorf("without b: %v", err)
	}
}

func TestUnknownFigures(t *testing.T) {
	w := newWorld().link("a>m", 1, 0)
	w.machines[named("b")] = price.Price{}
	_, err := w.solve(t, from("a", "b"), w.limits(8))
	var throughput *grid.UnknownError
	if !errors.As(err, &throughput) || throughput.Pair.String() != "aws:a > aws:b" {
		t.Errorf("no link: %v", err)
	}
	w = newWorld().link("a>b", 1, 0)
	delete(w.egress, grid.Pair{From: "aws:a", To: "aws:b"})
	_, err = w.solve(t, from("a", "b"), w.limits(8))
	var usd *price.UnknownError
	if !errors.As(err, &usd) || !strings.Contains(err.Error(), "egress aws:a > aws:b") {
		t.Errorf("no price of egress: %v", err)
	}
	w = newWorld().link("a>b", 1, 0)
	delete(w.machines, "aws:b")
	if _, err = w.solve(t, from("a", "b"), w.limits(8)); !errors.As(err, &usd) || !strings.Contains(err.Error(), "in aws:b") {
		t.Errorf("no price of a machine: %v", err)
	}
}

func TestDeterministic(t *testing.T) {
	w := randomWorld(3, 12)
	job := from("r00", "r01")
	first, err := w.solve(t, job, w.limits(2))
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		limits := w.limits(2)
		slices.Reverse(limits.Relays)
		again, err := w.solve(t, job, limits)
		if err != nil || show(again) != show(first) || again.Gap != first.Gap {
			t.Fatalf("%s, then %s, %v", show(first), show(again), err)
		}
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	w := twoRoutes()
	_, err := Solve(ctx, from("a", "b"), w.grid(), price.New(w.egress, w.machines), w.limits(1))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestCheckRefuses(t *testing.T) {
	for want, change := range map[string]func(*Job){
		"source is not known":        func(j *Job) { j.Sources = nil },
		"needs a destination":        func(j *Job) { j.Dests = nil },
		"destination 1 is not known": func(j *Job) { j.Dests[0] = nil },
		"bytes is negative":          func(j *Job) { j.Bytes = -1 },
		"not a rate":                 func(j *Job) { j.MinThroughput = unit.Gbps(math.NaN()) },
		"not an amount":              func(j *Job) { j.MaxCost = ptr(unit.USD(-1)) },
		"time of -1s":                func(j *Job) { j.MaxTime = -time.Second },
		"neither direct nor overlay": func(j *Job) { j.Mode = "scenic" },
		"less than none":             func(j *Job) { j.Gateways = ptr(-1) },
		"the most is 10000":          func(j *Job) { j.Gateways = ptr(math.MaxInt) },
	} {
		job := from("a", "b")
		change(&job)
		_, err := twoRoutes().solve(t, job, Limits{Gateways: 1})
		var infeasible *Infeasible
		if err == nil || !strings.Contains(err.Error(), want) || errors.As(err, &infeasible) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}
