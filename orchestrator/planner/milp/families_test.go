package milp_test

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/skyctl/skyctl/orchestrator/planner/milp"
)

// family makes random problems of one kind; some are infeasible or unbounded.
type family struct {
	name string
	make func(rng *rand.Rand) *milp.Problem
}

var families = []family{
	{"integers", integers}, {"mixed", mixed}, {"free", free}, {"knapsack", knapsack}, {"cover", cover},
	{"degenerate", degenerate}, {"scaled", scaled}, {"flow", flow}, {"overlay", smallOverlay},
}

// integers is small enough to try every point.
func integers(rng *rand.Rand) *milp.Problem {
	p := milp.New()
	n := 1 + rng.IntN(5)
	for j := range n {
		lower := float64(rng.IntN(4) - 2)
		p.Variable(fmt.Sprintf("x%d", j), lower, lower+float64(rng.IntN(4)), float64(rng.IntN(21)-10), milp.Integer)
	}
	for i := range rng.IntN(5) {
		var terms []milp.Term
		for j := range n {
			if c := rng.IntN(9) - 4; c != 0 && rng.IntN(3) > 0 {
				terms = append(terms, milp.Term{Var: milp.Var(j), Coefficient: float64(c)})
			}
		}
		lower, upper := -inf, inf
		switch side := float64(rng.IntN(13) - 6); rng.IntN(5) {
		case 0:
			lower, upper = side, side
		case 1:
			lower, upper = side, side+float64(rng.IntN(4))
		case 2, 3:
			upper = side
		default:
			lower = side
		}
		p.Constraint(fmt.Sprintf("r%d", i), lower, upper, terms...)
	}
	return p
}

// random fills p with rows around a point, so that most are feasible.
func random(rng *rand.Rand, p *milp.Problem, rows int, density float64, scale func() float64) {
	point := make([]float64, p.Variables())
	for j := range point {
		v := p.VariableAt(milp.Var(j))
		point[j] = max(v.Lower, min(v.Upper, float64(rng.IntN(9)-4)))
	}
	for i := range rows {
		var terms []milp.Term
		sum, factor := 0.0, scale()
		for j := range point {
			if rng.Float64() < density {
				c := math.Round(rng.NormFloat64()*100) / 10 * factor
				terms = append(terms, milp.Term{Var: milp.Var(j), Coefficient: c})
				sum += c * point[j]
			}
		}
		lower, upper := -inf, inf
		switch rng.IntN(4) {
		case 0:
			lower, upper = sum, sum
		case 1:
			lower = sum - math.Abs(rng.NormFloat64())*factor
		case 2:
			upper = sum + math.Abs(rng.NormFloat64())*factor
		default:
			lower, upper = sum-factor, sum+2*factor
		}
		if rng.IntN(60) == 0 {
			upper -= 30 * factor // likely infeasible
			lower = min(lower, upper)
		}
		p.Constraint(fmt.Sprintf("r%d", i), lower, upper, terms...)
	}
}

func one() float64 { return 1 }

func mixed(rng *rand.Rand) *milp.Problem {
	p := milp.New()
	for j := range 3 + rng.IntN(25) {
		lower := float64(-rng.IntN(5))
		p.Variable(fmt.Sprintf("x%d", j), lower, lower+float64(rng.IntN(12)), rng.NormFloat64()*5, milp.Kind(rng.IntN(2)))
	}
	random(rng, p, 1+rng.IntN(15), 0.1+0.4*rng.Float64(), one)
	return p
}

// free has variables without bounds on either side or both.
func free(rng *rand.Rand) *milp.Problem {
	p := milp.New()
	for j := range 2 + rng.IntN(12) {
		lower, upper := -inf, inf
		if rng.IntN(3) > 0 {
			lower = float64(-rng.IntN(4))
		}
		if rng.IntN(3) == 0 {
			upper = float64(rng.IntN(5))
		}
		p.Variable(fmt.Sprintf("x%d", j), lower, upper, math.Abs(rng.NormFloat64())+0.1, milp.Continuous)
	}
	random(rng, p, 1+rng.IntN(12), 0.5, one)
	return p
}

