// Package simplex solves linear programs with bounds on variables and rows, and
// solves them again after changes from the basis it ended at.
//
// Every row has a logical variable that equals it, so that the program reads
// A x - r = 0 with bounds on x and r: a change of a right-hand side is a change
// of bounds, and the right-hand side itself is always zero. Column i is the
// logical of row i, column m+j the j-th variable.
//
// Solve runs the dual simplex first. A basis that is not dual feasible is made
// so: variables with two bounds go to the other one, costs of the rest are
// shifted for the time being. That takes the place of a first phase, and ends at
// a primal feasible basis, from which the primal simplex with the true costs has
// little to do. After a branch or a change of a right-hand side the basis is
// dual feasible as it is; after a change of costs alone it is primal feasible,
// and only the primal simplex runs.
//
// Tolerances: bounds hold within 1e-8 and reduced costs within 1e-9 of the
// scaled program, in which coefficients and costs are around one. Where rounding
// defeats that, they are loosened step by step, at most a hundredfold.
package simplex

import (
	"math"

	"github.com/skyctl/skyctl/orchestrator/planner/milp/internal/lu"
)

const (
	feasible = 1e-8 // how far outside a bound a value may be
	optimal  = 1e-9 // how far on the wrong side of zero a reduced cost may be
	tiny     = 1e-9 // the least absolute value of a pivot
)

// Status says where a column stands.
type Status uint8

const (
	AtLower Status = iota
	AtUpper
	Free // nonbasic at zero: it has no bounds
	Basic
)

// LP is a linear program with its current basis. It is for one goroutine.
type LP struct {
	m, n int // rows, variables

	// The scaled matrix without logicals, by column and by row; the row copy
	// names columns by m+j.
	column, row []sparse
	// A value of the program is the scaled one times unit; a cost is the scaled
	// one divided by unit and times costUnit.
	unit     []float64
	rowScale []float64
	costUnit float64

	lower, upper []float64 // scaled, by column, logicals first
	given        []float64 // costs as given, by variable
	cost         []float64 // scaled
	work         []float64 // cost, shifted and perturbed for the dual simplex
	shifted      bool      // work differs from cost
	loose        float64   // by what tolerances are multiplied

	status []Status
	head   []int32 // the basic column of each row
	x      []float64
	d      []float64 // reduced costs of nonbasic columns for work
	weight []float64 // dual steepest edge weights of basic columns
	devex  []float64 // reference weights of nonbasic columns

	factor  *lu.Factor
	stale   bool // factor is not that of head
	scratch scratch
	farkas  []float64 // of the last infeasible solve, scaled
	Pivots  int       // iterations since New
}

type sparse struct {
	index []int32
	value []float64
}

func (s *sparse) add(i int32, v float64) {
	s.index = append(s.index, i)
	s.value = append(s.value, v)
}

// scratch holds vectors that iterations use.
type scratch struct {
	rho, tau, enter, flips []float64 // by row
	alpha                  []float64 // by column: the pivot row
	touched                []int32   // columns where alpha may not be zero
	mark                   []bool    // columns in touched
	candidates             []candidate
}

// Entry is a coefficient of a variable's column.
type Entry struct {
	Row   int
	Value float64
}

// New returns a program with rows that have no sides yet, and without variables.
// The basis is that of the logicals.
func New(rows int) *LP {
	lp := &LP{m: rows, row: make([]sparse, rows), costUnit: 1, factor: lu.New(rows), stale: true}
	lp.rowScale = ones(rows)
	lp.unit = ones(rows)
	for range rows {
		lp.extend(Basic)
	}
	lp.head = make([]int32, rows)
	for i := range rows {
		lp.head[i] = int32(i)
		lp.lower[i], lp.upper[i] = math.Inf(-1), math.Inf(1)
	}
	s := &lp.scratch
	s.rho, s.tau, s.enter, s.flips = make([]float64, rows), make([]float64, rows), make([]float64, rows), make([]float64, rows)
	return lp
}

// extend adds a column to everything that is kept by column, but unit.
func (lp *LP) extend(status Status) {
	lp.lower = append(lp.lower, 0)
	lp.upper = append(lp.upper, 0)
	lp.cost = append(lp.cost, 0)
	lp.work = append(lp.work, 0)
	lp.status = append(lp.status, status)
	lp.x = append(lp.x, 0)
	lp.d = append(lp.d, 0)
	lp.weight = append(lp.weight, 1)
	lp.devex = append(lp.devex, 1)
	lp.scratch.alpha = append(lp.scratch.alpha, 0)
	lp.scratch.mark = append(lp.scratch.mark, false)
}

// Column adds a variable, nonbasic, with no cost and both bounds zero, and
// returns its number. The basis stays what it is.
func (lp *LP) Column(entries []Entry) int {
	j := lp.n
	c := int32(lp.m + j)
	lp.n++
	lp.extend(AtLower)
	lp.given = append(lp.given, 0)
	unit := columnUnit(entries, lp.rowScale)
	lp.unit = append(lp.unit, unit)
	var col sparse
	for _, e := range entries {
		if e.Value == 0 {
			continue
		}
		v := e.Value * unit * lp.rowScale[e.Row]
		col.add(int32(e.Row), v)
		lp.row[e.Row].add(c, v)
	}
	lp.column = append(lp.column, col)
	return j
}

// SetBounds changes the bounds of variable j.
func (lp *LP) SetBounds(j int, lower, upper float64) { lp.setBounds(lp.m+j, lower, upper) }

// SetSides changes the sides of row i.
func (lp *LP) SetSides(i int, lower, upper float64) { lp.setBounds(i, lower, upper) }

func (lp *LP) setBounds(c int, lower, upper float64) {
	lp.lower[c], lp.upper[c] = lower/lp.unit[c], upper/lp.unit[c]
}

// SetCost changes the cost of variable j; SetCosts must follow before a solve.
func (lp *LP) SetCost(j int, cost float64) { lp.given[j] = cost }

// SetCosts scales the costs that SetCost gave so that they lie around one, the
// largest at most at 10^4: beyond it rounding reaches the tolerance.
func (lp *LP) SetCosts() {
	least, most := math.Inf(1), 0.0
	for j, c := range lp.given {
		if c := math.Abs(c * lp.unit[lp.m+j]); c > 0 {
			least, most = min(least, c), max(most, c)
		}
	}
	lp.costUnit = 1
	if most > 0 {
		lp.costUnit = power(max(math.Sqrt(least)*math.Sqrt(most), most*1e-4))
	}
	for j, c := range lp.given {
		lp.cost[lp.m+j] = c * lp.unit[lp.m+j] / lp.costUnit
	}
}

func ones(n int) []float64 {
	s := make([]float64, n)
	for i := range s {
		s[i] = 1
	}
	return s
}
