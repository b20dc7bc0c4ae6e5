// Package milp solves mixed-integer linear programs: it minimises a linear cost
// over variables with bounds, some of them whole numbers, under linear
// constraints, and proves how far from the best its answer can be.
//
//	p := milp.New()
//	flow := p.Variable("flow", 0, 6.6, 0.09, milp.Continuous)
//	machines := p.Variable("machines", 0, 8, 1.2, milp.Integer)
//	p.Constraint("goal", 5, math.Inf(1), milp.Term{flow, 1})
//	p.Constraint("egress", math.Inf(-1), 0, milp.Term{flow, 1}, milp.Term{machines, -5})
//	answer, err := p.Solve(ctx, milp.Options{})
//
// It is pure: no I/O, no clock, no chance. The same calls in the same order give
// the same answer to the last bit on every machine of the same architecture.
//
// # How
//
// Package simplex solves the linear relaxations: a revised dual simplex for
// variables with bounds, whose basis is kept as a sparse LU factorisation, and
// a primal simplex for what changed costs leave to do. Solve branches on
// integers that the relaxation leaves fractional, the node with the least bound
// first, and dives from there. A problem keeps the last basis, so that solving
// it again after a change of a cost, a bound or a right-hand side takes a few
// pivots instead of all.
//
// # Exactness
//
// Answers are floating point. Every integer in Solution.X is exactly whole; a
// constraint holds within 1e-6 of the size of its terms. The
// bound is a number computed from dual values: package certify recomputes it in
// exact rational arithmetic, for the whole tree of branches if Options.Proof is
// set, with no code of the solver.
package milp
