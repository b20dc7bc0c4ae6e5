package milp_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/skyctl/skyctl/orchestrator/planner/milp"
	"github.com/skyctl/skyctl/orchestrator/planner/milp/certify"
)

// build makes a problem from rows of numbers: bounds and cost of variables, then
// sides and coefficients of constraints.
func build(kind milp.Kind, variables [][3]float64, rows ...[]float64) *milp.Problem {
	p := milp.New()
	for _, v := range variables {
		p.Variable("x", v[0], v[1], v[2], kind)
	}
	for _, r := range rows {
		var terms []milp.Term
		for j, c := range r[2:] {
			terms = append(terms, milp.Term{Var: milp.Var(j), Coefficient: c})
		}
		p.Constraint("r", r[0], r[1], terms...)
	}
	return p
}

func TestSolve(t *testing.T) {
	for _, c := range []struct {
		name      string
		problem   *milp.Problem
		status    milp.Status
		objective float64
	}{
		{"nothing at all", milp.New(), milp.Optimal, 0},
		{"a variable alone", build(milp.Continuous, [][3]float64{{-2, 5, 3}}), milp.Optimal, -6},
		{"a variable that falls forever", build(milp.Continuous, [][3]float64{{-inf, 5, 3}}), milp.Unbounded, 0},
		{"a constraint of nothing", build(milp.Continuous, nil, []float64{0, 1}), milp.Optimal, 0},
		{"a constraint of nothing that asks for something", build(milp.Continuous, nil, []float64{1, 2}), milp.Infeasible, 0},
		{"two products", build(milp.Continuous, [][3]float64{{0, inf, -3}, {0, inf, -5}},
			[]float64{-inf, 4, 1, 0}, []float64{-inf, 12, 0, 2}, []float64{-inf, 18, 3, 2}), milp.Optimal, -36},
		{"equations with free variables", build(milp.Continuous, [][3]float64{{-inf, inf, 1}, {-inf, inf, 1}},
			[]float64{3, 3, 1, 2}, []float64{1, 1, 1, -1}), milp.Optimal, 7.0 / 3},
		{"equations that contradict", build(milp.Continuous, [][3]float64{{-inf, inf, 1}},
			[]float64{3, 3, 1}, []float64{1, 1, 1}), milp.Infeasible, 0},
		{"rows that say the same", build(milp.Continuous, [][3]float64{{0, inf, 1}, {0, inf, 2}},
			[]float64{3, 3, 1, 1}, []float64{6, 6, 2, 2}, []float64{-9, -9, -3, -3}), milp.Optimal, 3},
		{"a ray", build(milp.Continuous, [][3]float64{{0, inf, -1}, {0, inf, 0}}, []float64{-inf, 1, 1, -1}), milp.Unbounded, 0},
		{"bounds that exclude each other", build(milp.Continuous, [][3]float64{{2, 1, 1}}), milp.Infeasible, 0},
		{"sides that exclude each other", build(milp.Continuous, [][3]float64{{0, 1, 1}}, []float64{2, 1, 1}), milp.Infeasible, 0},
		{"Beale's cycle", build(milp.Continuous, [][3]float64{{0, inf, -0.75}, {0, inf, 150}, {0, inf, -0.02}, {0, inf, 6}},
			[]float64{-inf, 0, 0.25, -60, -0.04, 9}, []float64{-inf, 0, 0.5, -90, -0.02, 3}, []float64{-inf, 1, 0, 0, 1, 0}), milp.Optimal, -0.05},
		{"a knapsack", build(milp.Integer, [][3]float64{{0, 1, -10}, {0, 1, -13}, {0, 1, -7}, {0, 1, -4}},
			[]float64{-inf, 9, 5, 7, 4, 2}), milp.Optimal, -17},
		{"no whole number between", build(milp.Integer, [][3]float64{{0.2, 0.8, 1}}), milp.Infeasible, 0},
		{"an odd sum of even numbers", build(milp.Integer, [][3]float64{{0, 9, 1}, {0, 9, 1}}, []float64{7, 7, 2, 4}), milp.Infeasible, 0},
		{"bounds that are not whole", build(milp.Integer, [][3]float64{{-1.5, 1.5, 1}}), milp.Optimal, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := c.problem.Solve(t.Context(), milp.Options{Gap: 1e-9, Proof: true})
			if err != nil {
				t.Fatal(err)
			}
			if s.Status != c.status || math.Abs(s.Objective-c.objective) > 1e-9 {
				t.Fatalf("%s %v, want %s %v", s.Status, s.Objective, c.status, c.objective)
			}
			if err := verify(c.problem, s); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWrongFiguresAreErrors(t *testing.T) {
	for _, c := range []struct {
		want string
		do   func(p *milp.Problem)
	}{
		{`variable "v": cost is NaN`, func(p *milp.Problem) { p.Variable("v", 0, 1, math.NaN(), milp.Integer) }},
		{`variable "v": bounds are NaN and 1`, func(p *milp.Problem) { p.Variable("v", math.NaN(), 1, 0, milp.Integer) }},
		{`variable "x": bounds are +Inf and +Inf`, func(p *milp.Problem) { p.SetBounds(0, inf, inf) }},
		{`constraint "c": coefficient of "x" is +Inf`, func(p *milp.Problem) { p.Constraint("c", 0, 1, milp.Term{Var: 0, Coefficient: inf}) }},
		{`constraint "r": sides are 0 and NaN`, func(p *milp.Problem) { p.SetSides(0, 0, math.NaN()) }},
		{"no variable 7", func(p *milp.Problem) { p.Constraint("c", 0, 1, milp.Term{Var: 7, Coefficient: 1}) }},
		{"no constraint 3", func(p *milp.Problem) { p.SetCoefficient(3, 0, 1) }},
		{"no constraint -1", func(p *milp.Problem) { p.Column("c", 0, 1, 1, milp.Integer, milp.Entry{Row: -1, Coefficient: 1}) }},
	} {
		p := build(milp.Continuous, [][3]float64{{0, 1, 1}}, []float64{0, 1, 1})
		c.do(p)
		if _, err := p.Solve(t.Context(), milp.Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
}

func TestTermsOfOneVariableAddUp(t *testing.T) {
	p := milp.New()
	x := p.Variable("x", 0, inf, 1, milp.Continuous)
	p.Constraint("r", 6, inf, milp.Term{Var: x, Coefficient: 1}, milp.Term{Var: x, Coefficient: 2})
	s, err := p.Solve(t.Context(), milp.Options{})
	if err != nil || s.X[x] != 2 {
		t.Errorf("%v, %v; want 2", s.X, err)
	}
}

// TestDualsExplain checks signs and sizes of what Solution.Dual and Reduced say
// on a problem whose answer one sees: 7 units are needed, a machine carries 5.
func TestDualsExplain(t *testing.T) {
	p := milp.New()
	cheap := p.Variable("cheap", 0, inf, 1, milp.Continuous)
	dear := p.Variable("dear", 0, inf, 4, milp.Continuous)
	machines := p.Variable("machines", 0, 1, 2, milp.Integer)
	goal := p.Constraint("goal", 7, inf, milp.Term{Var: cheap, Coefficient: 1}, milp.Term{Var: dear, Coefficient: 1})
	room := p.Constraint("room", -inf, 0, milp.Term{Var: cheap, Coefficient: 1}, milp.Term{Var: machines, Coefficient: -5})
	s, err := p.Solve(t.Context(), milp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	// 5 by the machine (7), 2 dear (8).
	if !reflect.DeepEqual(s.X, []float64{5, 2, 1}) || s.Objective != 15 {
		t.Fatalf("%v costs %v", s.X, s.Objective)
	}
	if got := s.Dual[goal]; got != 4 {
		t.Errorf("one more unit costs %v, want 4", got)
	}
	if got := s.Dual[room]; got != -3 {
		t.Errorf("one more unit of room costs %v, want -3", got)
	}
	// It saves 5 x 3 and costs 2.
	if got := s.Reduced[machines]; got != -13 {
		t.Errorf("one more machine costs %v, want -13", got)
	}
}

func TestOptions(t *testing.T) {
	instance := func() *milp.Problem { return flow(rand.New(rand.NewPCG(3, 7))) }
	full, err := instance().Solve(t.Context(), milp.Options{Gap: 1e-9})
	if err != nil || full.Status != milp.Optimal || full.Nodes < 5 {
		t.Fatalf("%s after %d nodes, %v: the instance shows nothing", full.Status, full.Nodes, err)
	}
	solve := func(t *testing.T, opts milp.Options) milp.Solution {
		t.Helper()
		p := instance()
		s, err := p.Solve(t.Context(), opts)
		if err != nil {
			t.Fatal(err)
		}
		if s.X != nil {
			if _, err := certify.Point(p, s.X, tolerance); err != nil {
				t.Error(err)
			}
		}
		if s.Bound > full.Objective+1e-6 && opts.Cutoff == nil {
			t.Errorf("the bound %v is above the optimum %v", s.Bound, full.Objective)
		}
		return s
	}
	t.Run("a limit of nodes leaves a gap that is said", func(t *testing.T) {
		s := solve(t, milp.Options{Gap: 1e-9, Nodes: 1})
		if s.Status != milp.Feasible || s.Nodes != 1 || s.Gap <= 0 || s.Objective < full.Objective-1e-6 {
			t.Errorf("%s, %d nodes, gap %v, objective %v", s.Status, s.Nodes, s.Gap, s.Objective)
		}
	})
	t.Run("a limit of pivots before anything is known", func(t *testing.T) {
		if s := solve(t, milp.Options{Pivots: 1}); s.Status != milp.Unknown || s.X != nil || !math.IsInf(s.Bound, -1) {
			t.Errorf("%s, bound %v", s.Status, s.Bound)
		}
	})
	t.Run("a start is an answer at once", func(t *testing.T) {
		s := solve(t, milp.Options{Start: full.X, Nodes: 1, Gap: 1e-9})
		if !close(s.Objective, full.Objective) {
			t.Errorf("%v from a start of %v", s.Objective, full.Objective)
		}
		if s = solve(t, milp.Options{Start: full.X, Gap: 0.9}); !close(s.Root.Objective, full.Root.Objective) {
			t.Errorf("a start that is good enough hides the root: %v, want %v", s.Root.Objective, full.Root.Objective)
		}
	})
	t.Run("a start that is not feasible is no harm", func(t *testing.T) {
		if s := solve(t, milp.Options{Start: make([]float64, len(full.X)), Gap: 1e-9}); !close(s.Objective, full.Objective) {
			t.Errorf("%v, want %v", s.Objective, full.Objective)
		}
	})
	t.Run("a cutoff above the optimum", func(t *testing.T) {
		cutoff := full.Objective + 0.01
		if s := solve(t, milp.Options{Cutoff: &cutoff, Gap: 1e-9}); s.Status != milp.Optimal || !close(s.Objective, full.Objective) {
			t.Errorf("%s %v, want %v", s.Status, s.Objective, full.Objective)
		}
	})
	t.Run("a cutoff below the optimum", func(t *testing.T) {
		cutoff := full.Objective - 0.01
		if s := solve(t, milp.Options{Cutoff: &cutoff}); s.Status != milp.Infeasible || s.Bound < cutoff-1e-6 {
			t.Errorf("%s, bound %v", s.Status, s.Bound)
		}
	})
	t.Run("a wide gap ends early", func(t *testing.T) {
		if s := solve(t, milp.Options{Gap: 0.9}); s.Status != milp.Optimal || s.Nodes >= full.Nodes {
			t.Errorf("%s after %d nodes", s.Status, s.Nodes)
		}
	})
	t.Run("rounding by the caller", func(t *testing.T) {
		s := solve(t, milp.Options{Round: func([]float64) []float64 { return full.X }, Nodes: 1, Gap: 1e-9})
		if !close(s.Objective, full.Objective) {
			t.Errorf("%v, want %v", s.Objective, full.Objective)
		}
	})
	t.Run("the relaxation alone", func(t *testing.T) {
		s, err := instance().Solve(t.Context(), milp.Options{Relax: true})
		if err != nil || s.Nodes != 1 || !close(s.Objective, full.Root.Objective) || s.Objective >= full.Objective {
			t.Errorf("%v in %d nodes, %v; the root was %v", s.Objective, s.Nodes, err, full.Root.Objective)
		}
	})
	t.Run("a context that is done", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := instance().Solve(ctx, milp.Options{}); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("the same again, to the last bit", func(t *testing.T) {
		for range 3 {
			if s := solve(t, milp.Options{Gap: 1e-9}); !reflect.DeepEqual(s, full) {
				t.Errorf("got %+v\nwant %+v", s, full)
			}
		}
	})
}

// TestPrice cuts stock: rolls of 100 into widths, patterns generated by a
// knapsack over the duals.
func TestPrice(t *testing.T) {
	widths, demand := []int{45, 36, 31, 14}, []float64{97, 610, 395, 211}
	p := milp.New()
	var rows []milp.Row
	for _, n := range demand {
		missing := p.Variable("missing", 0, inf, 1000, milp.Continuous)
		rows = append(rows, p.Constraint("demand", n, inf, milp.Term{Var: missing, Coefficient: 1}))
	}
	columns := 0
	price := func(dual []float64) bool {
		best := make([]float64, 101) // by room
		pick := make([]int, 101)
		for room := 1; room <= 100; room++ {
			best[room], pick[room] = best[room-1], -1
			for i, w := range widths {
				if w <= room && best[room-w]+dual[rows[i]] > best[room]+1e-12 {
					best[room], pick[room] = best[room-w]+dual[rows[i]], i
				}
			}
		}
		if best[100] <= 1+1e-7 {
			return false
		}
		count := make([]float64, len(widths))
		for room := 100; room > 0; {
			if pick[room] < 0 {
				room--
				continue
			}
			count[pick[room]]++
			room -= widths[pick[room]]
		}
		var entries []milp.Entry
		for i, n := range count {
			if n > 0 {
				entries = append(entries, milp.Entry{Row: rows[i], Coefficient: n})
			}
		}
		p.Column("pattern", 0, 1000, 1, milp.Integer, entries...)
		columns++
		return true
	}
	s, err := p.Solve(t.Context(), milp.Options{Price: price, Proof: true, Gap: 1e-9, AbsGap: 0.999})
	if err != nil {
		t.Fatal(err)
	}
	// The textbook's relaxation costs 452.25 (Chvátal, chapter 13).
	if math.Abs(s.Root.Objective-452.25) > 1e-6 || s.Objective != 453 || columns == 0 {
		t.Errorf("relaxation %v, %v rolls, %d columns; want 452.25 and 453", s.Root.Objective, s.Objective, columns)
	}
	bound, _, err := certify.Tree(p, s.Proof)
	if err != nil {
		t.Fatal(err)
	}
	if v, _ := bound.Float64(); v < s.Bound-1e-6 || v < 452 {
		t.Errorf("bound %v, the proof shows %v", s.Bound, v)
	}
}
