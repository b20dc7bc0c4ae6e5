package lu

import (
	"math"
	"slices"
)

const (
	// smallest is the least absolute value of a pivot: matrices are scaled to
	// entries around one.
	smallest = 1e-9
	// threshold is how large an entry must be in its row to be a pivot: less
	// gives less fill and more rounding.
	threshold = 0.1
	// dropped is what counts as zero after a subtraction.
	dropped = 1e-14
	// candidates is how many rows and columns are searched for a pivot.
	candidates = 4
)

// elimination is the part of the matrix that has no pivots yet.
type elimination struct {
	m        int
	rowIndex [][]int32   // columns of a row's entries
	rowValue [][]float64 // and their values
	column   [][]int32   // rows of a column's entries
	rows     buckets     // rows by their number of entries
	columns  buckets     // columns by theirs

	value []float64 // the pivot row, by column
	seen  []bool    // columns of the pivot row already met in another row

	// U's rows as they are found; columns are known by number until the end.
	index []int32
	entry []float64
	start []int32 // of the k-th pivot
}

func (e *elimination) init(m int) {
	e.m = m
	e.rowIndex = make([][]int32, m)
	e.rowValue = make([][]float64, m)
	e.column = make([][]int32, m)
	e.value = make([]float64, m)
	e.seen = make([]bool, m)
	e.rows.init(m)
	e.columns.init(m)
}

// Factorize computes the factors of the matrix whose column k is given by
// column(k), which it calls once for each, and forgets all updates. It returns
// the row on which each column was pivoted; -1 says that the column depends on
// others, and the factors cannot be used. Row indices of a column are distinct.
func (f *Factor) Factorize(column func(k int) (rows []int32, values []float64)) (pivotRow []int32, regular bool) {
	e := &f.work
	e.load(column)
	f.lower.reset()
	f.update.reset()
	f.updatePivot = f.updatePivot[:0]
	f.order = f.order[:0]
	pivotRow = slices.Repeat([]int32{-1}, f.m)
	for {
		r, c := e.choose()
		if r < 0 {
			break
		}
		pivotRow[c] = r
		f.order = append(f.order, r)
		f.diag[r] = f.eliminate(r, c)
	}
	if len(f.order) < f.m {
		return pivotRow, false
	}
	f.store(pivotRow)
	return pivotRow, true
}

// load fills the elimination with the whole matrix.
func (e *elimination) load(column func(k int) ([]int32, []float64)) {
	for i := range e.m {
		e.rowIndex[i] = e.rowIndex[i][:0]
		e.rowValue[i] = e.rowValue[i][:0]
	}
	for k := range e.m {
		rows, values := column(k)
		list := e.column[k][:0]
		for n, r := range rows {
			if values[n] == 0 {
				continue
			}
			list = append(list, r)
			e.rowIndex[r] = append(e.rowIndex[r], int32(k))
			e.rowValue[r] = append(e.rowValue[r], values[n])
		}
		e.column[k] = list
	}
	e.index, e.entry = e.index[:0], e.entry[:0]
	e.start = append(e.start[:0], 0)
	e.rows.clear()
	e.columns.clear()
	for i := e.m - 1; i >= 0; i-- {
		e.rows.put(int32(i), len(e.rowIndex[i]))
		e.columns.put(int32(i), len(e.column[i]))
	}
}

// choose returns the next pivot, or -1 if no entry can be one.
func (e *elimination) choose() (row, column int32) {
	for {
		c := e.columns.first(1)
		if c < 0 {
			break
		}
		r := e.column[c][0]
		if e.rows.in(r) && math.Abs(e.at(r, c)) >= smallest {
			return r, c
		}
		e.columns.remove(c)
	}
	best := math.MaxInt
	row, column = -1, -1
	searched := 0
	for count := 1; count <= e.m; count++ {
		for r := e.rows.first(count); r >= 0; {
			next := e.rows.next[r]
			if c, other := e.inRow(r); c < 0 {
				e.rows.remove(r) // nothing in it but rounding
			} else {
				if merit := (count - 1) * (other - 1); merit < best {
					best, row, column = merit, r, c
				}
				searched++
			}
			if row >= 0 && (searched >= candidates || best <= (count-1)*(count-1)) {
				return row, column
			}
			r = next
		}
		for c := e.columns.first(count); c >= 0; c = e.columns.next[c] {
			if r, other := e.inColumn(c); r >= 0 {
				if merit := (count - 1) * (other - 1); merit < best {
					best, row, column = merit, r, c
				}
				searched++
			}
			if row >= 0 && (searched >= candidates || best <= count*(count-1)) {
				return row, column
			}
		}
	}
	return row, column
}

// inRow returns the column of row r that has the fewest entries among those that
// may be pivots, and how many.
func (e *elimination) inRow(r int32) (column int32, count int) {
	least := e.least(r)
	column = -1
	for n, c := range e.rowIndex[r] {
		if math.Abs(e.rowValue[r][n]) >= least && e.columns.in(c) && (column < 0 || len(e.column[c]) < count) {
			column, count = c, len(e.column[c])
		}
	}
	return column, count
}

// inColumn is inRow for a column.
func (e *elimination) inColumn(c int32) (row int32, count int) {
	row = -1
	for _, r := range e.column[c] {
		if (row < 0 || len(e.rowIndex[r]) < count) && e.rows.in(r) && math.Abs(e.at(r, c)) >= e.least(r) {
			row, count = r, len(e.rowIndex[r])
		}
	}
	return row, count
}

// least returns what a pivot in row r must at least be.
func (e *elimination) least(r int32) float64 {
	largest := 0.0
	for _, v := range e.rowValue[r] {
		largest = max(largest, math.Abs(v))
	}
	return max(smallest, threshold*largest)
}

func (e *elimination) at(r, c int32) float64 {
	return e.rowValue[r][slices.Index(e.rowIndex[r], c)]
}
