package milp

import (
	"math"

	"github.com/skyctl/skyctl/orchestrator/planner/milp/internal/simplex"
)

// enter makes the program that of n, from the basis its parent ended at.
func (s *search) enter(n *node) {
	s.resume(n, n.basis)
}

// resume makes the program that of n, with the basis to start from; nil leaves
// the one there is. Where the program is that of n already, solved, it does
// nothing.
func (s *search) resume(n *node, basis simplex.Basis) {
	if s.at == n {
		return
	}
	for _, j := range s.integers {
		v := s.p.variables[j]
		lower, upper := whole(v.Lower, v.Upper)
		s.lp.SetBounds(j, lower, upper)
	}
	// The deepest branch on a variable is the narrowest.
	seen := make(map[int]bool)
	for m := n; m != nil && m.branch >= 0; m = m.parent {
		if !seen[m.branch] {
			seen[m.branch] = true
			s.lp.SetBounds(m.branch, m.lower, m.upper)
		}
	}
	if basis != nil {
		s.lp.SetBasis(basis)
	}
}

// narrow makes the program that of n, a child of the node it is.
func (s *search) narrow(n *node) {
	s.at = nil
	s.lp.SetBounds(n.branch, n.lower, n.upper)
}

// boundsOf returns the bounds of integer j in n.
func (s *search) boundsOf(n *node, j int) (lower, upper float64) {
	for ; n != nil && n.branch >= 0; n = n.parent {
		if n.branch == j {
			return n.lower, n.upper
		}
	}
	v := s.p.variables[j]
	return whole(v.Lower, v.Upper)
}

// fractional returns how many integers are fractional in x.
func (s *search) fractional(x []float64) int {
	count := 0
	for _, j := range s.integers {
		if isFraction(x[j]) {
			count++
		}
	}
	return count
}

func isFraction(x float64) bool { return math.Abs(x-math.Round(x)) > integral }
