package planner

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

const (
	east = "local:east"
	mid  = "local:mid"
	west = "local:west"
	here = "local:workstation"
)

// lab has a slow direct link and a relay ten times as fast.
func lab() *world {
	return newWorld().
		link(east+">"+west, 0.1, 0.02).
		link(east+">"+mid, 1, 0.01).link(mid+">"+west, 1, 0.01)
}

func TestMachinesOrNone(t *testing.T) {
	for _, c := range []struct {
		name  string
		world *world
		job   Job
		size  unit.Bytes
		want  string
		cost  unit.USD
		secs  float64 // provisioning of 10 s included
	}{
		{
			// 100 MB: 8 s at 0.1 Gbit/s, 10.8 s over the relay.
			name: "a small job is quicker without", world: lab(), job: from(east, west), size: 100 * unit.MB,
			want: "0: local:workstation 0.1", cost: 0.002, secs: 8,
		},
		{
			// 200 MB: 16 s, and 11.6 s over the relay.
			name: "a larger job is not", world: lab(), job: from(east, west), size: 200 * unit.MB,
			want: "0: local:east > local:mid > local:west 1; local:east x1; local:mid x1; local:west x1", cost: 0.004, secs: 11.6,
		},
		{
			name: "unless gateways are wanted", world: lab(), size: 100 * unit.MB,
			job:  Job{Sources: regions(east), Dests: [][]region.Region{regions(west)}, Gateways: ptr(1)},
			want: "0: local:east > local:mid > local:west 1; local:east x1; local:mid x1; local:west x1", cost: 0.002, secs: 10.8,
		},
		{
			name: "or none are wanted", world: lab(), size: 200 * unit.MB,
			job:  Job{Sources: regions(east), Dests: [][]region.Region{regions(west)}, Gateways: ptr(0)},
			want: "0: local:workstation 0.1", cost: 0.004, secs: 16,
		},
		{
			name: "same region on both sides", world: lab(), job: from(east, east), size: 100 * unit.GB,
			want: "0: local:workstation 1", secs: 800,
		},
		{
			name: "nothing but an empty object", world: lab(), job: from(east, west), size: 0,
			want: "0: local:workstation 0.1", secs: perObject.Seconds(),
		},
		{
			name: "nothing to move, but gateways are wanted", world: lab(), size: 0,
			job:  Job{Sources: regions(east), Dests: [][]region.Region{regions(west)}, Gateways: ptr(1), MaxTime: time.Minute},
			want: "0: local:east > local:mid > local:west 1; 0: local:east > local:west 0.1; local:east x1; local:mid x1; local:west x1", secs: 10,
		},
		{
			name:  "the workstation's links are stated",
			world: lab().link(east+">"+here, 2, 0.03).link(here+">"+west, 0.5, 0.04), job: from(east, west), size: 200 * unit.MB,
			want: "0: local:workstation 0.5", cost: 0.014, secs: 3.2,
		},
		{
			name: "from the workstation itself", world: lab(), job: from(here, west), size: 100 * unit.GB,
			want: "0: local:workstation 1", secs: 800,
		},
		{
			// Each destination at the rate of the slower, the source read once.
			name:  "two destinations",
			world: lab().link(east+">"+mid, 0.4, 0.01), job: from(east, mid, west), size: 50 * unit.MB,
			want: "0: local:workstation 0.1; 1: local:workstation 0.1", cost: 0.001, secs: 4,
		},
		{
			name: "a goal that needs machines", world: lab(), size: 100 * unit.MB,
			job:  Job{Sources: regions(east), Dests: [][]region.Region{regions(west)}, MinThroughput: 0.5},
			want: "0: local:east > local:mid > local:west 0.5; local:east x1; local:mid x1; local:west x1", cost: 0.002, secs: 11.6,
		},
		{
			name: "a goal that only going without reaches", world: lab(), size: 100 * unit.MB,
			job:  Job{Sources: regions(east), Dests: [][]region.Region{regions(west)}, MaxTime: 9 * time.Second},
			want: "0: local:workstation 0.1", cost: 0.002, secs: 8,
		},
		{
			name: "a goal below what it can", world: lab(), size: 10 * unit.MB,
			job:  Job{Sources: regions(east), Dests: [][]region.Region{regions(west)}, MinThroughput: 0.05},
			want: "0: local:workstation 0.05", cost: 0.0002, secs: 1.6,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			limits := c.world.limits(8)
			limits.Provision = map[region.Cloud]time.Duration{region.Local: 10 * time.Second}
			c.job.Bytes = c.size
			o, err := c.world.solve(t, c.job, limits)
			if err != nil {
				t.Fatal(err)
			}
			if got := show(o); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if math.Abs(float64(o.Cost.Total-c.cost)) > 1e-9 || math.Abs(o.Time.Provision+o.Time.Transfer-c.secs) > 1e-6 {
				t.Errorf("cost %v and time %+v, want %v and %v", o.Cost.Total, o.Time, float64(c.cost), c.secs)
			}
			if err := o.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWithoutGatewaysFiguresAreNeeded(t *testing.T) {
	w := newWorld().link("a>b", 1, 0)
	job := from("a", "b")
	job.Gateways = ptr(0)
	_, err := w.solve(t, job, w.limits(1))
	if err == nil || !strings.Contains(err.Error(), "throughput aws:a > local:workstation is unknown") {
		t.Errorf("got %v", err)
	}
}

// chain is a cheap path over n regions beside a dear direct link.
func chain(n int, direct bool) *world {
	w := newWorld()
	if direct {
		w.link("a>b", 0.5, 1)
	}
	last := "a"
	for i := range n - 2 {
		next := fmt.Sprint("m", i)
		w.link(last+">"+next, 1, 0)
		last = next
	}
	return w.link(last+">b", 1, 0).withoutUnknown()
}

func TestLengthOfRoutes(t *testing.T) {
	for _, c := range []struct {
		n      int
		direct bool
		want   string
	}{
		{8, false, "0: a > m0 > m1 > m2 > m3 > m4 > m5 > b 1;"},
		{9, true, "0: a > b 0.5; a x1; b x1"},
		{9, false, ""},
	} {
		w := chain(c.n, c.direct)
		o, err := w.solve(t, from("a", "b"), w.limits(1))
		if got := show(o); !strings.HasPrefix(got, c.want) || (err != nil) != (c.want == "") {
			t.Errorf("%d regions: %s, %v", c.n, got, err)
		}
	}
}

func TestAssumptionsRentNoRelays(t *testing.T) {
	w := newWorld().link(east+">"+mid, 5, 0)
	job := from(east, west)
	job.Gateways = ptr(1)
	o, err := w.solve(t, job, Limits{Relays: regions(mid)})
	if got := show(o); err != nil || got != "0: local:east > local:west 1; local:east x1; local:west x1" {
		t.Errorf("all ways to west are assumed: %s, %v", got, err)
	}
	// The direct link is known to be bad: an assumed way round is worth a try.
	w.link(east+">"+west, 0.1, 0)
	o, err = w.solve(t, job, Limits{Relays: regions(mid)})
	if got := show(o); err != nil || !strings.HasPrefix(got, "0: local:east > local:mid > local:west 1; local:") {
		t.Errorf("the direct link is stated: %s, %v", got, err)
	}
	if got := o.Assumed(); len(got) != 1 || got[0].String() != "local:mid > local:west" {
		t.Errorf("assumed: %v", got)
	}
}

// TestFiguresFarApart: one byte over a direct link costs next to nothing, and a
// relay dollars.
func TestFiguresFarApart(t *testing.T) {
	w := lab().gateway(mid, 0, 0, 3600)
	job := from(east, west)
	job.Bytes, job.Gateways = 1, ptr(1)
	limits := w.limits(8)
	limits.Provision = map[region.Cloud]time.Duration{region.Local: 3 * time.Second}
	for _, c := range []struct {
		rate unit.Gbps
		want string
		cost unit.USD
	}{
		{0.1, "0: local:east > local:west 0.1; local:east x1; local:west x1", 2e-11},
		{1.1, "0: local:east > local:mid > local:west 1; 0: local:east > local:west 0.1; local:east x1; local:mid x1; local:west x1", 3},
		{0, "", 3}, // whatever the knee is
	} {
		job.MinThroughput = c.rate
		o, err := w.solve(t, job, limits)
		if err != nil || o.Gap > tolerance || o.Cost.Total > c.cost*1.001 {
			t.Errorf("%v: %v for %v, gap %v, %v", c.rate, show(o), o.Cost.Total, o.Gap, err)
		}
		if got := show(o); c.want != "" && got != c.want {
			t.Errorf("%v: got  %s\nwant %s", c.rate, got, c.want)
		}
	}
	// Free ends and a relay that costs: the price decides, not the hops.
	w = newWorld().link(east+">"+west, 1, 0).link(east+">"+mid, 1, 0).link(mid+">"+west, 1, 0).gateway(mid, 0, 0, 0.01)
	job = from(east, west)
	job.Gateways, job.MinThroughput = ptr(1), 1
	if o, err := w.solve(t, job, w.limits(1)); err != nil || o.Cost.Total != 0 {
		t.Errorf("%s for %v, %v", show(o), o.Cost.Total, err)
	}
}