func knapsack(rng *rand.Rand) *milp.Problem {
	p := milp.New()
	var terms []milp.Term
	total := 0.0
	for j := range 5 + rng.IntN(25) {
		weight := float64(5 + rng.IntN(40))
		total += weight
		v := p.Variable(fmt.Sprintf("x%d", j), 0, 1, -weight-float64(rng.IntN(10)), milp.Integer)
		terms = append(terms, milp.Term{Var: v, Coefficient: weight})
	}
	p.Constraint("room", -inf, math.Floor(total/2), terms...)
	return p
}

func cover(rng *rand.Rand) *milp.Problem {
	p := milp.New()
	n := 8 + rng.IntN(25)
	for j := range n {
		p.Variable(fmt.Sprintf("x%d", j), 0, 1, float64(1+rng.IntN(5)), milp.Integer)
	}
	for i := range 5 + rng.IntN(30) {
		var terms []milp.Term
		for _, j := range rng.Perm(n)[:2+rng.IntN(4)] {
			terms = append(terms, milp.Term{Var: milp.Var(j), Coefficient: 1})
		}
		p.Constraint(fmt.Sprintf("r%d", i), 1, inf, terms...)
	}
	return p
}

// degenerate is an assignment problem with equal costs in plenty: most steps of
// the simplex method gain nothing.
func degenerate(rng *rand.Rand) *milp.Problem {
	p := milp.New()
	n := 3 + rng.IntN(8)
	byRow, byColumn := make([][]milp.Term, n), make([][]milp.Term, n)
	for i := range n {
		for j := range n {
			v := p.Variable(fmt.Sprintf("x%d.%d", i, j), 0, inf, float64(rng.IntN(3)), milp.Kind(rng.IntN(2)))
			byRow[i] = append(byRow[i], milp.Term{Var: v, Coefficient: 1})
			byColumn[j] = append(byColumn[j], milp.Term{Var: v, Coefficient: 1})
		}
	}
	for i := range n {
		p.Constraint(fmt.Sprintf("row%d", i), 1, 1, byRow[i]...)
		p.Constraint(fmt.Sprintf("column%d", i), 1, 1, byColumn[i]...)
	}
	return p
}

// scaled has rows and columns in units that differ by up to 10^8.
func scaled(rng *rand.Rand) *milp.Problem {
	p := milp.New()
	for j := range 3 + rng.IntN(20) {
		upper := math.Pow(10, float64(rng.IntN(5)))
		p.Variable(fmt.Sprintf("x%d", j), 0, upper, rng.NormFloat64()*math.Pow(10, float64(rng.IntN(5)-2)), milp.Continuous)
	}
	random(rng, p, 2+rng.IntN(12), 0.4, func() float64 { return math.Pow(10, float64(rng.IntN(9)-4)) })
	return p
}

// flow is a fixed-charge network: whole capacity is bought in modules.
func flow(rng *rand.Rand) *milp.Problem {
	p := milp.New()
	n := 4 + rng.IntN(6)
	demand := float64(5 + rng.IntN(20))
	balance := make([][]milp.Term, n)
	for a := range n {
		for b := range n {
			if a == b || rng.IntN(3) == 0 {
				continue
			}
			f := p.Variable(fmt.Sprintf("f%d.%d", a, b), 0, 40, rng.Float64(), milp.Continuous)
			y := p.Variable(fmt.Sprintf("y%d.%d", a, b), 0, 4, 1+5*rng.Float64(), milp.Integer)
			p.Constraint(fmt.Sprintf("capacity%d.%d", a, b), -inf, 0, milp.Term{Var: f, Coefficient: 1}, milp.Term{Var: y, Coefficient: -1 - float64(rng.IntN(9))})
			balance[a] = append(balance[a], milp.Term{Var: f, Coefficient: 1})
			balance[b] = append(balance[b], milp.Term{Var: f, Coefficient: -1})
		}
	}
	for v := range n {
		net := map[int]float64{0: demand, n - 1: -demand}[v]
		p.Constraint(fmt.Sprintf("balance%d", v), net, net, balance[v]...)
	}
	return p
}

func smallOverlay(rng *rand.Rand) *milp.Problem {
	return newOverlay(rng, 4+rng.IntN(6), 1+rng.IntN(2), 1+rng.IntN(2), 5+40*rng.Float64()).Problem
}
