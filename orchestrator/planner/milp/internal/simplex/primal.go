package simplex

import "math"

// ending says how the primal simplex ended.
type ending uint8

const (
	reached  ending = iota // no reduced cost is on the wrong side
	rayFound               // the cost falls without end
	stopped
	lost // rounding put values outside their bounds; the dual simplex repairs
)

// patience is how many steps of length zero, beyond one a row, the primal simplex
// takes before it follows Bland's rule, which cannot cycle, until one is longer.
const patience = 200

// primal runs the primal simplex from a basis whose values are feasible.
func (lp *LP) primal(w *watch) ending {
	for c := range lp.devex {
		lp.devex[c] = 1
	}
	zero := 0
	for {
		if w.due() {
			return stopped
		}
		if lp.full() {
			lp.factorize()
			lp.values()
			lp.reduce()
			if !lp.primalFeasible() {
				return lost
			}
		}
		bland := zero > patience+lp.m
		q := lp.price(bland)
		if q < 0 {
			return reached
		}
		direction := 1.0
		if lp.d[q] > 0 {
			direction = -1
		}
		column := lp.transformed(q)
		if exact := lp.exactCost(q, column); math.Abs(exact-lp.d[q]) > 1e-7*(1+math.Abs(exact)) && lp.factor.Updates() > 0 {
			lp.factorize()
			lp.values()
			lp.reduce()
			continue
		}
		r, step := lp.block(q, direction, column, bland)
		if r < 0 && math.IsInf(step, 1) {
			if lp.factor.Updates() > 0 {
				lp.factorize()
				lp.values()
				lp.reduce()
				continue
			}
			return rayFound
		}
		if step*math.Abs(lp.d[q]) > 1e-13 {
			zero = 0
		} else {
			zero++
		}
		lp.primalStep(r, q, direction*step, column)
	}
}

// price returns the column whose reduced cost is worst, in the devex measure, or
// -1. Bland's rule takes the first.
func (lp *LP) price(bland bool) int {
	best, q := 0.0, -1
	for c := range lp.status {
		d := lp.wrong(c)
		if math.Abs(d) <= optimal*lp.loose {
			continue
		}
		if bland {
			return c
		}
		if merit := d * d / lp.devex[c]; merit > best {
			best, q = merit, c
		}
	}
	return q
}

// exactCost computes the reduced cost of q from its transformed column.
func (lp *LP) exactCost(q int, column []float64) float64 {
	d := lp.work[q]
	for i, v := range column {
		if v != 0 {
			d -= v * lp.work[lp.head[i]]
		}
	}
	return d
}

// block is the primal ratio test: how far q can go in the direction, and the row
// whose column stops it, -1 if that is q's own other bound or nothing.
func (lp *LP) block(q int, direction float64, column []float64, bland bool) (row int, step float64) {
	limit := math.Inf(1)
	for i, v := range column {
		if room, speed := lp.room(i, direction*v); speed > tiny {
			c := lp.head[i]
			limit = min(limit, (max(0, room)+lp.slack(c))/speed)
		}
	}
	row, step = -1, math.Inf(1)
	best := 0.0
	for i, v := range column {
		room, speed := lp.room(i, direction*v)
		if speed <= tiny {
			continue
		}
		ratio := max(0, room) / speed
		if bland {
			if ratio < step || ratio == step && lp.head[i] < lp.head[row] {
				row, step = i, ratio
			}
		} else if ratio <= limit && speed > best {
			row, step, best = i, ratio, speed
		}
	}
	if across := lp.upper[q] - lp.lower[q]; across <= step {
		return -1, across
	}
	return row, step
}

// room returns how far the column of row i is from the bound that it moves to,
// and how fast it moves; v is the rate at which it falls.
func (lp *LP) room(i int, v float64) (room, speed float64) {
	if v == 0 {
		return 0, 0
	}
	c := lp.head[i]
	if v > 0 {
		if math.IsInf(lp.lower[c], -1) {
			return 0, 0
		}
		return lp.x[c] - lp.lower[c], v
	}
	if math.IsInf(lp.upper[c], 1) {
		return 0, 0
	}
	return lp.upper[c] - lp.x[c], -v
}

// primalStep moves q by step; if row r is given its column leaves.
func (lp *LP) primalStep(r, q int, step float64, column []float64) {
	for i, v := range column {
		if v != 0 {
			lp.x[lp.head[i]] -= step * v
		}
	}
	if r < 0 {
		lp.Pivots++
		if lp.status[q] == AtLower {
			lp.status[q], lp.x[q] = AtUpper, lp.upper[q]
		} else {
			lp.status[q], lp.x[q] = AtLower, lp.lower[q]
		}
		return
	}
	lp.x[q] += step
	leaving := lp.head[r]
	status := AtLower
	if step*column[r] < 0 || step == 0 && math.Abs(lp.x[leaving]-lp.upper[leaving]) < math.Abs(lp.x[leaving]-lp.lower[leaving]) {
		status = AtUpper
	}
	lp.pivotRow(lp.unitRow(r))
	s := &lp.scratch
	ratio := lp.d[q] / column[r]
	reference := lp.devex[q]
	for _, c := range s.touched {
		lp.d[c] -= ratio * s.alpha[c]
		if a := s.alpha[c] / column[r]; a != 0 {
			lp.devex[c] = max(lp.devex[c], a*a*reference)
		}
	}
	lp.d[q], lp.d[leaving] = 0, -ratio
	lp.devex[leaving] = max(reference/(column[r]*column[r]), 1)
	lp.weight[q] = 1
	if status == AtLower {
		lp.x[leaving] = lp.lower[leaving]
	} else {
		lp.x[leaving] = lp.upper[leaving]
	}
	lp.exchange(r, q, column, status)
}
