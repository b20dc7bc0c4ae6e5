package milp

import (
	"context"
	"math"

	"github.com/skyctl/skyctl/orchestrator/planner/milp/internal/simplex"
)

// integral is how far from a whole number the relaxation's value of an integer
// may be to count as one. Answers are solved again with whole numbers.
const integral = 1e-6

// search is one run of branch and bound.
type search struct {
	ctx      context.Context
	p        *Problem
	lp       *simplex.LP
	opts     Options
	integers []int
	locks    []lock
	costs    []pseudo // by variable
	from     int      // lp.Pivots at the start

	answer *Solution // the best so far
	floor  float64   // the least bound of what was pruned
	open   queue
	nodes  int
	number int
	root   Relaxation
	basis  simplex.Basis // the root's, from which the next solve starts
	err    error

	at       *node    // whose relaxation the program is, as solved; nil after any change
	dropped  bool     // a node was given up without an answer or a proof that it has none
	children [2]*node // of the node expanded last, nil if it was not split
}

// Solve minimises. It starts from the basis at which the relaxation of the last
// solve of p ended. The error tells of wrong figures in the problem, a done
// context, or coefficients so far apart in size that rounding defeats the
// simplex method; everything else is a Status.
func (p *Problem) Solve(ctx context.Context, opts Options) (Solution, error) {
	if p.err != nil {
		return Solution{}, p.err
	}
	if opts.Gap == 0 {
		opts.Gap = DefaultGap
	}
	p.sync()
	s := &search{ctx: ctx, p: p, lp: p.lp, opts: opts, from: p.lp.Pivots, floor: math.Inf(1)}
	for j, v := range p.variables {
		if v.Kind == Integer && !opts.Relax {
			s.integers = append(s.integers, j)
		}
	}
	s.prepare()
	root := &node{branch: -1, bound: math.Inf(-1)}
	if opts.Proof {
		root.proof = &Proof{}
	}
	unbounded := s.run(root)
	if s.basis != nil && s.at != root {
		p.lp.SetBasis(s.basis)
	}
	if err := ctx.Err(); err != nil {
		return Solution{}, err
	}
	if s.err != nil {
		return Solution{}, s.err
	}
	return s.conclude(root, unbounded), nil
}

// run searches from the root until the gap is closed or a limit is reached. It
// reports a relaxation that is unbounded.
func (s *search) run(root *node) (unbounded bool) {
	if s.opts.Start != nil {
		s.try(s.opts.Start)
	}
	s.enter(root)
	for n := root; n != nil && s.err == nil; n = s.next(n) {
		if s.limit() {
			s.push(n)
			return false
		}
		relaxation, end := s.relax(n)
		switch end {
		case simplex.Unbounded:
			return true
		case simplex.Stopped:
			s.push(n)
			return false
		case simplex.Infeasible, simplex.Cut:
			continue
		}
		if n == root {
			s.root, s.basis = relaxation, s.lp.Basis()
		}
		s.expand(n, relaxation)
	}
	return false
}

// relax solves the relaxation of n, prices it, and updates n's bound and proof.
func (s *search) relax(n *node) (Relaxation, simplex.Outcome) {
	s.nodes++
	limit := s.limits()
	// Columns to come may lower the optimum, and the root's is always told.
	if s.opts.Price == nil && n.parent != nil {
		limit.Objective = s.threshold()
	}
	for {
		end, err := s.lp.Solve(s.ctx, limit)
		if err != nil {
			s.err = err
			return Relaxation{}, simplex.Stopped
		}
		switch end {
		case simplex.Infeasible:
			n.prove(s.lp.Farkas(), true)
			return Relaxation{}, end
		case simplex.Cut:
			dual := s.lp.Duals()
			n.bound = max(n.bound, s.lp.Bound(dual, s.lp.Reduced(dual)))
			s.floor = min(s.floor, n.bound)
			n.prove(dual, false)
			return Relaxation{}, end
		case simplex.Unbounded, simplex.Stopped:
			return Relaxation{}, end
		}
		r := s.values()
		if s.priced(r.Dual) {
			continue
		}
		s.learn(n, r.Objective)
		if bound := s.lp.Bound(r.Dual, r.Reduced); bound > n.bound {
			n.bound = bound
		}
		n.prove(r.Dual, false)
		s.at = n
		return r, end
	}
}

