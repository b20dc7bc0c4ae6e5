package simplex

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
)

var inf = math.Inf(1)

// transport is a dense transport problem of n sources and n sinks: rows are
// equations, so that the logical basis is far from feasible.
func transport(rng *rand.Rand, n int) *LP {
	lp := New(2 * n)
	var columns [][]Entry
	for i := range n {
		for j := range n {
			columns = append(columns, []Entry{{i, 1}, {n + j, 1}})
		}
	}
	lp.Scale(columns)
	for _, column := range columns {
		j := lp.Column(column)
		lp.SetBounds(j, 0, inf)
		lp.SetCost(j, float64(1+rng.IntN(9)))
	}
	for i := range 2 * n {
		lp.SetSides(i, 10, 10)
	}
	lp.SetCosts()
	return lp
}

func solve(t *testing.T, lp *LP, limit Limit) Outcome {
	t.Helper()
	end, err := lp.Solve(t.Context(), limit)
	if err != nil {
		t.Fatal(err)
	}
	return end
}

func TestTheOptimumIsWhatItsDualsProve(t *testing.T) {
	for seed := range uint64(20) {
		lp := transport(rand.New(rand.NewPCG(seed, 1)), 12)
		if end := solve(t, lp, NoLimit); end != Optimal {
			t.Fatalf("seed %d: ended %d", seed, end)
		}
		dual := lp.Duals()
		if bound := lp.Bound(dual, lp.Reduced(dual)); math.Abs(bound-lp.Objective()) > 1e-7 {
			t.Errorf("seed %d: objective %v, bound %v", seed, lp.Objective(), bound)
		}
	}
}

func TestALittleChangeTakesFewPivots(t *testing.T) {
	lp := transport(rand.New(rand.NewPCG(5, 1)), 20)
	solve(t, lp, NoLimit)
	cold, before := lp.Pivots, lp.Objective()
	for _, c := range []struct {
		name   string
		change func()
	}{
		{"a cost", func() { lp.SetCost(7, 0.5); lp.SetCosts() }},
		{"a bound", func() { lp.SetBounds(7, 0, 3) }},
		{"right-hand sides", func() { lp.SetSides(0, 11, 11); lp.SetSides(20, 11, 11) }},
		{"a column", func() {
			j := lp.Column([]Entry{{3, 1}, {25, 1}})
			lp.SetBounds(j, 0, inf)
			lp.SetCost(j, 0.25)
			lp.SetCosts()
		}},
	} {
		from := lp.Pivots
		c.change()
		if end := solve(t, lp, NoLimit); end != Optimal {
			t.Fatalf("%s: ended %d", c.name, end)
		}
		if took := lp.Pivots - from; took > cold/3 {
			t.Errorf("%s: %d pivots, from nothing it was %d", c.name, took, cold)
		}
		if lp.Objective() == before {
			t.Errorf("%s: changed nothing", c.name)
		}
		before = lp.Objective()
	}
}

// TestWeightsAreNorms holds the dual steepest edge weights to what they stand for:
// the squared length of a row of the inverse of the basis. Wrong ones cost pivots
// and nothing else, so that no other test would tell.
func TestWeightsAreNorms(t *testing.T) {
	lp := transport(rand.New(rand.NewPCG(8, 1)), 15)
	end, err := lp.Solve(t.Context(), Limit{Objective: inf, Pivots: 25})
	if err != nil || end != Stopped {
		t.Fatalf("ended %d, %v: there is nothing to see", end, err)
	}
	for r, c := range lp.head {
		norm := 0.0
		for _, v := range lp.unitRow(r) {
			norm += v * v
		}
		if math.Abs(lp.weight[c]-norm) > 1e-6*norm {
			t.Errorf("row %d has the weight %v, its norm is %v", r, lp.weight[c], norm)
		}
	}
}

func TestLimits(t *testing.T) {
	fresh := func() *LP { return transport(rand.New(rand.NewPCG(6, 1)), 12) }
	lp := fresh()
	solve(t, lp, NoLimit)
	optimum, pivots := lp.Objective(), lp.Pivots

	lp = fresh()
	if end := solve(t, lp, Limit{Objective: inf, Pivots: 5}); end != Stopped || lp.Pivots != 5 {
		t.Errorf("ended %d after %d pivots, want %d after 5", end, lp.Pivots, Stopped)
	}
	if end := solve(t, lp, NoLimit); end != Optimal || math.Abs(lp.Objective()-optimum) > 1e-7 {
		t.Errorf("went on to %v, want %v", lp.Objective(), optimum)
	}

	lp = fresh()
	limit := optimum / 2
	if end := solve(t, lp, Limit{Objective: limit}); end != Cut || lp.Pivots >= pivots {
		t.Fatalf("ended %d after %d of %d pivots, want %d", end, lp.Pivots, pivots, Cut)
	}
	dual := lp.Duals()
	if bound := lp.Bound(dual, lp.Reduced(dual)); bound < limit || bound > optimum+1e-7 {
		t.Errorf("cut at %v with a proof of %v; the optimum is %v", limit, bound, optimum)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	large := transport(rand.New(rand.NewPCG(6, 1)), 60)
	if end, err := large.Solve(ctx, NoLimit); end != Stopped || err != nil {
		t.Errorf("a done context: ended %d, %v", end, err)
	}
}

func TestWhatIsNoBasisIsRepaired(t *testing.T) {
	lp := transport(rand.New(rand.NewPCG(7, 1)), 8)
	solve(t, lp, NoLimit)
	want := lp.Objective()
	for _, fill := range []Status{Basic, AtLower, AtUpper, Free} {
		b := lp.Basis()
		for c := range b {
			b[c] = fill
		}
		lp.SetBasis(b)
		if end := solve(t, lp, NoLimit); end != Optimal || math.Abs(lp.Objective()-want) > 1e-7 {
			t.Errorf("from all %d: ended %d at %v, want %v", fill, end, lp.Objective(), want)
		}
	}
	// Columns that depend on each other: a cycle of the transport graph.
	b := lp.Basis()
	for c := range b {
		b[c] = AtLower
	}
	for _, j := range []int{0, 1, 8, 9} {
		b[lp.m+j] = Basic
	}
	lp.SetBasis(b)
	if end := solve(t, lp, NoLimit); end != Optimal || math.Abs(lp.Objective()-want) > 1e-7 {
		t.Errorf("from a cycle: ended %d at %v, want %v", end, lp.Objective(), want)
	}
}

// TestScaling holds that scales are powers of two and bring a wild matrix near
// one.
func TestScaling(t *testing.T) {
	columns := [][]Entry{{{0, 1e6}, {1, 3e-5}}, {{0, 2e7}, {1, 1e-4}}}
	lp := New(2)
	lp.Scale(columns)
	for _, c := range columns {
		lp.Column(c)
	}
	for j, c := range lp.column {
		for k, v := range c.value {
			if v < 0.1 || v > 10 {
				t.Errorf("column %d row %d is %v", j, c.index[k], v)
			}
		}
	}
	for _, u := range append(lp.unit, lp.rowScale...) {
		if f, _ := math.Frexp(u); f != 0.5 {
			t.Errorf("scale %v is no power of two", u)
		}
	}
}
