package planner

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/price"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// TestFrontier plans on the built-in grid, with the catalogue's machines and
// clouds of different provisioning: every plan holds, each is faster and dearer
// than the one before, and the default is the knee or a plan like it with fewer
// routes.
func TestFrontier(t *testing.T) {
	g, book, relays := figures(t)
	limits := Limits{Relays: relays, Provision: map[region.Cloud]time.Duration{region.Azure: 150 * time.Second, region.AWS: 90 * time.Second, region.GCP: 90 * time.Second}}
	for _, c := range []struct {
		from string
		to   []string
	}{
		{"aws:us-east-1", []string{"gcp:europe-west4"}},
		{"azure:canadacentral", []string{"gcp:asia-northeast1"}},
		{"gcp:us-central1", []string{"aws:eu-west-1", "azure:uksouth"}},
	} {
		t.Run(c.from, func(t *testing.T) {
			job := from(c.from, c.to...)
			job.Gateways = ptr(4)
			plans, err := Frontier(context.Background(), job, g, book, limits)
			if err != nil || len(plans) < 2 {
				t.Fatalf("%d plans, %v", len(plans), err)
			}
			for i, o := range plans {
				check := checker{g: g, prices: book, job: job, limit: 4, o: o}
				if err := check.check(); err != nil || o.Gap > tolerance {
					t.Errorf("%v: gap %v, %v", o.Throughput, o.Gap, err)
				}
				if i > 0 && (takes(o) >= takes(plans[i-1]) || o.Cost.Total <= plans[i-1].Cost.Total) {
					t.Errorf("%v s for %v, then %v s for %v", takes(plans[i-1]), plans[i-1].Cost.Total, takes(o), o.Cost.Total)
				}
			}
			chosen, err := Solve(context.Background(), job, g, book, limits)
			if err != nil {
				t.Fatal(err)
			}
			knee := farthest(plans)
			if chosen.Throughput < knee.Throughput*enough/all*(1-lacking) || chosen.Throughput > knee.Throughput*(1+lacking) || float64(chosen.Cost.Total) > float64(knee.Cost.Total)*(1+1e-4) {
				t.Errorf("default is %v for %v, the knee %v for %v", chosen.Throughput, chosen.Cost.Total, knee.Throughput, knee.Cost.Total)
			}
			if chosen.Direct == nil || chosen.Direct.Throughput > chosen.Throughput {
				t.Errorf("direct is %+v", chosen.Direct)
			}
		})
	}
}

func takes(o overlay.Overlay) float64 { return o.Time.Provision + o.Time.Transfer }

// farthest returns the plan with the largest distance from the line between the
// ends, by the area of triangles.
func farthest(plans []overlay.Overlay) overlay.Overlay {
	a, b := plans[0], plans[len(plans)-1]
	time, cost := takes(a)-takes(b), float64(b.Cost.Total-a.Cost.Total)
	best, most := b, 0.0
	for _, o := range plans {
		x, y := (takes(o)-takes(b))/time, float64(o.Cost.Total-a.Cost.Total)/cost
		if area := 1 - x - y; area > most+1e-6 {
			best, most = o, area
		}
	}
	return best
}

// typed prices machines by type, and everything else as the world does.
type typed struct {
	*price.Book
	usd map[string]unit.USD
}

func (p typed) Machine(_ region.Region, machine string) (price.Price, error) {
	return price.Price{USD: p.usd[machine]}, nil
}

// TestMachineTypes: 4 Gbit/s take one large and one small gateway, 3 a hour; two
// large ones or four small ones take 4. What is worse in every respect is never
// taken. The source has room for three gateways.
func TestMachineTypes(t *testing.T) {
	w := newWorld().link("a>b", 100, 0)
	g := grid.New(w.links, nil).WithMachines(map[region.Cloud][]grid.Machine{region.AWS: {
		{Type: "small", Egress: 1}, {Type: "large", Egress: 3}, {Type: "worse", Egress: 2.5}}})
	prices := typed{price.New(w.egress, nil), map[string]unit.USD{"small": 1, "large": 2, "worse": 2}}
	for _, c := range []struct {
		rate  unit.Gbps
		allow []string
		want  string
	}{
		{4, nil, "0: a > b 4; a x1; a x1; b x1"},
		{6, nil, "0: a > b 6; a x2; b x1"},
		{3, []string{"small"}, "0: a > b 3; a x3; b x1"},
		{9, nil, "0: a > b 9; a x3; b x1"},
		{9.5, nil, ""},
	} {
		job := from("a", "b")
		job.MinThroughput, job.Gateways = c.rate, ptr(3)
		o, err := Solve(context.Background(), job, g, prices, Limits{Machines: c.allow})
		if got := show(o); got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%v: %s, %v", c.rate, got, err)
		}
		if c.rate == 4 && (o.Regions[0].Gbits+o.Regions[1].Gbits != 4 || math.Abs(float64(o.Cost.Machines)-4*200.0/3600) > 1e-9) {
			t.Errorf("they pass %v and %v for %v", o.Regions[0].Gbits, o.Regions[1].Gbits, o.Cost.Machines)
		}
	}
	if _, err := Solve(context.Background(), from("a", "b"), g, prices, Limits{Gateways: 1, Machines: []string{"huge"}}); err == nil {
		t.Error("a type that does not exist is allowed")
	}
}

// TestMaxCostIsProven by a frontier that is known: it is flat, so a little of
// the cost is much of the rate.
func TestMaxCostIsProven(t *testing.T) {
	// Above 10 Gbit/s every bit goes over the relay: 100 - 20/R USD.
	links, prices := map[grid.Pair]grid.Link{}, map[grid.Pair]price.Price{}
	for _, l := range []struct {
		from, to region.Region
		gbps     unit.Gbps
		usd      unit.USD
	}{{"local:a", "local:c", 10, 0.098}, {"local:a", "local:b", 100, 0.05}, {"local:b", "local:c", 100, 0.05}} {
		pair := grid.Pair{From: l.from, To: l.to}
		links[pair] = grid.Link{Gbps: l.gbps, Connections: 8, Total: true}
		prices[pair] = price.Price{USD: l.usd}
	}
	job := Job{Sources: []region.Region{"local:a"}, Dests: [][]region.Region{{"local:c"}}, Bytes: unit.TB, Gateways: ptr(8), MaxCost: ptr(unit.USD(99))}
	o, err := Solve(t.Context(), job, grid.New(links, nil), price.New(prices, nil), Limits{Relays: []region.Region{"local:b"}})
	if err != nil {
		t.Fatal(err)
	}
	if o.Gap > tolerance || math.Abs(float64(o.Throughput)-20) > 20*tolerance || o.Cost.Total > *job.MaxCost+cent {
		t.Errorf("%v at %v, gap %v; the best is 20 Gbit/s", o.Cost.Total, o.Throughput, o.Gap)
	}
}
