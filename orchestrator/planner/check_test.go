package planner

import (
	"fmt"
	"math"
	"math/big"
	"slices"

	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// checker recomputes what a plan promises from the figures alone, in exact
// rational numbers. It shares no code with the planner.
type checker struct {
	g      Grid
	prices Prices
	job    Job
	limit  int // gateways a region
	o      overlay.Overlay

	flow map[grid.Pair]*big.Rat // Gbit/s, what a tree shares counted once
}

func rat(x float64) *big.Rat { return new(big.Rat).SetFloat64(x) }

// atMost tells whether a <= b but for the rounding of the plan's figures.
func atMost(a, b *big.Rat) bool {
	room := new(big.Rat).Mul(b, big.NewRat(1, 1e6))
	room.Add(room.Add(room, b), big.NewRat(1, 1e9))
	return a.Cmp(room) <= 0
}

func equal(a, b *big.Rat) bool { return atMost(a, b) && atMost(b, a) }

func (c *checker) check() error {
	for _, step := range []func() error{c.o.Validate, c.trees, c.edges, c.gateways, c.cost} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// trees checks that each tree leads from a region of the source to one of every
// destination, and adds up what its links carry.
func (c *checker) trees() error {
	c.flow = map[grid.Pair]*big.Rat{}
	type tree struct {
		gbps  unit.Gbps
		dests []int
		pairs []grid.Pair
	}
	trees := map[int]*tree{}
	for _, r := range c.o.Routes {
		t := trees[r.Tree]
		if t == nil {
			t = &tree{gbps: r.Gbits}
			trees[r.Tree] = t
		}
		t.dests = append(t.dests, r.Dest)
		switch {
		case len(r.Path) > route.MaxDepth:
			return fmt.Errorf("%s is longer than a route may be", r)
		case !slices.Contains(c.job.Sources, r.Path[0]):
			return fmt.Errorf("%s does not begin at the source", r)
		case !slices.Contains(c.job.Dests[r.Dest], r.Path[len(r.Path)-1]):
			return fmt.Errorf("%s does not end at destination %d", r, r.Dest)
		case t.gbps != r.Gbits:
			return fmt.Errorf("tree %d carries %v and %v", r.Tree, t.gbps, r.Gbits)
		}
		for i, at := range r.Path[1:] {
			if slices.Contains(c.job.Sources, at) {
				return fmt.Errorf("%s passes the source", r)
			}
			if pair := (grid.Pair{From: r.Path[i], To: at}); !slices.Contains(t.pairs, pair) {
				t.pairs = append(t.pairs, pair)
			}
		}
	}
	sum := new(big.Rat)
	for k, t := range trees {
		if slices.Sort(t.dests); len(t.dests) != len(c.job.Dests) || len(slices.Compact(t.dests)) != len(c.job.Dests) {
			return fmt.Errorf("tree %d reaches destinations %v", k, t.dests)
		}
		for _, pair := range t.pairs {
			if c.flow[pair] == nil {
				c.flow[pair] = new(big.Rat)
			}
			c.flow[pair].Add(c.flow[pair], rat(float64(t.gbps)))
		}
		sum.Add(sum, rat(float64(t.gbps)))
	}
	if !equal(sum, rat(float64(c.o.Throughput))) {
		return fmt.Errorf("the trees carry %v, not %v", sum.FloatString(9), c.o.Throughput)
	}
	return nil
}

// edges checks what each link carries against what it can.
func (c *checker) edges() error {
	for _, e := range c.o.Edges {
		l, err := c.g.Link(e.From, e.To)
		if err != nil {
			return err
		}
		usd, err := c.prices.Egress(e.From, e.To)
		if err != nil {
			return err
		}
		switch flow := c.flow[e.Pair()]; {
		case flow == nil || !equal(flow, rat(float64(e.Gbits))):
			return fmt.Errorf("edge %s carries %v, its trees %v", e.Pair(), e.Gbits, flow)
		case l.Total && !atMost(flow, rat(float64(l.Gbps))):
			return fmt.Errorf("edge %s carries %v of %v", e.Pair(), e.Gbits, l.Gbps)
		case usd.Average(c.job.Bytes) != e.USDPerGB:
			return fmt.Errorf("edge %s costs %v a GB, not %v", e.Pair(), usd.Average(c.job.Bytes), e.USDPerGB)
		}
	}
	return nil
}

// gateways checks every region's gateways against what they may be and do.
func (c *checker) gateways() error {
	total := map[region.Region]int{}
	for _, r := range c.o.Regions {
		total[r.Region] += r.Gateways
	}
	for r, n := range total {
		out, in, leaving, coming := new(big.Rat), new(big.Rat), new(big.Rat), new(big.Rat)
		opened, accepted := 0, 0
		for _, e := range c.o.Edges {
			l, err := c.g.Link(e.From, e.To)
			if err != nil {
				return err
			}
			connections := 64
			if l.Total {
				connections = l.Connections
			}
			part := new(big.Rat).Quo(c.flow[e.Pair()], rat(float64(l.Gbps)))
			part.Mul(part, big.NewRat(int64(connections), 64))
			if e.From == r {
				out.Add(out, c.flow[e.Pair()])
				leaving.Add(leaving, part)
				opened += e.Connections
			}
			if e.To == r {
				in.Add(in, c.flow[e.Pair()])
				coming.Add(coming, part)
				accepted += e.Connections
			}
		}
		can, err := c.can(r)
		if err != nil {
			return err
		}
		busy := new(big.Rat).Add(new(big.Rat).Quo(out, can.send), new(big.Rat).Quo(in, can.receive))
		switch gateways := big.NewRat(int64(n), 1); {
		case n > c.limit:
			return fmt.Errorf("%d gateways in %s of %d", n, r, c.limit)
		case !atMost(out, can.egress) || !atMost(in, can.ingress):
			return fmt.Errorf("%s sends %s and receives %s", r, out.FloatString(6), in.FloatString(6))
		case !atMost(busy, big.NewRat(1, 1)):
			return fmt.Errorf("the CPUs of %s are busy %s", r, busy.FloatString(6))
		case !atMost(leaving, gateways) || !atMost(coming, gateways) || opened > 64*n || accepted > 64*n:
			return fmt.Errorf("%s has %s and %s of %d gateways' connections, %d and %d", r, leaving.FloatString(6), coming.FloatString(6), n, opened, accepted)
		}
	}
	return nil
}

// ability is what all gateways of a region can do, in Gbit/s.
type ability struct{ egress, ingress, send, receive *big.Rat }

func (c *checker) can(r region.Region) (ability, error) {
	can := ability{new(big.Rat), new(big.Rat), new(big.Rat), new(big.Rat)}
	for _, planned := range c.o.Regions {
		if planned.Region != r {
			continue
		}
		i := slices.IndexFunc(c.g.Machines(r), func(m grid.Machine) bool { return m.Type == planned.Machine })
		if i < 0 {
			return can, fmt.Errorf("no machine type %q in %s", planned.Machine, r)
		}
		m := c.g.Machines(r)[i]
		usd, err := c.prices.Machine(r, m.Type)
		if err != nil || usd.USD != planned.USDPerHour {
			return can, fmt.Errorf("%s in %s costs %v, not %v (%v)", m.Type, r, usd.USD, planned.USDPerHour, err)
		}
		add := func(sum *big.Rat, g unit.Gbps) {
			if g == 0 {
				g = 1e9 // no limit
			}
			sum.Add(sum, rat(float64(g)*float64(planned.Gateways)))
		}
		add(can.egress, m.Egress)
		add(can.ingress, m.Ingress)
		add(can.send, m.Send)
		add(can.receive, m.Receive)
	}
	return can, nil
}

// cost recomputes what the plan costs and takes.
func (c *checker) cost() error {
	rate := rat(float64(c.o.Throughput))
	gb := new(big.Rat).SetFrac64(int64(c.job.Bytes), 1e9)
	egress, machines := new(big.Rat), new(big.Rat)
	for _, e := range c.o.Edges {
		share := new(big.Rat).Quo(c.flow[e.Pair()], rate)
		egress.Add(egress, share.Mul(share, new(big.Rat).Mul(gb, rat(float64(e.USDPerGB)))))
	}
	seconds := new(big.Rat).Quo(new(big.Rat).Mul(gb, big.NewRat(8, 1)), rate)
	seconds.Add(seconds, rat(c.o.Time.Provision))
	for _, r := range c.o.Regions {
		hourly := new(big.Rat).Mul(rat(float64(r.USDPerHour)), big.NewRat(int64(r.Gateways), 3600))
		machines.Add(machines, hourly.Mul(hourly, seconds))
	}
	took, _ := seconds.Float64()
	total := new(big.Rat).Add(egress, machines)
	switch {
	case !equal(egress, rat(float64(c.o.Cost.Egress))) || !equal(machines, rat(float64(c.o.Cost.Machines))) || !equal(total, rat(float64(c.o.Cost.Total))):
		return fmt.Errorf("cost is %+v, not %s and %s", c.o.Cost, egress.FloatString(6), machines.FloatString(6))
	case math.Abs(took-c.o.Time.Provision-c.o.Time.Transfer) > 1e-6*took:
		return fmt.Errorf("it takes %+v, not %v s", c.o.Time, took)
	}
	return nil
}