// priced asks for columns and takes them into the program.
func (s *search) priced(dual []float64) bool {
	if s.opts.Price == nil || !s.opts.Price(dual) {
		return false
	}
	from := len(s.p.variables) - len(s.p.fresh)
	s.p.extend()
	for j := from; j < len(s.p.variables); j++ {
		v := s.p.variables[j]
		s.lp.SetBounds(j, v.Lower, v.Upper)
		s.lp.SetCost(j, v.Cost)
		s.costs = append(s.costs, pseudo{})
		s.locks = append(s.locks, lock{})
		if v.Kind == Integer && !s.opts.Relax {
			s.integers = append(s.integers, j)
		}
	}
	s.lp.SetCosts()
	return true
}

func (n *node) prove(dual []float64, farkas bool) {
	if n.proof != nil {
		n.proof.Dual, n.proof.Farkas = dual, farkas
	}
}

// values returns the relaxation just solved.
func (s *search) values() Relaxation {
	r := Relaxation{Objective: s.lp.Objective(), X: make([]float64, len(s.p.variables)), Dual: s.lp.Duals()}
	for j := range r.X {
		r.X[j] = s.lp.Value(j)
	}
	r.Reduced = s.lp.Reduced(r.Dual)
	return r
}

// expand does what is left to do with n once its relaxation is known: accept it,
// prune it, or branch.
func (s *search) expand(n *node, r Relaxation) {
	if n.bound >= s.threshold() {
		s.floor = min(s.floor, n.bound)
		return
	}
	if s.fractional(r.X) == 0 {
		s.floor = min(s.floor, n.bound)
		s.accept(r)
		return
	}
	basis := s.lp.Basis()
	s.heuristics(n, r, basis)
	if n.bound >= s.threshold() {
		s.floor = min(s.floor, n.bound)
		return
	}
	s.resume(n, basis)
	s.branch(n, r, basis)
}

// next returns the node to go on with after n: its better half where that is
// still among the good ones, or the one with the least bound.
func (s *search) next(n *node) *node {
	child := s.plunge(n)
	best := math.Inf(1)
	if child != nil {
		best = child.bound
	}
	if len(s.open) > 0 {
		best = min(best, s.open[0].bound)
	}
	if s.closed(min(best, s.floor)) {
		if child != nil {
			s.push(child)
		}
		return nil
	}
	if child != nil {
		until := best + 0.25*(s.threshold()-best)
		if child.bound <= until || math.IsInf(s.threshold(), 1) {
			s.narrow(child)
			return child
		}
		s.push(child)
	}
	for len(s.open) > 0 {
		n := s.pop()
		if n.bound >= s.threshold() {
			s.floor = min(s.floor, n.bound)
			continue
		}
		s.enter(n)
		return n
	}
	return nil
}

// threshold is the cost from which on a node is of no interest.
func (s *search) threshold() float64 {
	t := math.Inf(1)
	if s.opts.Cutoff != nil {
		t = *s.opts.Cutoff
	}
	if s.answer != nil {
		t = min(t, s.answer.Objective-s.allowed())
	}
	return t
}

// allowed is the gap, in units of the objective, that the answer may have.
func (s *search) allowed() float64 {
	return max(s.opts.AbsGap, s.opts.Gap*math.Abs(s.answer.Objective), rounding(s.answer.Objective))
}

// closed reports whether the answer is within the gap of bound.
func (s *search) closed(bound float64) bool {
	return s.answer != nil && s.answer.Objective-bound <= s.allowed()
}

// limit reports whether no further node may be solved.
func (s *search) limit() bool {
	return s.opts.Nodes > 0 && s.nodes >= s.opts.Nodes || s.spent()
}

// spent reports whether no further pivot may be done.
func (s *search) spent() bool {
	return s.opts.Pivots > 0 && s.lp.Pivots-s.from >= s.opts.Pivots || s.ctx.Err() != nil
}

// limits returns those of the next relaxation.
func (s *search) limits() simplex.Limit {
	limit := simplex.NoLimit
	if s.opts.Pivots > 0 {
		limit.Pivots = max(1, s.opts.Pivots-(s.lp.Pivots-s.from))
	}
	return limit
}
