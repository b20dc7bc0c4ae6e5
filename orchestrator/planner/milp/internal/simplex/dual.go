package simplex

import "math"

// dual runs the dual simplex with work as costs. It returns done for ends that
// are final; otherwise the basis is primal feasible, or the watch has stopped.
func (lp *LP) dual(w *watch) (end Outcome, done bool) {
	lp.makeDualFeasible()
	zero := 0 // steps in a row that gained nothing
	for {
		if w.due() {
			return Stopped, false
		}
		if lp.full() {
			lp.refresh()
		}
		r := lp.leave()
		if r < 0 {
			return Optimal, false
		}
		if (lp.Pivots-w.from)%8 == 7 && lp.beyond(w.limit.Objective) {
			return Cut, true
		}
		rho := lp.unitRow(r)
		lp.pivotRow(rho)
		leaving := lp.head[r]
		delta := lp.outside(leaving)
		q, flips := lp.enter(delta)
		if q < 0 {
			if lp.factor.Updates() > 0 {
				lp.refresh() // believe it only on fresh factors
				continue
			}
			lp.proveEmpty(rho, delta)
			return Infeasible, true
		}
		column := lp.transformed(q)
		if pivot := lp.scratch.alpha[q]; math.Abs(column[r]-pivot) > 1e-7*(1+math.Abs(pivot)) && lp.factor.Updates() > 0 {
			lp.refresh()
			continue
		}
		if math.Abs(lp.d[q]) < 1e-12 {
			zero++
		} else {
			zero = 0
		}
		lp.dualStep(r, q, delta, column, flips)
		if zero > 100 {
			zero = 0
			lp.perturb(1)
			lp.reduce()
			lp.makeDualFeasible()
		}
	}
}

// refresh computes everything anew from the basis.
func (lp *LP) refresh() {
	lp.factorize()
	lp.reduce()
	lp.makeDualFeasible()
}

// makeDualFeasible puts nonbasic columns on the bound that their reduced cost
// wants, shifts the costs of those that have no such bound, and computes values.
func (lp *LP) makeDualFeasible() {
	lp.reduce()
	for c := range lp.status {
		d := lp.wrong(c)
		if d == 0 {
			continue
		}
		switch {
		case lp.status[c] == AtLower && !math.IsInf(lp.upper[c], 1) && d < -optimal:
			lp.status[c], lp.x[c] = AtUpper, lp.upper[c]
		case lp.status[c] == AtUpper && !math.IsInf(lp.lower[c], -1) && d > optimal:
			lp.status[c], lp.x[c] = AtLower, lp.lower[c]
		default:
			lp.shift(c, -d)
		}
	}
	lp.values()
}

// shift changes the cost of nonbasic column c for the time of the dual simplex.
func (lp *LP) shift(c int, by float64) {
	lp.work[c] += by
	lp.d[c] += by
	lp.shifted = lp.shifted || math.Abs(by) > optimal
}

// perturb moves costs a little, each by another amount, so that ties between
// reduced costs, which make steps of zero, go away. Amounts come from the
// column's number: no chance is involved.
func (lp *LP) perturb(strength int) {
	size := 5e-7 * math.Pow(10, float64(min(strength, 4)-1))
	for c := lp.m; c < len(lp.status); c++ {
		if lp.lower[c] == lp.upper[c] {
			continue
		}
		by := size * (1 + math.Abs(lp.cost[c])) * (1 + spread(uint64(c)))
		if lp.status[c] == AtUpper || lp.status[c] == Basic && spread(uint64(c)*3) < 0.5 {
			by = -by
		}
		lp.work[c] += by
	}
	lp.shifted = true
}

// spread maps n to a number in [0, 1) that is as good as any (splitmix64).
func spread(n uint64) float64 {
	n += 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return float64((n^n>>31)>>11) / (1 << 53)
}

