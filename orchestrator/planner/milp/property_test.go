package milp_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/skyctl/skyctl/orchestrator/planner/milp"
	"github.com/skyctl/skyctl/orchestrator/planner/milp/certify"
)

// tolerance of the checks, relative to the size of what is compared.
const tolerance = 1e-6

func close(a, b float64) bool {
	return math.Abs(a-b) <= tolerance*(1+max(math.Abs(a), math.Abs(b)))
}

// verify checks an answer that was solved with Proof: the point and the bound in
// exact arithmetic, and that the answer agrees with them.
func verify(p *milp.Problem, s milp.Solution) error {
	if s.Status == milp.Unbounded || s.Status == milp.Unknown {
		return nil
	}
	bound, _, err := certify.Tree(p, s.Proof)
	if err != nil {
		return err
	}
	if s.Status == milp.Infeasible {
		if bound != nil {
			return fmt.Errorf("infeasible, but the proof allows costs from %s", bound.FloatString(6))
		}
		return nil
	}
	cost, err := certify.Point(p, s.X, tolerance)
	if err != nil {
		return err
	}
	if v, _ := cost.Float64(); !close(v, s.Objective) {
		return fmt.Errorf("the point costs %v, the answer says %v", v, s.Objective)
	}
	if bound == nil {
		return errors.New("an answer whose proof says that there is none")
	}
	if v, _ := bound.Float64(); v < s.Bound-tolerance*(1+math.Abs(s.Bound)) {
		return fmt.Errorf("the bound is %v, the proof shows %v", s.Bound, v)
	}
	if s.Bound > s.Objective {
		return fmt.Errorf("the bound %v is above the objective %v", s.Bound, s.Objective)
	}
	if s.Status == milp.Optimal && s.Gap > milp.DefaultGap {
		return fmt.Errorf("optimal with a gap of %v", s.Gap)
	}
	return nil
}

func TestEveryAnswerIsCertified(t *testing.T) {
	for _, f := range families {
		t.Run(f.name, func(t *testing.T) {
			counts := map[milp.Status]int{}
			for seed := range uint64(80) {
				p := f.make(rand.New(rand.NewPCG(seed, 7)))
				s, err := p.Solve(t.Context(), milp.Options{Proof: true})
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				counts[s.Status]++
				if err := verify(p, s); err != nil {
					t.Errorf("seed %d: %s: %v", seed, s.Status, err)
				}
			}
			t.Log(counts)
			if counts[milp.Unknown] > 0 || counts[milp.Feasible] > 0 {
				t.Errorf("no limit was set, and the answers are %v", counts)
			}
		})
	}
}

// enumerate returns the least cost of a problem of integers by trying all points.
func enumerate(p *milp.Problem) (best float64, found bool) {
	x := make([]float64, p.Variables())
	best = inf
	var walk func(j int)
	walk = func(j int) {
		if j < len(x) {
			v := p.VariableAt(milp.Var(j))
			for x[j] = v.Lower; x[j] <= v.Upper; x[j]++ {
				walk(j + 1)
			}
			return
		}
		cost := 0.0
		for k, at := range x {
			cost += at * p.VariableAt(milp.Var(k)).Cost
		}
		for i := range p.Constraints() {
			r := p.ConstraintAt(milp.Row(i))
			sum := 0.0
			for _, t := range r.Terms {
				sum += t.Coefficient * x[t.Var]
			}
			if sum < r.Lower || sum > r.Upper {
				return
			}
		}
		best, found = min(best, cost), true
	}
	walk(0)
	return best, found
}

func TestAgreesWithTryingEveryPoint(t *testing.T) {
	infeasible := 0
	for seed := range uint64(1500) {
		p := integers(rand.New(rand.NewPCG(seed, 11)))
		s, err := p.Solve(t.Context(), milp.Options{Gap: 1e-9})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		best, found := enumerate(p)
		switch {
		case !found:
			infeasible++
			if s.Status != milp.Infeasible {
				t.Errorf("seed %d: %s, want infeasible", seed, s.Status)
			}
		case s.Status != milp.Optimal || s.Objective != best:
			t.Errorf("seed %d: %s %v, want %v", seed, s.Status, s.Objective, best)
		}
	}
	if infeasible < 50 || infeasible > 1400 {
		t.Errorf("%d of 1500 are infeasible: the instances show little", infeasible)
	}
}

