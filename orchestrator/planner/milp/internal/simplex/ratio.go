package simplex

import "math"

// candidate is a nonbasic column whose reduced cost reaches zero in the step.
type candidate struct {
	column int32
	alpha  float64 // how fast it gets there, positive
	ratio  float64 // when
}

// enter is the dual ratio test for a column that is delta beyond its bound. It
// returns the column to enter, -1 if there is none, and those to flip to their
// other bound before: as long as flipping leaves the leaving column outside, the
// dual objective still grows and the step goes on (the bound flipping test).
// Among columns whose reduced costs reach zero at about the same time, the one
// with the largest pivot enters (Harris).
func (lp *LP) enter(delta float64) (q int, flips []candidate) {
	s := &lp.scratch
	list := s.candidates[:0]
	sign := 1.0
	if delta < 0 {
		sign = -1
	}
	for _, c := range s.touched {
		a := sign * s.alpha[c]
		if math.Abs(a) <= tiny || lp.lower[c] == lp.upper[c] {
			continue
		}
		d := lp.d[c]
		switch status := lp.status[c]; {
		case status == AtLower && a > 0, status == AtUpper && a < 0, status == Free:
			ratio := max(0, d/a)
			if status == Free {
				ratio = 0
			}
			list = append(list, candidate{c, math.Abs(a), ratio})
		}
	}
	s.candidates = list
	if len(list) == 0 {
		return -1, nil
	}
	// passed is how many of the list the step may go beyond. Only as much of the
	// list is brought into order as the step can reach.
	front := order(list)
	passed := 0
	for slope := math.Abs(delta); passed < len(list)-1; passed++ {
		c := front.next()
		slope -= c.alpha * (lp.upper[c.column] - lp.lower[c.column])
		if !(slope > 0) {
			break
		}
	}
	limit := math.Inf(1)
	for _, c := range list[passed:] {
		limit = min(limit, c.ratio+optimal/c.alpha)
	}
	for front.more(limit) {
		front.next()
	}
	list = list[:max(front.sorted, passed+1)]
	best := pickLargest(list, passed)
	// A pivot that is small among those passed is worth less than a shorter step.
	for best > 0 && list[best].alpha < 1e-3*largest(list[:best]) && list[best].alpha < 1e-5 {
		best = pickLargest(list, best-1)
	}
	q = int(list[best].column)
	// Only what the step really passes is flipped.
	until := list[best].ratio
	n := 0
	for _, c := range list[:passed] {
		if c.ratio >= until {
			break
		}
		n++
	}
	return q, list[:n]
}

// pickLargest returns which of the candidates from at on that are due within the
// tolerance has the largest pivot.
func pickLargest(list []candidate, at int) int {
	limit := math.Inf(1)
	for _, c := range list[at:] {
		limit = min(limit, c.ratio+optimal/c.alpha)
	}
	best := at
	for k := at; k < len(list) && list[k].ratio <= limit; k++ {
		if list[k].alpha > list[best].alpha {
			best = k
		}
	}
	return best
}

func largest(list []candidate) float64 {
	most := 0.0
	for _, c := range list {
		most = max(most, c.alpha)
	}
	return most
}

// flip moves the columns to their other bounds and the basic values along.
func (lp *LP) flip(list []candidate) {
	v := lp.scratch.flips
	clear(v)
	moved := false
	for _, f := range list {
		c := f.column
		lower, upper := lp.lower[c], lp.upper[c]
		if math.IsInf(lower, -1) || math.IsInf(upper, 1) {
			continue
		}
		if lp.status[c] == AtLower {
			lp.status[c], lp.x[c] = AtUpper, upper
			lp.addColumn(v, int(c), upper-lower)
		} else {
			lp.status[c], lp.x[c] = AtLower, lower
			lp.addColumn(v, int(c), lower-upper)
		}
		moved = true
	}
	if !moved {
		return
	}
	lp.factor.Solve(v)
	for i, by := range v {
		if by != 0 {
			lp.x[lp.head[i]] -= by
		}
	}
}
