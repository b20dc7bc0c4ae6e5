package lu

import (
	"math"
	"slices"
)

// eliminate takes row r and column c out of the active part: what is left of the
// row goes to U, the multipliers to L, and the rows that had an entry in the
// column are changed. It returns the pivot.
func (f *Factor) eliminate(r, c int32) float64 {
	e := &f.work
	pivot := e.takeRow(r, c)
	from := e.start[len(e.start)-2]
	for _, k := range e.column[c] {
		if k == r {
			continue
		}
		n := slices.Index(e.rowIndex[k], c)
		l := e.rowValue[k][n] / pivot
		e.drop(k, n)
		if l != 0 {
			f.lower.add(k, l)
			e.subtract(k, l, from)
		}
		e.rows.move(k, len(e.rowIndex[k]))
	}
	if int(f.lower.start[len(f.lower.start)-1]) < len(f.lower.index) {
		f.lower.end(r)
	}
	for _, j := range e.index[from:] {
		e.value[j] = 0
		e.columns.move(j, len(e.column[j]))
	}
	e.rows.remove(r)
	e.columns.remove(c)
	e.column[c] = e.column[c][:0]
	return pivot
}

// takeRow moves row r without column c to U and to e.value, takes it out of the
// columns' lists, and returns the entry in c.
func (e *elimination) takeRow(r, c int32) float64 {
	var pivot float64
	for n, j := range e.rowIndex[r] {
		v := e.rowValue[r][n]
		if j == c {
			pivot = v
			continue
		}
		e.index = append(e.index, j)
		e.entry = append(e.entry, v)
		e.value[j] = v
		list := e.column[j]
		at := slices.Index(list, r)
		list[at] = list[len(list)-1]
		e.column[j] = list[:len(list)-1]
	}
	e.start = append(e.start, int32(len(e.index)))
	e.rowIndex[r], e.rowValue[r] = e.rowIndex[r][:0], e.rowValue[r][:0]
	return pivot
}

// drop removes the n-th entry of row k.
func (e *elimination) drop(k int32, n int) {
	index, value := e.rowIndex[k], e.rowValue[k]
	last := len(index) - 1
	index[n], value[n] = index[last], value[last]
	e.rowIndex[k], e.rowValue[k] = index[:last], value[:last]
}

// subtract takes l times the pivot row, which starts at from in U, from row k.
func (e *elimination) subtract(k int32, l float64, from int32) {
	pivotRow := e.index[from:]
	if len(pivotRow) == 0 {
		return
	}
	for n := 0; n < len(e.rowIndex[k]); {
		j := e.rowIndex[k][n]
		u := e.value[j]
		if u == 0 {
			n++
			continue
		}
		e.seen[j] = true
		e.rowValue[k][n] -= l * u
		if math.Abs(e.rowValue[k][n]) <= dropped {
			e.drop(k, n)
			list := e.column[j]
			at := slices.Index(list, k)
			list[at] = list[len(list)-1]
			e.column[j] = list[:len(list)-1]
			continue
		}
		n++
	}
	for _, j := range pivotRow {
		if e.seen[j] {
			e.seen[j] = false
			continue
		}
		if v := -l * e.value[j]; math.Abs(v) > dropped {
			e.rowIndex[k] = append(e.rowIndex[k], j)
			e.rowValue[k] = append(e.rowValue[k], v)
			e.column[j] = append(e.column[j], k)
		}
	}
}

// store turns U's rows, found by column number, into rows and columns by pivot
// row.
func (f *Factor) store(pivotRow []int32) {
	e := &f.work
	f.byRow.index = append(f.byRow.index[:0], e.index...)
	f.byRow.value = append(f.byRow.value[:0], e.entry...)
	count := f.byColumn.start
	clear(count)
	for n, c := range f.byRow.index {
		i := pivotRow[c]
		f.byRow.index[n] = i
		count[i+1]++
	}
	for i := range f.m {
		count[i+1] += count[i]
	}
	f.byColumn.index = slices.Grow(f.byColumn.index[:0], len(e.index))[:len(e.index)]
	f.byColumn.value = slices.Grow(f.byColumn.value[:0], len(e.index))[:len(e.index)]
	// The rows of U lie in the order of pivots: bring them into that of rows.
	f.sortRows()
	fill := slices.Clone(count[:f.m])
	for _, r := range f.order {
		for n := f.byRow.start[r]; n < f.byRow.start[r+1]; n++ {
			i := f.byRow.index[n]
			f.byColumn.index[fill[i]] = r
			f.byColumn.value[fill[i]] = f.byRow.value[n]
			fill[i]++
		}
	}
}

// sortRows fills byRow with U's rows in the order of their numbers; index and
// value hold them in the order of pivots, where e.start tells them apart.
func (f *Factor) sortRows() {
	e := &f.work
	length := f.byRow.start
	clear(length)
	for k, r := range f.order {
		length[r+1] = e.start[k+1] - e.start[k]
	}
	for i := range f.m {
		length[i+1] += length[i]
	}
	// e.index and e.entry serve as the copy to read from.
	copy(e.index, f.byRow.index)
	for k, r := range f.order {
		at := f.byRow.start[r]
		copy(f.byRow.index[at:], e.index[e.start[k]:e.start[k+1]])
		copy(f.byRow.value[at:], e.entry[e.start[k]:e.start[k+1]])
	}
}
