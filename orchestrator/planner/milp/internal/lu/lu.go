// Package lu keeps the factors of a sparse square matrix, the basis of a simplex
// method, and solves with it and its transpose while its columns are replaced
// one by one.
//
// Factorize computes L and U with Markowitz pivots: among entries that are large
// enough in their row it takes one whose elimination fills in least. Bases of
// flow problems are nearly triangular and give hardly any fill. Update appends
// the product form of a column's replacement; after some dozens of them
// factorising anew is quicker and more accurate.
//
// A column is known by the row on which it was pivoted, so that right-hand sides
// and solutions share one index and everything is solved in place.
package lu

import "math"

// Factor holds the factors of a matrix of a fixed size. It is for one goroutine.
type Factor struct {
	m     int
	order []int32   // rows in the order of pivots
	diag  []float64 // the pivot of a row

	// U without its diagonal, by row and by column, both by pivot row.
	byRow, byColumn compressed
	// L as elementary columns: for each, what its entries take of its pivot.
	lower etas
	// One elementary column a replaced column; the pivot's own entry is in
	// updatePivot.
	update      etas
	updatePivot []float64

	work elimination
}

// compressed is a list of sparse vectors, each known by a number below m.
type compressed struct {
	start []int32
	index []int32
	value []float64
}

// etas is a growing sequence of sparse vectors, each with a pivot.
type etas struct {
	pivot []int32
	start []int32 // one more than pivots
	index []int32
	value []float64
}

func (e *etas) reset() {
	e.pivot, e.index, e.value = e.pivot[:0], e.index[:0], e.value[:0]
	e.start = append(e.start[:0], 0)
}

func (e *etas) add(i int32, v float64) {
	e.index = append(e.index, i)
	e.value = append(e.value, v)
}

func (e *etas) end(pivot int32) {
	e.pivot = append(e.pivot, pivot)
	e.start = append(e.start, int32(len(e.index)))
}

// New returns a Factor for m by m matrices.
func New(m int) *Factor {
	f := &Factor{m: m, diag: make([]float64, m)}
	f.byRow.start = make([]int32, m+1)
	f.byColumn.start = make([]int32, m+1)
	f.work.init(m)
	return f
}

// Updates returns how many columns were replaced since Factorize.
func (f *Factor) Updates() int { return len(f.update.pivot) }

// Costly reports whether solving through the updates costs more than through
// the factors, which is when Factorize pays.
func (f *Factor) Costly() bool {
	return len(f.update.index) > 3*(f.m+len(f.byRow.index)+len(f.lower.index))
}

// Solve replaces x by the solution of B x = x.
func (f *Factor) Solve(x []float64) {
	for k, r := range f.lower.pivot {
		if v := x[r]; v != 0 {
			from, to := f.lower.start[k], f.lower.start[k+1]
			value := f.lower.value[from:to]
			for n, i := range f.lower.index[from:to] {
				x[i] -= value[n] * v
			}
		}
	}
	for k := f.m - 1; k >= 0; k-- {
		r := f.order[k]
		if x[r] == 0 {
			continue
		}
		v := x[r] / f.diag[r]
		x[r] = v
		from, to := f.byColumn.start[r], f.byColumn.start[r+1]
		value := f.byColumn.value[from:to]
		for n, i := range f.byColumn.index[from:to] {
			x[i] -= value[n] * v
		}
	}
	for k, r := range f.update.pivot {
		if x[r] == 0 {
			continue
		}
		v := x[r] / f.updatePivot[k]
		x[r] = v
		from, to := f.update.start[k], f.update.start[k+1]
		value := f.update.value[from:to]
		for n, i := range f.update.index[from:to] {
			x[i] -= value[n] * v
		}
	}
}

// SolveTranspose replaces y by the solution of the transpose of B times y = y.
func (f *Factor) SolveTranspose(y []float64) {
	for k := len(f.update.pivot) - 1; k >= 0; k-- {
		r := f.update.pivot[k]
		v := y[r]
		from, to := f.update.start[k], f.update.start[k+1]
		value := f.update.value[from:to]
		for n, i := range f.update.index[from:to] {
			v -= value[n] * y[i]
		}
		y[r] = v / f.updatePivot[k]
	}
	for _, r := range f.order {
		if y[r] == 0 {
			continue
		}
		v := y[r] / f.diag[r]
		y[r] = v
		from, to := f.byRow.start[r], f.byRow.start[r+1]
		value := f.byRow.value[from:to]
		for n, i := range f.byRow.index[from:to] {
			y[i] -= value[n] * v
		}
	}
	for k := len(f.lower.pivot) - 1; k >= 0; k-- {
		r := f.lower.pivot[k]
		v := y[r]
		from, to := f.lower.start[k], f.lower.start[k+1]
		value := f.lower.value[from:to]
		for n, i := range f.lower.index[from:to] {
			v -= value[n] * y[i]
		}
		y[r] = v
	}
}

// Update replaces the column of row r by one whose solution (Solve of it) is
// column. The caller has seen that column[r] is not too small.
func (f *Factor) Update(r int, column []float64) {
	for i, v := range column {
		if i != r && math.Abs(v) > dropped {
			f.update.add(int32(i), v)
		}
	}
	f.update.end(int32(r))
	f.updatePivot = append(f.updatePivot, column[r])
}
