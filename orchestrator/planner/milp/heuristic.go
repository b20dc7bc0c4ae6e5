package milp

import (
	"math"

	"github.com/skyctl/skyctl/orchestrator/planner/milp/internal/simplex"
)

// lock counts the constraints that an integer may violate when it moves.
type lock struct{ down, up int }

// prepare counts locks and makes room for pseudo-costs.
func (s *search) prepare() {
	s.costs = make([]pseudo, len(s.p.variables))
	s.locks = make([]lock, len(s.p.variables))
	for _, r := range s.p.rows {
		for _, t := range r.Terms {
			l := &s.locks[t.Var]
			rises, falls := t.Coefficient > 0, t.Coefficient < 0
			if !math.IsInf(r.Upper, 1) && rises || !math.IsInf(r.Lower, -1) && falls {
				l.up++
			}
			if !math.IsInf(r.Upper, 1) && falls || !math.IsInf(r.Lower, -1) && rises {
				l.down++
			}
		}
	}
}

// heuristics look for answers near the relaxation r of n: rounded, as the caller
// rounds, and by diving. They leave the program changed.
func (s *search) heuristics(n *node, r Relaxation, basis simplex.Basis) {
	// Often at first, then rarely: most answers are found early.
	if s.nodes&(s.nodes-1) != 0 && s.nodes%32 != 0 {
		return
	}
	s.try(s.rounded(r.X))
	if s.opts.Round != nil {
		if x := s.opts.Round(r.X); x != nil {
			s.try(x)
		}
	}
	if s.nodes <= 1 || s.nodes%32 == 0 || s.answer == nil {
		s.dive(n, r, basis)
	}
}

// rounded returns x with its integers rounded: towards where no constraint
// minds, to the nearest where both sides do.
func (s *search) rounded(x []float64) []float64 {
	y := append([]float64(nil), x...)
	for _, j := range s.integers {
		if isFraction(x[j]) {
			y[j] = s.round(j, x[j])
		}
	}
	return y
}

func (s *search) round(j int, x float64) float64 {
	switch l := s.locks[j]; {
	case l.up == 0 && l.down > 0:
		return math.Ceil(x)
	case l.down == 0 && l.up > 0:
		return math.Floor(x)
	}
	return math.Round(x)
}

// try makes an answer of x if its integers, rounded to whole numbers within
// their bounds, allow one, and reports whether they do. It changes the bounds of
// the program.
func (s *search) try(x []float64) bool {
	if len(x) < len(s.p.variables) || s.spent() {
		return false
	}
	s.at = nil
	for _, j := range s.integers {
		if math.IsNaN(x[j]) {
			return false
		}
		v := s.p.variables[j]
		lower, upper := whole(v.Lower, v.Upper)
		if lower > upper {
			return false
		}
		at := max(lower, min(upper, math.Round(x[j])))
		s.lp.SetBounds(j, at, at)
	}
	return s.complete()
}

// complete solves the program, in which all integers are fixed, and keeps the
// outcome if it is the best so far. It reports whether there is an outcome, or
// it is proven to be no better.
func (s *search) complete() bool {
	limit := s.limits()
	limit.Objective = s.best()
	end, err := s.lp.Solve(s.ctx, limit)
	if err != nil || end != simplex.Optimal {
		return end == simplex.Cut && err == nil // nothing comes of a guess that does not solve
	}
	r := s.values()
	if r.Objective >= s.best() {
		return true
	}
	for _, j := range s.integers {
		r.X[j] = math.Round(r.X[j])
	}
	s.answer = &Solution{X: r.X, Objective: s.p.cost(r.X), Dual: r.Dual, Reduced: r.Reduced}
	return true
}

// best is what a new answer must cost less than.
func (s *search) best() float64 {
	best := math.Inf(1)
	if s.opts.Cutoff != nil {
		best = *s.opts.Cutoff
	}
	if s.answer != nil {
		best = min(best, s.answer.Objective)
	}
	return best
}

// accept makes an answer of a relaxation whose integers are whole.
func (s *search) accept(r Relaxation) {
	if len(s.integers) == 0 {
		if r.Objective < s.best() {
			s.answer = &Solution{X: r.X, Objective: r.Objective, Dual: r.Dual, Reduced: r.Reduced}
		}
		return
	}
	if !s.try(r.X) {
		// Whole within rounding, and not feasible when whole.
		s.dropped = true
	}
}

// dive follows the relaxation down: it fixes the integer nearest to a whole
// number, solves, and goes on until an answer is found or none can be better.
func (s *search) dive(n *node, r Relaxation, basis simplex.Basis) {
	s.resume(n, basis)
	s.at = nil
	x := r.X
	for range len(s.integers) {
		j, value := s.nearest(x)
		if j < 0 {
			s.try(x)
			return
		}
		s.lp.SetBounds(j, value, value)
		limit := s.limits()
		limit.Objective = s.best()
		end, err := s.lp.Solve(s.ctx, limit)
		if err != nil || end != simplex.Optimal || s.spent() {
			return
		}
		x = s.values().X
	}
}

// nearest returns the fractional integer that is nearest to the whole number it
// is rounded to, and that number; -1 if none is fractional.
func (s *search) nearest(x []float64) (j int, value float64) {
	j = -1
	least := math.Inf(1)
	for _, k := range s.integers {
		if !isFraction(x[k]) {
			continue
		}
		at := math.Round(x[k])
		if by := math.Abs(x[k] - at); by < least {
			least, j, value = by, k, at
		}
	}
	return j, value
}
