package milp

import (
	"cmp"
	"math"
	"slices"

	"github.com/skyctl/skyctl/orchestrator/planner/milp/internal/simplex"
)

const (
	// reliable is how many branches on a variable make its pseudo-costs
	// trusted; before, candidates are tried (strong branching).
	reliable = 2
	// tried is how many candidates a node tries, and trial the pivots of each.
	tried = 8
	trial = 60
)

// pseudo is what branches on an integer cost so far: the sum of the objective's
// rise a unit of the fraction cut off, and how often.
type pseudo struct {
	down, up           float64
	downCount, upCount int
}

// estimate returns the rise to expect of both halves of a branch at x.
func (c pseudo) estimate(x, usual float64) (down, up float64) {
	f := x - math.Floor(x)
	down, up = usual*f, usual*(1-f)
	if c.downCount > 0 {
		down = c.down / float64(c.downCount) * f
	}
	if c.upCount > 0 {
		up = c.up / float64(c.upCount) * (1 - f)
	}
	return down, up
}

// learn notes what the branch to n did to the objective.
func (s *search) learn(n *node, objective float64) {
	if n.branch < 0 || n.fraction <= 0 || math.IsInf(n.parent.bound, 0) {
		return
	}
	s.note(n.branch, n.up, max(0, objective-n.parent.bound)/n.fraction)
}

func (s *search) note(j int, up bool, rise float64) {
	c := &s.costs[j]
	if up {
		c.up += rise
		c.upCount++
	} else {
		c.down += rise
		c.downCount++
	}
}

// branch splits n at the integer that promises to raise the bound of both
// halves most, and opens them.
func (s *search) branch(n *node, r Relaxation, basis simplex.Basis) {
	j := s.choose(n, r, basis)
	x := r.X[j]
	at := math.Floor(x)
	lower, upper := s.boundsOf(n, j)
	down := &node{parent: n, branch: j, lower: lower, upper: at, fraction: x - at}
	up := &node{parent: n, branch: j, lower: at + 1, upper: upper, up: true, fraction: at + 1 - x}
	for _, child := range []*node{down, up} {
		child.bound, child.depth, child.basis = n.bound, n.depth+1, basis
		s.number++
		child.number = s.number
		if n.proof != nil {
			child.proof = &Proof{Dual: n.proof.Dual} // the parent's hold in its halves
		}
		s.push(child)
	}
	if n.proof != nil {
		*n.proof = Proof{Branch: Var(j), At: at, Down: down.proof, Up: up.proof}
	}
	s.resume(n, basis)
	s.children = [2]*node{down, up}
}

// choose returns the integer to branch on.
func (s *search) choose(n *node, r Relaxation, basis simplex.Basis) int {
	list := s.ranked(r.X)
	best, score := list[0], -1.0
	trials := 0
	for _, j := range list {
		c := s.costs[j]
		if trials < tried && (c.downCount < reliable || c.upCount < reliable) && s.opts.Price == nil && !s.spent() {
			trials++
			if empty := s.probe(n, j, r, basis); empty {
				return j // one half is gone: nothing is cheaper
			}
		}
		down, up := s.costs[j].estimate(r.X[j], s.usual())
		if v := max(down, 1e-9) * max(up, 1e-9); v > score {
			best, score = j, v
		}
	}
	return best
}

// ranked returns the fractional integers of the highest priority, the most
// promising first.
func (s *search) ranked(x []float64) []int {
	var list []int
	priority := math.MinInt
	for _, j := range s.integers {
		if !isFraction(x[j]) {
			continue
		}
		if p := s.p.variables[j].Priority; p > priority {
			list, priority = list[:0], p
		} else if p < priority {
			continue
		}
		list = append(list, j)
	}
	usual := s.usual()
	merit := func(j int) float64 {
		down, up := s.costs[j].estimate(x[j], usual)
		return max(down, 1e-9) * max(up, 1e-9)
	}
	slices.SortStableFunc(list, func(a, b int) int { return cmp.Compare(merit(b), merit(a)) })
	return list
}

// usual returns the mean rise of all branches so far, 1 before the first.
func (s *search) usual() float64 {
	sum, count := 0.0, 0
	for _, j := range s.integers {
		c := s.costs[j]
		sum += c.down + c.up
		count += c.downCount + c.upCount
	}
	if count == 0 || sum == 0 {
		return 1
	}
	return sum / float64(count)
}

// probe solves both halves of a branch on j for a few pivots and notes what they
// cost. It reports that one of them is empty.
func (s *search) probe(n *node, j int, r Relaxation, basis simplex.Basis) (empty bool) {
	lower, upper := s.boundsOf(n, j)
	at := math.Floor(r.X[j])
	for _, up := range []bool{false, true} {
		s.resume(n, basis)
		s.at = nil
		fraction := r.X[j] - at
		if up {
			fraction = 1 - fraction
			s.lp.SetBounds(j, at+1, upper)
		} else {
			s.lp.SetBounds(j, lower, at)
		}
		limit := s.limits()
		limit.Objective = s.threshold()
		if limit.Pivots == 0 || limit.Pivots > trial {
			limit.Pivots = trial
		}
		end, err := s.lp.Solve(s.ctx, limit)
		switch {
		case err != nil: // a trial that does not end says nothing
		case end == simplex.Infeasible, end == simplex.Cut:
			empty = true
		default:
			s.note(j, up, max(0, s.lp.Objective()-r.Objective)/fraction)
		}
	}
	return empty
}

// plunge takes the half of n that looks better out of the open nodes, nil if n
// was not split. An integer goes up where that is at most as dear as down: it
// is then feasible sooner in problems that buy capacity.
func (s *search) plunge(n *node) *node {
	down, up := s.children[0], s.children[1]
	s.children = [2]*node{}
	if down == nil || down.parent != n {
		return nil
	}
	x := down.upper + down.fraction
	cheap, dear := s.costs[down.branch].estimate(x, s.usual())
	child := down
	if dear <= cheap {
		child = up
	}
	s.remove(child)
	return child
}
