package milp

import "math"

// conclude turns what the search found into a Solution.
func (s *search) conclude(root *node, unbounded bool) Solution {
	bound := s.floor
	for _, n := range s.open {
		bound = min(bound, n.bound)
	}
	answer := Solution{Status: Infeasible}
	switch {
	case unbounded:
		answer.Status, bound = Unbounded, math.Inf(-1)
	case s.answer != nil:
		answer = *s.answer
		answer.Status = Feasible
		if s.closed(bound) {
			answer.Status = Optimal
		}
		bound = min(bound, answer.Objective)
		answer.Gap = gap(answer.Objective, bound)
	case len(s.open) > 0 || s.dropped:
		answer.Status = Unknown
	}
	answer.Bound = bound
	answer.Root = s.root
	answer.Nodes, answer.Pivots = s.nodes, s.lp.Pivots-s.from
	answer.Proof = root.proof
	return answer
}

// gap returns how far bound is below objective, as a fraction of it. What is left
// of rounding is no gap.
func gap(objective, bound float64) float64 {
	by := objective - bound
	if by <= rounding(objective) {
		return 0
	}
	if objective == 0 {
		return math.Inf(1)
	}
	return by / math.Abs(objective)
}

// rounding is how far sums of the size of x are from exact.
func rounding(x float64) float64 { return 1e-9 * (1 + math.Abs(x)) }

// cost returns what x costs.
func (p *Problem) cost(x []float64) float64 {
	sum := 0.0
	for j, v := range p.variables {
		sum += v.Cost * x[j]
	}
	return sum
}