// leave returns the row whose column is furthest outside its bounds, measured
// along the dual steepest edge, or -1 if all are within.
func (lp *LP) leave() int {
	best, row := 0.0, -1
	for i, c := range lp.head {
		out := lp.outside(c)
		if out == 0 || math.Abs(out) <= lp.slack(c) {
			continue
		}
		if merit := out * out / lp.weight[c]; merit > best {
			best, row = merit, i
		}
	}
	return row
}

// beyond reports whether the costs as given prove an optimum of at least limit.
func (lp *LP) beyond(limit float64) bool {
	if lp.shifted || math.IsInf(limit, 1) || lp.Objective() < limit {
		return false
	}
	dual := lp.Duals()
	return lp.Bound(dual, lp.Reduced(dual)) >= limit
}

// unitRow returns row r of the inverse of the basis.
func (lp *LP) unitRow(r int) []float64 {
	rho := lp.scratch.rho
	clear(rho)
	rho[r] = 1
	lp.factor.SolveTranspose(rho)
	return rho
}

// transformed returns column q in terms of the basis.
func (lp *LP) transformed(q int) []float64 {
	column := lp.scratch.enter
	clear(column)
	lp.addColumn(column, q, 1)
	lp.factor.Solve(column)
	return column
}

// proveEmpty keeps rho, by which the leaving column cannot reach its bound, as
// the proof that nothing is feasible.
func (lp *LP) proveEmpty(rho []float64, delta float64) {
	sign := 1.0
	if delta < 0 {
		sign = -1
	}
	lp.farkas = make([]float64, lp.m)
	for i, v := range rho {
		lp.farkas[i] = sign * v
	}
}

// dualStep lets column q enter for that of row r, which goes to the bound that it
// is delta beyond, after the columns of flips went to their other bounds.
func (lp *LP) dualStep(r, q int, delta float64, column []float64, flips []candidate) {
	s := &lp.scratch
	if len(flips) > 0 {
		lp.flip(flips)
	}
	leaving := lp.head[r]
	status, bound := AtUpper, lp.upper[leaving]
	if delta < 0 {
		status, bound = AtLower, lp.lower[leaving]
	}
	step := lp.d[q] / s.alpha[q]
	for _, c := range s.touched {
		lp.d[c] -= step * s.alpha[c]
	}
	lp.d[q] = 0
	lp.d[leaving] = -step
	lp.settle(int(leaving), status)

	theta := (lp.x[leaving] - bound) / column[r]
	for i, v := range column {
		if v != 0 {
			lp.x[lp.head[i]] -= theta * v
		}
	}
	lp.x[q] += theta
	lp.x[leaving] = bound
	lp.reweigh(r, q, column)
	lp.exchange(r, q, column, status)
}

// settle shifts costs where a step left a reduced cost on the wrong side: the
// ratio test lets it by a little for the sake of a larger pivot.
func (lp *LP) settle(leaving int, status Status) {
	for _, c := range lp.scratch.touched {
		if d := lp.wrong(int(c)); d != 0 && int(c) != leaving && lp.status[c] != Basic {
			lp.shift(int(c), -d)
		}
	}
	if d := lp.d[leaving]; status == AtLower && d < 0 || status == AtUpper && d > 0 {
		lp.shift(leaving, -d)
	}
}

// reweigh updates the dual steepest edge weights for the exchange of row r.
func (lp *LP) reweigh(r, q int, column []float64) {
	tau := lp.scratch.tau
	norm := 0.0
	for i, v := range lp.scratch.rho {
		tau[i] = v
		norm += v * v
	}
	lp.factor.Solve(tau)
	pivot := column[r]
	for i, v := range column {
		if v == 0 || i == r {
			continue
		}
		c := lp.head[i]
		ratio := v / pivot
		lp.weight[c] = max(lp.weight[c]+ratio*(ratio*norm-2*tau[i]), 1e-4)
	}
	lp.weight[q] = max(norm/(pivot*pivot), 1e-4)
}
