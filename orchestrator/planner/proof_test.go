package planner

import (
	"fmt"
	"math"
	"math/big"
	"testing"

	"github.com/skyctl/skyctl/orchestrator/planner/milp"
	"github.com/skyctl/skyctl/orchestrator/planner/milp/certify"
	"github.com/skyctl/skyctl/orchestrator/price"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// TestBoundsAreProven recomputes the bound of plans at several rates from the
// dual values of the search's leaves, in exact rational numbers: certify does so
// over the trees that the program has, and missing shows that none that it lacks
// could lower it.
func TestBoundsAreProven(t *testing.T) {
	leaves := 0
	for seed := range uint64(20) {
		w := randomWorld(seed, 8)
		w.priced(seed)
		job := from("r00", "r01")
		s, err := prepare(t.Context(), job, w.grid(), price.New(w.egress, w.machines), w.limits(3))
		if err != nil {
			t.Fatal(err)
		}
		s.m.proof = true
		for _, part := range []float64{0.2, 0.5, 0.9, 1} {
			rate := s.most * part
			found, err := s.cheapest(rate, s.p.seconds(rate), 0, math.Inf(1))
			if err != nil || found.answer == nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			bound, n, err := certify.Tree(s.m.lp, found.proof)
			if err != nil {
				t.Errorf("seed %d at %v of %v: %v", seed, part, s.most, err)
				continue
			}
			bound.Sub(bound, missing(s.m, found.proof, rate))
			// What the certificate repairs of rounding is far below the gap.
			claimed := new(big.Rat).SetFloat64(found.bound - 1e-5*math.Abs(found.bound))
			if bound.Cmp(claimed) < 0 {
				t.Errorf("seed %d at %v of %v: %d leaves prove %s, claimed is %v", seed, part, s.most, n, bound.FloatString(9), found.bound)
			}
			if gap := (found.objective - found.bound) / found.objective; gap > tolerance {
				t.Errorf("seed %d: gap is %v", seed, gap)
			}
			leaves += n
		}
	}
	if leaves < 100 {
		t.Errorf("only %d leaves: the instances are too easy", leaves)
	}
}

// missing returns how much lower than by the known trees the objective could be
// in any leaf: the rate times what a missing path is lighter than its worth. It
// is a shortest path by Bellman and Ford over the links, whatever their number.
func missing(m *master, p *milp.Proof, rate float64) *big.Rat {
	if p.Down != nil {
		down, up := missing(m, p.Down, rate), missing(m, p.Up, rate)
		if down.Cmp(up) < 0 {
			return up
		}
		return down
	}
	if p.Farkas || p.Dual == nil {
		return new(big.Rat)
	}
	dual := func(row milp.Row) *big.Rat {
		if row == none || p.Dual[row] > 0 {
			return new(big.Rat)
		}
		return rat(p.Dual[row])
	}
	reach := make([]*big.Rat, len(m.p.sites))
	for v, s := range m.p.sites {
		if s.source {
			reach[v] = new(big.Rat)
		}
	}
	for range m.p.sites {
		for i, l := range m.p.links {
			if reach[l.from] == nil {
				continue
			}
			weight := rat(m.worth.usdPerGB*l.usd + m.worth.hop)
			from, to := m.sites[l.from].row, m.sites[l.to].row
			for _, row := range []milp.Row{from[egress], from[cpu], to[ingress], m.links[i]} {
				weight.Sub(weight, dual(row))
			}
			connections := new(big.Rat).Add(dual(from[leaving]), dual(to[coming]))
			weight.Sub(weight, connections.Mul(connections, rat(l.connections/64/l.gbps)))
			weight.Add(weight, reach[l.from])
			if reach[l.to] == nil || weight.Cmp(reach[l.to]) < 0 {
				reach[l.to] = weight
			}
		}
	}
	lighter := new(big.Rat)
	for v, s := range m.p.sites {
		if s.isDest() && reach[v] != nil {
			by := new(big.Rat).Sub(rat(p.Dual[m.goal]), reach[v])
			if by.Mul(by, rat(rate)); by.Cmp(lighter) > 0 {
				lighter = by
			}
		}
	}
	return lighter
}

// priced gives every region's machines a price and a cap.
func (w *world) priced(seed uint64) {
	for v := range len(w.machines) {
		n := unit.USD((seed+uint64(v)*7)%5 + 1)
		w.gateway(fmt.Sprintf("r%02d", v), unit.Gbps(n)/2, unit.Gbps(n)*2/3, n*20)
	}
}
