package simplex

import (
	"math"
	"slices"
)

// Basis is what a solve ends at and another can start from: a status for each
// column, logicals first.
type Basis []Status

// Basis returns a copy of the current basis.
func (lp *LP) Basis() Basis { return slices.Clone(lp.status) }

// SetBasis starts the next solve at b, which may know fewer variables than there
// are. One that is no basis is repaired with logicals.
func (lp *LP) SetBasis(b Basis) {
	copy(lp.status, b)
	for c := len(b); c < len(lp.status); c++ {
		lp.status[c] = AtLower
	}
	lp.load()
}

// load derives the basic columns from status.
func (lp *LP) load() {
	lp.head = lp.head[:0]
	for c, s := range lp.status {
		if s != Basic {
			continue
		}
		if len(lp.head) == lp.m {
			lp.status[c] = AtLower
			continue
		}
		lp.head = append(lp.head, int32(c))
	}
	for i := 0; len(lp.head) < lp.m; i++ {
		if lp.status[i] != Basic {
			lp.status[i] = Basic
			lp.head = append(lp.head, int32(i))
		}
	}
	for _, c := range lp.head {
		lp.weight[c] = 1
	}
	lp.stale = true
}

// factorize computes the factors of the basis and orders head by pivot row. Where
// columns depend on each other it puts logicals in their place.
func (lp *LP) factorize() {
	one := []float64{-1}
	logical := make([]int32, 1)
	for {
		pivot, regular := lp.factor.Factorize(func(k int) ([]int32, []float64) {
			c := lp.head[k]
			if int(c) < lp.m {
				logical[0] = c
				return logical, one
			}
			col := &lp.column[int(c)-lp.m]
			return col.index, col.value
		})
		head := slices.Repeat([]int32{-1}, lp.m)
		for k, r := range pivot {
			if r < 0 {
				lp.status[lp.head[k]] = AtLower // place corrects it
				continue
			}
			head[r] = lp.head[k]
		}
		for r, c := range head {
			if c < 0 {
				head[r] = int32(r)
				lp.status[r] = Basic
				lp.weight[r] = 1
			}
		}
		lp.head = head
		if regular {
			break
		}
	}
	lp.stale = false
}

// place puts each nonbasic column on a bound it has, and says its value.
func (lp *LP) place() {
	for c, s := range lp.status {
		if s == Basic {
			continue
		}
		lower, upper := !math.IsInf(lp.lower[c], -1), !math.IsInf(lp.upper[c], 1)
		switch {
		case lower && (s == AtLower || !upper):
			lp.status[c], lp.x[c] = AtLower, lp.lower[c]
		case lower && s == Free && math.Abs(lp.lower[c]) <= math.Abs(lp.upper[c]):
			lp.status[c], lp.x[c] = AtLower, lp.lower[c]
		case upper:
			lp.status[c], lp.x[c] = AtUpper, lp.upper[c]
		default:
			lp.status[c], lp.x[c] = Free, 0
		}
	}
}

// values computes the basic columns' values from the nonbasic ones'.
func (lp *LP) values() {
	rhs := lp.scratch.tau
	clear(rhs)
	for c, s := range lp.status {
		if s != Basic && lp.x[c] != 0 {
			lp.addColumn(rhs, c, -lp.x[c])
		}
	}
	lp.factor.Solve(rhs)
	for i, c := range lp.head {
		lp.x[c] = rhs[i]
	}
}

// addColumn adds times the column c to v.
func (lp *LP) addColumn(v []float64, c int, times float64) {
	if c < lp.m {
		v[c] -= times
		return
	}
	col := &lp.column[c-lp.m]
	for k, i := range col.index {
		v[i] += col.value[k] * times
	}
}

// prices returns the dual values for the cost vector, scaled, in a vector that
// the next iteration overwrites.
func (lp *LP) prices(cost []float64) []float64 {
	y := lp.scratch.tau
	for i, c := range lp.head {
		y[i] = cost[c]
	}
	lp.factor.SolveTranspose(y)
	return y
}

// reduce computes the reduced costs of all columns for work.
func (lp *LP) reduce() {
	y := lp.prices(lp.work)
	for c := range lp.status {
		lp.d[c] = lp.reducedAt(c, lp.work[c], y)
	}
	for _, c := range lp.head {
		lp.d[c] = 0
	}
}

// reducedAt returns the reduced cost of column c with the cost and prices y.
func (lp *LP) reducedAt(c int, cost float64, y []float64) float64 {
	if c < lp.m {
		return cost + y[c]
	}
	col := &lp.column[c-lp.m]
	for k, i := range col.index {
		cost -= col.value[k] * y[i]
	}
	return cost
}

// pivotRow computes row rho of the transformed matrix into scratch.alpha, for
// nonbasic columns; scratch.touched lists where it may not be zero.
func (lp *LP) pivotRow(rho []float64) {
	s := &lp.scratch
	for _, c := range s.touched {
		s.alpha[c] = 0
		s.mark[c] = false
	}
	s.touched = s.touched[:0]
	for i, v := range rho {
		if math.Abs(v) < 1e-14 {
			continue
		}
		if lp.status[i] != Basic {
			s.alpha[i] = -v
			s.mark[i] = true
			s.touched = append(s.touched, int32(i))
		}
		row := &lp.row[i]
		for k, c := range row.index {
			if !s.mark[c] {
				if lp.status[c] == Basic {
					continue
				}
				s.mark[c] = true
				s.touched = append(s.touched, c)
			}
			s.alpha[c] += v * row.value[k]
		}
	}
}

// exchange makes column q basic in row r, whose column goes to status.
func (lp *LP) exchange(r, q int, column []float64, status Status) {
	leaving := lp.head[r]
	lp.status[leaving] = status
	lp.status[q] = Basic
	lp.head[r] = int32(q)
	lp.factor.Update(r, column)
	lp.Pivots++
}

// full reports whether the factors should be computed anew.
func (lp *LP) full() bool {
	return lp.factor.Updates() >= 100 || lp.factor.Updates() >= 20 && lp.factor.Costly()
}
