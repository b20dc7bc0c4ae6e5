// Package certify checks answers of a mixed-integer solver in exact rational
// arithmetic. It takes nothing on trust: the point is put into every constraint,
// and the bound is derived anew from dual values by weak duality, for each leaf
// of the tree of branches.
//
// Weak duality needs no optimal duals, so rounding in them costs tightness,
// never validity: for any y, every feasible point costs at least
//
//	sum over rows of min(y_i r_i) + sum over variables of min((c_j - y A_j) x_j)
//
// with each r_i between the row's sides and each x_j between its bounds. What
// the float64s of the problem say is taken as exact.
//
// It shares no code with the solver: of package milp it uses the types that
// hold problem and answer.
package certify

import (
	"fmt"
	"math"
	"math/big"

	"github.com/skyctl/skyctl/orchestrator/planner/milp"
)

// Point checks that x satisfies every bound and constraint of p within
// tolerance, relative to the size of the bound and of the terms, and that its
// integers are whole, exactly. It returns what x costs.
func Point(p *milp.Problem, x []float64, tolerance float64) (cost *big.Rat, err error) {
	if len(x) != p.Variables() {
		return nil, fmt.Errorf("certify: %d values for %d variables", len(x), p.Variables())
	}
	cost = new(big.Rat)
	for j, at := range x {
		if math.IsNaN(at) || math.IsInf(at, 0) {
			return nil, fmt.Errorf("certify: variable %d is %v", j, at)
		}
		v := p.VariableAt(milp.Var(j))
		value := rat(at)
		if v.Kind == milp.Integer && !value.IsInt() {
			return nil, fmt.Errorf("certify: integer %q is %v", v.Name, at)
		}
		if err := within(value, v.Lower, v.Upper, rat(1), tolerance); err != nil {
			return nil, fmt.Errorf("certify: variable %q: %w", v.Name, err)
		}
		cost.Add(cost, new(big.Rat).Mul(rat(v.Cost), value))
	}
	for i := range p.Constraints() {
		r := p.ConstraintAt(milp.Row(i))
		sum, size := new(big.Rat), rat(1)
		for _, t := range r.Terms {
			term := new(big.Rat).Mul(rat(t.Coefficient), rat(x[t.Var]))
			sum.Add(sum, term)
			if term.Abs(term).Cmp(size) > 0 {
				size = term
			}
		}
		if err := within(sum, r.Lower, r.Upper, size, tolerance); err != nil {
			return nil, fmt.Errorf("certify: constraint %q: %w", r.Name, err)
		}
	}
	return cost, nil
}

// within checks lower <= value <= upper, each side within tolerance times the
// largest of its own size and that of the terms.
func within(value *big.Rat, lower, upper float64, size *big.Rat, tolerance float64) error {
	for _, side := range []struct {
		at     float64
		beyond int
	}{{lower, -1}, {upper, 1}} {
		if math.IsInf(side.at, 0) {
			continue
		}
		by := new(big.Rat).Sub(value, rat(side.at))
		if by.Sign() != side.beyond {
			continue
		}
		allowed := new(big.Rat).Abs(rat(side.at))
		if size.Cmp(allowed) > 0 {
			allowed.Set(size)
		}
		allowed.Mul(allowed, rat(tolerance))
		if by.Abs(by).Cmp(allowed) > 0 {
			return fmt.Errorf("%s is beyond the bound %v", value.FloatString(9), side.at)
		}
	}
	return nil
}

func rat(x float64) *big.Rat { return new(big.Rat).SetFloat64(x) }
