// Package table reads CSV with named columns, one row at a time, and says of
// everything that is wrong with it in which file and line.
//
// The embedded tables of regions, prices and throughput are such files, and so
// is what users bring.
package table

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// maxFigure bounds figures, so that sums of them stay finite.
const maxFigure = 1e9

// Table is a CSV file whose first line names its columns. Lines that are empty
// or begin with # are skipped.
type Table struct {
	name    string
	r       *csv.Reader
	columns map[string]int
	row     []string
	line    int
	err     error
}

// Open reads the line with the columns' names; name is the file's, for
// messages. The columns may be in any order. A name that is twice is an error.
func Open(name string, r io.Reader) (*Table, error) {
	t := &Table{name: name, r: csv.NewReader(r), columns: map[string]int{}}
	t.r.Comment, t.r.TrimLeadingSpace, t.r.ReuseRecord = '#', true, true
	head, err := t.r.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: empty, its first line names the columns", name)
	}
	if err != nil {
		return nil, t.located(err)
	}
	t.line, _ = t.r.FieldPos(0)
	for i, column := range head {
		column = strings.TrimSpace(strings.TrimPrefix(column, "\ufeff"))
		if _, ok := t.columns[column]; ok {
			return nil, t.Errorf("column %q is there twice", column)
		}
		t.columns[column] = i
	}
	return t, nil
}

// Embedded reads a table that is built in, row by row. What is wrong with it is a
// mistake in the program, which the tests find.
func Embedded(name, data string, row func(*Table)) {
	t, err := Open(name, strings.NewReader(data))
	if err != nil {
		panic(err)
	}
	for t.Next() {
		row(t)
	}
	if t.Err() != nil {
		panic(t.Err())
	}
}

// Has tells whether the table has all of the columns.
func (t *Table) Has(columns ...string) bool {
	return !slices.ContainsFunc(columns, func(c string) bool {
		_, ok := t.columns[c]
		return !ok
	})
}

// Only returns an error unless the table has all of the needed columns and, but
// for optional ones, no other: a misspelt column is not passed over.
func (t *Table) Only(need []string, optional ...string) error {
	for _, column := range need {
		if !t.Has(column) {
			return t.Errorf("column %q is missing, the first line is %s", column, strings.Join(need, ","))
		}
	}
	var unknown []string
	for column := range t.columns {
		if !slices.Contains(need, column) && !slices.Contains(optional, column) {
			unknown = append(unknown, column)
		}
	}
	if len(unknown) > 0 {
		return t.Errorf("column %q is unknown, the columns are %s", slices.Min(unknown), strings.Join(slices.Concat(need, optional), ","))
	}
	return nil
}

// Next goes to the next row. It returns false at the end and at the first
// error, which Err returns.
func (t *Table) Next() bool {
	if t.err != nil {
		return false
	}
	row, err := t.r.Read()
	if err != nil {
		if !errors.Is(err, io.EOF) {
			t.err = t.located(err)
		}
		return false
	}
	t.row = row
	t.line, _ = t.r.FieldPos(0)
	return true
}

// Err returns what ended the table early.
func (t *Table) Err() error { return t.err }

// Line returns the number of the row's first line.
func (t *Table) Line() int { return t.line }

// Text returns the row's value in a column, without spaces around it; empty if
// there is no such column.
func (t *Table) Text(column string) string {
	i, ok := t.columns[column]
	if !ok {
		return ""
	}
	return strings.TrimSpace(t.row[i])
}

// Figure returns the row's value in a column: a finite number from 0 up. What
// it is not, it reports through Err and returns 0.
func (t *Table) Figure(column string) float64 { return t.scaled(column, 1) }

func (t *Table) scaled(column string, per float64) float64 {
	v, err := strconv.ParseFloat(t.Text(column), 64)
	v /= per
	switch {
	case err != nil || math.IsNaN(v) || math.IsInf(v, 0):
		t.Fail("%s %q is not a number", column, t.Text(column))
	case v < 0:
		t.Fail("%s %v is negative", column, v)
	case v > maxFigure:
		t.Fail("%s %v is too large", column, v)
	default:
		return v
	}
	return 0
}

// Positive is Figure for what cannot be 0.
func (t *Table) Positive(column string) float64 { return t.Rate(column, 1) }

// Rate is Positive of a column whose unit is a fraction of ours: per of it are
// one.
func (t *Table) Rate(column string, per float64) float64 {
	v := t.scaled(column, per)
	if v == 0 {
		t.Fail("%s 0 is no figure, leave the row out", column)
	}
	return v
}

// Fail ends the table with an error at this row, if none has before.
func (t *Table) Fail(format string, args ...any) {
	if t.err == nil {
		t.err = t.Errorf(format, args...)
	}
}

// Errorf returns an error that begins with file and line.
func (t *Table) Errorf(format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", t.name, t.line, fmt.Sprintf(format, args...))
}

// located makes one line of what encoding/csv complains of.
func (t *Table) located(err error) error {
	if e, ok := errors.AsType[*csv.ParseError](err); ok {
		return fmt.Errorf("%s:%d: %w", t.name, e.Line, e.Err)
	}
	return fmt.Errorf("%s: %w", t.name, err)
}
