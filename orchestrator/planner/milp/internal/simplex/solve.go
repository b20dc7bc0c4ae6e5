package simplex

import (
	"context"
	"errors"
	"math"
)

// Outcome says how a solve ended.
type Outcome uint8

const (
	Optimal    Outcome = iota
	Infeasible         // Farkas proves it
	Unbounded          // feasible, and the cost falls without end
	Cut                // the optimum is at least the limit; Duals prove it
	Stopped            // the context was done, or Limit.Pivots were spent
)

// Limit ends a solve early.
type Limit struct {
	Objective float64 // ends it Cut when the optimum is at least this; +Inf for none
	Pivots    int     // of this solve; 0 for none
}

// NoLimit asks for the optimum.
var NoLimit = Limit{Objective: math.Inf(1)}

// errStuck says that rounding kept a solve from ending.
var errStuck = errors.New("simplex: no progress, the program's coefficients differ too much in size; scale its units")

// rounds of dual and primal simplex before giving up; one or two are usual.
const rounds = 30

// Solve runs from the current basis to an optimum.
func (lp *LP) Solve(ctx context.Context, limit Limit) (Outcome, error) {
	if c := lp.crossed(); c >= 0 {
		lp.blame(c)
		return Infeasible, nil
	}
	w := &watch{ctx: ctx, lp: lp, from: lp.Pivots, limit: limit}
	if lp.stale {
		lp.factorize()
	}
	lp.place()
	copy(lp.work, lp.cost)
	lp.shifted = false
	lp.values()
	for round := range rounds {
		lp.loose = math.Pow(10, float64(round/10))
		if !lp.primalFeasible() {
			if round > 2 {
				lp.perturb(round)
			}
			if end, done := lp.dual(w); done {
				return end, nil
			}
		}
		if w.stopped {
			return w.end()
		}
		copy(lp.work, lp.cost)
		lp.shifted = false
		lp.reduce()
		if !lp.dualFeasible() {
			switch lp.primal(w) {
			case rayFound:
				return Unbounded, nil
			case stopped:
				return w.end()
			}
		}
		// What updates add up to is measured on fresh factors.
		if lp.factor.Updates() > 0 {
			lp.factorize()
			lp.values()
			lp.reduce()
		}
		if lp.primalFeasible() && lp.dualFeasible() {
			return Optimal, nil
		}
	}
	return Stopped, errStuck
}

// watch sees that a solve ends.
type watch struct {
	ctx     context.Context
	lp      *LP
	from    int // lp.Pivots at the start
	limit   Limit
	stopped bool
	stuck   bool // it was stopped because it does not end by itself
}

// due reports, now and then, whether the solve has to end.
func (w *watch) due() bool {
	spent := w.lp.Pivots - w.from
	if w.limit.Pivots > 0 && spent >= w.limit.Pivots || spent%64 == 63 && w.ctx.Err() != nil {
		w.stopped = true
	}
	// Far beyond any honest run: what keeps it going is rounding.
	if spent > 20000+100*(w.lp.m+w.lp.n) {
		w.stopped, w.stuck = true, true
	}
	return w.stopped
}

func (w *watch) end() (Outcome, error) {
	if w.stuck {
		return Stopped, errStuck
	}
	return Stopped, nil
}

// crossed returns a column whose bounds exclude each other, or -1.
func (lp *LP) crossed() int {
	for c := range lp.status {
		if lp.lower[c] > lp.upper[c] {
			return c
		}
	}
	return -1
}

// blame makes farkas say that column c alone is infeasible.
func (lp *LP) blame(c int) {
	lp.farkas = make([]float64, lp.m)
	if c < lp.m {
		lp.farkas[c] = 1
	}
}

// outside returns by how much column c is below its lower bound (negative) or
// above its upper.
func (lp *LP) outside(c int32) float64 {
	x := lp.x[c]
	if x < lp.lower[c] {
		return x - lp.lower[c]
	}
	if x > lp.upper[c] {
		return x - lp.upper[c]
	}
	return 0
}

func (lp *LP) primalFeasible() bool {
	for _, c := range lp.head {
		if math.Abs(lp.outside(c)) > lp.slack(c) {
			return false
		}
	}
	return true
}

// slack is how far outside its bounds column c may be: bounds that are large
// are met as well as their digits allow.
func (lp *LP) slack(c int32) float64 {
	return lp.loose * feasible * max(1, math.Abs(lp.x[c])*1e-3)
}

// wrong returns how far the reduced cost of nonbasic column c is on the wrong
// side of zero, with the sign of the reduced cost.
func (lp *LP) wrong(c int) float64 {
	d := lp.d[c]
	switch lp.status[c] {
	case AtLower:
		if d < 0 && lp.lower[c] < lp.upper[c] {
			return d
		}
	case AtUpper:
		if d > 0 && lp.lower[c] < lp.upper[c] {
			return d
		}
	case Free:
		return d
	}
	return 0
}

func (lp *LP) dualFeasible() bool {
	for c := range lp.status {
		if math.Abs(lp.wrong(c)) > optimal*lp.loose {
			return false
		}
	}
	return true
}
