package certify

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"

	"github.com/skyctl/skyctl/orchestrator/planner/milp"
)

// ErrUnproven says that the duals prove no bound: one of them needs a bound that
// a variable or constraint does not have.
var ErrUnproven = errors.New("certify: the dual values prove no bound")

// Relaxation returns the bound that dual proves for the problem without its
// integrality.
func Relaxation(p *milp.Problem, dual []float64) (*big.Rat, error) {
	b := newBox(p)
	bound, ok, err := b.bound(dual, false)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, ErrUnproven
	}
	return bound, nil
}

// Tree returns the least bound that the leaves of the tree of branches prove,
// nil if they prove that nothing is feasible, and how many leaves there are.
func Tree(p *milp.Problem, proof *milp.Proof) (bound *big.Rat, leaves int, err error) {
	if proof == nil {
		return nil, 0, errors.New("certify: no proof; solve with Options.Proof")
	}
	b := newBox(p)
	for j := range b.lower {
		if v := p.VariableAt(milp.Var(j)); v.Kind == milp.Integer {
			b.lower[j], b.upper[j] = math.Ceil(v.Lower), math.Floor(v.Upper)
		}
	}
	return b.tree(proof)
}

// box is the problem within bounds that branches narrow.
type box struct {
	p            *milp.Problem
	lower, upper []float64
	rows         []milp.Constraint
}

func newBox(p *milp.Problem) *box {
	b := &box{p: p}
	for j := range p.Variables() {
		v := p.VariableAt(milp.Var(j))
		b.lower = append(b.lower, v.Lower)
		b.upper = append(b.upper, v.Upper)
	}
	for i := range p.Constraints() {
		b.rows = append(b.rows, p.ConstraintAt(milp.Row(i)))
	}
	return b
}

func (b *box) tree(n *milp.Proof) (bound *big.Rat, leaves int, err error) {
	if n.Down == nil && n.Up == nil {
		return b.leaf(n)
	}
	if n.Down == nil || n.Up == nil {
		return nil, 0, fmt.Errorf("certify: a branch on variable %d has one half only", n.Branch)
	}
	j := int(n.Branch)
	if j < 0 || j >= len(b.lower) || b.p.VariableAt(n.Branch).Kind != milp.Integer || n.At != math.Floor(n.At) {
		return nil, 0, fmt.Errorf("certify: branch on variable %d at %v leaves out something", j, n.At)
	}
	lower, upper := b.lower[j], b.upper[j]
	b.upper[j] = min(upper, n.At)
	down, leavesDown, err := b.tree(n.Down)
	b.upper[j] = upper
	if err != nil {
		return nil, 0, err
	}
	b.lower[j] = max(lower, n.At+1)
	up, leavesUp, err := b.tree(n.Up)
	b.lower[j] = lower
	if err != nil {
		return nil, 0, err
	}
	if down == nil || up != nil && up.Cmp(down) < 0 {
		down = up
	}
	return down, leavesDown + leavesUp, nil
}

// leaf returns the bound of a leaf, nil if it is proven empty.
func (b *box) leaf(n *milp.Proof) (*big.Rat, int, error) {
	for j := range b.lower {
		if b.lower[j] > b.upper[j] {
			return nil, 1, nil
		}
	}
	for _, r := range b.rows {
		if r.Lower > r.Upper {
			return nil, 1, nil
		}
	}
	bound, ok, err := b.bound(n.Dual, n.Farkas)
	switch {
	case err != nil:
		return nil, 0, err
	case !ok:
		return nil, 0, ErrUnproven
	case n.Farkas && bound.Sign() > 0:
		return nil, 1, nil
	case n.Farkas:
		return nil, 0, errors.New("certify: a leaf that is called empty is not proven so")
	}
	return bound, 1, nil
}

// bound computes the bound that y proves within the box, on the cost, or on a
// cost of zero. It is not ok where that is minus infinity.
//
// A dual whose row has no side on its sign counts as zero, and a reduced cost
// that only rounding keeps from zero is made zero, where the variable has no
// bound to pay for it, by adding a multiple of a row that has room: neither
// changes that any y is valid.
func (b *box) bound(y []float64, farkas bool) (sum *big.Rat, ok bool, err error) {
	if len(y) != len(b.rows) {
		return nil, false, fmt.Errorf("certify: %d dual values for %d constraints", len(y), len(b.rows))
	}
	dual := make([]*big.Rat, len(y))
	for i, v := range y {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, false, fmt.Errorf("certify: the dual value of constraint %q is %v", b.rows[i].Name, v)
		}
		if v > 0 && math.IsInf(b.rows[i].Lower, 0) || v < 0 && math.IsInf(b.rows[i].Upper, 0) {
			v = 0
		}
		dual[i] = rat(v)
	}
	reduced := make([]*big.Rat, len(b.lower))
	for j := range reduced {
		reduced[j] = new(big.Rat)
		if !farkas {
			reduced[j] = rat(b.p.VariableAt(milp.Var(j)).Cost)
		}
	}
	for i, r := range b.rows {
		if dual[i].Sign() == 0 {
			continue
		}
		for _, t := range r.Terms {
			reduced[t.Var].Sub(reduced[t.Var], new(big.Rat).Mul(dual[i], rat(t.Coefficient)))
		}
	}
	if !b.repair(dual, reduced) {
		return nil, false, nil
	}
	sum = new(big.Rat)
	for i, r := range b.rows {
		if !least(sum, dual[i], r.Lower, r.Upper) {
			return nil, false, nil
		}
	}
	for j := range reduced {
		if !least(sum, reduced[j], b.lower[j], b.upper[j]) {
			return nil, false, nil
		}
	}
	return sum, true, nil
}

// least adds the least of d times what lies between lower and upper to sum.
func least(sum, d *big.Rat, lower, upper float64) bool {
	at := lower
	if d.Sign() < 0 {
		at = upper
	}
	if d.Sign() == 0 {
		return true
	}
	if math.IsInf(at, 0) {
		return false
	}
	sum.Add(sum, new(big.Rat).Mul(d, rat(at)))
	return true
}

// repair makes the reduced costs of variables without the bound that they need
// zero or of the other sign. Each is the matter of one small system: the rows in
// which such variables stand are solved for, exactly, by elimination.
func (b *box) repair(dual, reduced []*big.Rat) bool {
	var wrong []int
	for j, d := range reduced {
		if d.Sign() > 0 && math.IsInf(b.lower[j], -1) || d.Sign() < 0 && math.IsInf(b.upper[j], 1) {
			wrong = append(wrong, j)
		}
	}
	if len(wrong) == 0 {
		return true
	}
	// Variables that need an exact zero, or that sit at zero and lack a bound,
	// stay there: their columns are the equations.
	for j, d := range reduced {
		free := math.IsInf(b.lower[j], -1) || math.IsInf(b.upper[j], 1)
		if v, _ := d.Float64(); free && math.Abs(v) < 1e-7*(1+math.Abs(b.p.VariableAt(milp.Var(j)).Cost)) && !slices.Contains(wrong, j) {
			wrong = append(wrong, j)
		}
	}
	correction := b.correct(wrong, dual, reduced)
	if correction == nil {
		return false
	}
	for i, c := range correction {
		if c == nil || c.Sign() == 0 {
			continue
		}
		dual[i].Add(dual[i], c)
		for _, t := range b.rows[i].Terms {
			reduced[t.Var].Sub(reduced[t.Var], new(big.Rat).Mul(c, rat(t.Coefficient)))
		}
	}
	return true
}
