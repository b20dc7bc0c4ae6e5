package simplex

import "math"

// Value returns the value of variable j.
func (lp *LP) Value(j int) float64 { return lp.x[lp.m+j] * lp.unit[lp.m+j] }

// Objective returns the cost of the current values.
func (lp *LP) Objective() float64 {
	sum := 0.0
	for j, c := range lp.given {
		sum += c * lp.Value(j)
	}
	return sum
}

// Duals returns the dual value of each row for the true costs: what the
// objective rises when the side at which the row stands rises by one.
func (lp *LP) Duals() []float64 {
	if lp.stale {
		lp.factorize()
	}
	y := lp.prices(lp.cost)
	dual := make([]float64, lp.m)
	for i, v := range y {
		dual[i] = v * lp.rowScale[i] * lp.costUnit
	}
	return dual
}

// Farkas returns the proof of the last solve that ended Infeasible: dual values
// that bound a cost of zero from below by more than zero.
func (lp *LP) Farkas() []float64 {
	y := make([]float64, lp.m)
	for i, v := range lp.farkas {
		y[i] = v * lp.rowScale[i]
	}
	return y
}

// Reduced returns the reduced cost of each variable under dual.
func (lp *LP) Reduced(dual []float64) []float64 {
	reduced := make([]float64, lp.n)
	for j := range reduced {
		v := lp.given[j]
		col := &lp.column[j]
		for k, i := range col.index {
			v -= col.value[k] / (lp.unit[lp.m+j] * lp.rowScale[i]) * dual[i]
		}
		reduced[j] = v
	}
	return reduced
}

// Bound returns the bound on the objective that dual proves by weak duality
// within the current bounds: each column at the bound that is cheapest for its
// reduced cost. Reduced costs within the tolerance count as zero for columns
// without that bound.
func (lp *LP) Bound(dual, reduced []float64) float64 {
	bound := 0.0
	for i, y := range dual {
		bound += lp.least(i, y)
	}
	for j, d := range reduced {
		bound += lp.least(lp.m+j, d)
	}
	return bound
}

// least returns the least of d times column c.
func (lp *LP) least(c int, d float64) float64 {
	at := lp.lower[c]
	if d < 0 {
		at = lp.upper[c]
	}
	if d == 0 {
		return 0
	}
	if math.IsInf(at, 0) {
		if math.Abs(d)*lp.unit[c]/lp.costUnit <= 10*optimal {
			return 0
		}
		return math.Inf(-1)
	}
	return d * at * lp.unit[c]
}

// Rows returns the number of rows.
func (lp *LP) Rows() int { return lp.m }