// TestSolvingAgainIsSolvingAnew changes problems in every way and compares with
// the same problem solved without a past.
func TestSolvingAgainIsSolvingAnew(t *testing.T) {
	for _, f := range families {
		t.Run(f.name, func(t *testing.T) {
			for seed := range uint64(20) {
				rng := rand.New(rand.NewPCG(seed, 13))
				p := f.make(rng)
				for step := range 6 {
					s, err := p.Solve(t.Context(), milp.Options{Gap: 1e-7, Proof: true})
					if err != nil {
						t.Fatalf("seed %d step %d: %v", seed, step, err)
					}
					if err := verify(p, s); err != nil {
						t.Errorf("seed %d step %d: %s: %v", seed, step, s.Status, err)
					}
					fresh, err := clone(p).Solve(t.Context(), milp.Options{Gap: 1e-7})
					if err != nil {
						t.Fatalf("seed %d step %d, fresh: %v", seed, step, err)
					}
					if s.Status != fresh.Status || !close(s.Objective, fresh.Objective) {
						t.Errorf("seed %d step %d: %s %v, anew %s %v", seed, step, s.Status, s.Objective, fresh.Status, fresh.Objective)
					}
					change(rng, p)
				}
			}
		})
	}
}

// TestTheBasisIsKept: after any change the next solve takes few pivots.
func TestTheBasisIsKept(t *testing.T) {
	o := newOverlay(rand.New(rand.NewPCG(4, 2)), 20, 2, 3, 20)
	cold, err := o.Solve(t.Context(), milp.Options{Relax: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func()
	}{
		{"nothing", func() {}},
		{"a cost", func() { o.SetCost(o.machines[0], 1.5*o.VariableAt(o.machines[0]).Cost) }},
		{"a bound", func() { o.SetBounds(o.machines[1], 0, 1) }},
		{"a coefficient", func() { o.SetCoefficient(0, o.machines[0], 1.5) }},
		{"a row", func() { o.Constraint("new", -inf, 5, milp.Term{Var: o.machines[0], Coefficient: 1}) }},
		{"a column", func() { o.Column("new", 0, 5, 0.1, milp.Continuous, milp.Entry{Row: o.goals[0], Coefficient: 1}) }},
	} {
		c.change()
		s, err := o.Solve(t.Context(), milp.Options{Relax: true})
		if err != nil || s.Status != milp.Optimal {
			t.Fatalf("%s: %s, %v", c.name, s.Status, err)
		}
		if s.Pivots > cold.Pivots/4 {
			t.Errorf("%s: %d pivots, from nothing it was %d", c.name, s.Pivots, cold.Pivots)
		}
	}
}

// change makes one change of a random kind.
func change(rng *rand.Rand, p *milp.Problem) {
	j := milp.Var(rng.IntN(p.Variables()))
	v := p.VariableAt(j)
	if p.Constraints() == 0 {
		p.SetCost(j, v.Cost+1)
		return
	}
	i := milp.Row(rng.IntN(p.Constraints()))
	r := p.ConstraintAt(i)
	switch rng.IntN(6) {
	case 0:
		p.SetCost(j, v.Cost*(0.5+rng.Float64()))
	case 1:
		lower := max(v.Lower, -10)
		p.SetBounds(j, lower, lower+math.Floor((min(v.Upper, lower+10)-lower)/2))
	case 2:
		by := math.Round(rng.NormFloat64() * 2)
		p.SetSides(i, r.Lower+by, r.Upper+by)
	case 3:
		if len(r.Terms) > 0 {
			k := rng.IntN(len(r.Terms))
			p.SetCoefficient(i, r.Terms[k].Var, r.Terms[k].Coefficient*1.25)
		}
	case 4:
		p.Column("new", 0, 3, v.Cost*0.9, v.Kind, milp.Entry{Row: i, Coefficient: 1 + math.Round(rng.Float64()*3)})
	default:
		p.Constraint("new", -inf, 50, milp.Term{Var: j, Coefficient: 1})
	}
}

func clone(p *milp.Problem) *milp.Problem {
	q := milp.New()
	for j := range p.Variables() {
		v := p.VariableAt(milp.Var(j))
		q.Variable(v.Name, v.Lower, v.Upper, v.Cost, v.Kind)
	}
	for i := range p.Constraints() {
		r := p.ConstraintAt(milp.Row(i))
		q.Constraint(r.Name, r.Lower, r.Upper, r.Terms...)
	}
	return q
}
