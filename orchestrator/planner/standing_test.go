package planner

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// standing are gateways that are there, "a:2 b:1".
func standing(t *testing.T, text string) map[region.Kind]int {
	there := map[region.Kind]int{}
	for _, one := range strings.Fields(text) {
		name, count, _ := strings.Cut(one, ":")
		var n int
		if _, err := fmt.Sscan(count, &n); err != nil {
			t.Fatal(err)
		}
		there[region.Kind{Region: named(name)}] = n
	}
	return there
}

func joined(o overlay.Overlay) string {
	var parts []string
	for _, r := range o.Regions {
		if r.Joined > 0 {
			parts = append(parts, fmt.Sprintf("%s:%d", strings.TrimPrefix(string(r.Region), "aws:"), r.Gateways))
		}
	}
	return strings.Join(parts, " ")
}

// TestStanding: gateways that are there cost nothing and are up at once; further
// ones join only where those are not enough.
func TestStanding(t *testing.T) {
	for _, c := range []struct {
		there string
		hours unit.USD // that a gateway costs
		goal  unit.Gbps
		limit int
		want  string // that joins
	}{
		{"a:1 b:1", 1, 2, 8, ""},
		{"a:1 b:1", 0, 2, 8, ""},
		{"a:1 b:1", 1, 3, 8, "m:1"}, // the link carries 2
		{"a:1 b:1", 0, 3, 8, "m:1"},
		{"a:1 b:1 m:1", 1, 4, 8, ""},
		{"a:1 b:1 m:1", 1, 5, 8, "a:1 b:1"}, // a machine carries 4
		{"a:2 b:1 m:1", 1, 5, 8, "b:1"},
		{"a:1 b:1", 1, 8, 2, "a:1 b:1 m:2"},
		{"a:1 b:1 m:2", 0, 8, 2, "a:1 b:1"},
		{"a:2 b:2 m:2", 1, 8, 2, ""},
	} {
		w := newWorld().link("a>b", 2, 0.01).link("a>m", 10, 0.01).link("m>b", 10, 0.01)
		for _, r := range []string{"a", "b", "m"} {
			w.gateway(r, 4, 4, c.hours)
		}
		job, limits := from("a", "b"), w.limits(c.limit)
		job.MinThroughput, job.Gateways = c.goal, &c.limit
		limits.Standing, limits.Provision = standing(t, c.there), map[region.Cloud]time.Duration{region.AWS: time.Minute}
		o, err := w.solve(t, job, limits)
		if err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		gateways, provision := 0, 0.0
		for _, r := range o.Regions {
			if r.Joined > 0 {
				gateways, provision = gateways+r.Gateways, 60
			}
		}
		paid := c.hours * unit.USD(float64(gateways)*(provision+o.Time.Transfer)/3600)
		if got := joined(o); got != c.want || o.Time.Provision != provision || !near(float64(o.Cost.Machines), float64(paid)) {
			t.Errorf("%+v: %q joins; %+v, %+v: want machines for %v", c, got, o.Time, o.Cost, paid)
		}
	}
}

func near(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 }

// TestStandingIsNeverDearer: what is there costs nothing, so that a plan with some
// of it costs no more than one without, and no less than one that has as much of
// everything for nothing.
func TestStandingIsNeverDearer(t *testing.T) {
	compared := 0
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 3))
		w := randomWorld(seed, 6)
		for r := range 6 {
			w.gateway(fmt.Sprintf("r%02d", r), 2, 2, unit.USD(rng.IntN(20)+1))
		}
		job, limits := from("r00", "r01"), w.limits(3)
		job.MinThroughput = unit.Gbps(1+rng.IntN(4)) / 2
		cost := func(there string) unit.USD {
			limits.Standing = standing(t, there)
			o, err := w.solve(t, job, limits)
			if infeasible := (*Infeasible)(nil); errors.As(err, &infeasible) {
				return -1
			}
			if err != nil {
				t.Fatal(err)
			}
			return o.Cost.Total
		}
		none, some, all := cost(""), cost("r00:1 r01:1 r02:1"), cost("r00:3 r01:3 r02:3 r03:3 r04:3 r05:3")
		if none < 0 {
			continue
		}
		compared++
		if room := unit.USD(1 + 2*tolerance); some > none*room || all > some*room || some < 0 || all < 0 {
			t.Errorf("seed %d: %v without, %v with some, %v with all", seed, none, some, all)
		}
	}
	if compared < 15 {
		t.Errorf("only %d of 30 have a plan", compared)
	}
}
