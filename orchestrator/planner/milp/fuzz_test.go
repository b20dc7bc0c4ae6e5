package milp_test

import (
	"testing"

	"github.com/skyctl/skyctl/orchestrator/planner/milp"
)

// FuzzSolve reads problems from bytes, small ones with plain figures, solves them,
// changes a side and solves again. Every answer is checked in exact arithmetic.
func FuzzSolve(f *testing.F) {
	f.Add([]byte{2, 1, 0, 9, 3, 0, 4, 250, 1, 5, 3, 2})
	f.Add([]byte{4, 3, 1, 5, 1, 0, 9, 2, 255, 255, 7, 3, 1, 1, 0, 4, 2, 2, 6, 1, 250, 3, 3, 3, 7, 4, 4, 4, 4})
	f.Add([]byte{0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		at := 0
		next := func() float64 {
			if at == len(data) {
				return 0
			}
			at++
			return float64(int8(data[at-1]))
		}
		p := milp.New()
		variables, rows := int(next())&7, int(next())&7
		for range variables {
			lower, length, cost := next(), next(), next()
			upper := lower + length // less than lower is a problem too
			if length == 127 {
				upper = inf
			}
			if lower == -128 {
				lower = -inf
			}
			kind := milp.Kind(int(cost) & 1)
			if kind == milp.Integer {
				lower, upper = max(lower, -20), min(upper, 20)
			}
			p.Variable("x", lower, upper, cost/4, kind)
		}
		for range rows {
			side, length := next(), next()
			lower, upper := side, side+max(0, length)
			if length == 127 {
				upper = inf
			}
			var terms []milp.Term
			for j := range variables {
				terms = append(terms, milp.Term{Var: milp.Var(j), Coefficient: next() / 8})
			}
			p.Constraint("r", lower, upper, terms...)
		}
		for range 2 {
			s, err := p.Solve(t.Context(), milp.Options{Proof: true, Nodes: 300})
			if err != nil {
				t.Fatal(err)
			}
			if err := verify(p, s); err != nil {
				t.Fatalf("%s: %v", s.Status, err)
			}
			if rows > 0 {
				r := p.ConstraintAt(0)
				p.SetSides(0, r.Lower+1, r.Upper+1)
			}
		}
	})
}
