package lu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// matrix is dense, by column.
type matrix [][]float64

func (a matrix) sparse(k int) (rows []int32, values []float64) {
	for i, v := range a[k] {
		if v != 0 {
			rows = append(rows, int32(i))
			values = append(values, v)
		}
	}
	return rows, values
}

// random returns a regular matrix: a permuted triangle and entries off it.
func random(rng *rand.Rand, m int, density float64) matrix {
	a := make(matrix, m)
	for k, r := range rng.Perm(m) {
		a[k] = make([]float64, m)
		a[k][r] = 2 + rng.Float64()*float64(m)*density
		for i := range m {
			if i != r && rng.Float64() < density {
				a[k][i] = rng.Float64()*2 - 1
			}
		}
	}
	return a
}

// residual returns how far B x is from b, where x is by pivot row.
func residual(a matrix, pivotRow []int32, x, b []float64) float64 {
	worst := 0.0
	for i := range b {
		sum := -b[i]
		for k := range a {
			sum += a[k][i] * x[pivotRow[k]]
		}
		worst = max(worst, math.Abs(sum))
	}
	return worst
}

func transposed(a matrix, pivotRow []int32, y, c []float64) float64 {
	worst := 0.0
	for k := range a {
		sum := -c[pivotRow[k]]
		for i, v := range a[k] {
			sum += v * y[i]
		}
		worst = max(worst, math.Abs(sum))
	}
	return worst
}

func TestSolvesThroughFactorsAndUpdates(t *testing.T) {
	for _, m := range []int{1, 2, 5, 30, 120} {
		for _, density := range []float64{0, 0.02, 0.3} {
			t.Run(fmt.Sprintf("%d rows %g dense", m, density), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(uint64(m), uint64(density*100)))
				a := random(rng, m, density)
				f := New(m)
				pivotRow, regular := f.Factorize(a.sparse)
				if !regular {
					t.Fatal("called singular")
				}
				for update := range 25 {
					b := make([]float64, m)
					for i := range b {
						if rng.IntN(3) == 0 {
							b[i] = rng.NormFloat64()
						}
					}
					x := slices.Clone(b)
					f.Solve(x)
					if r := residual(a, pivotRow, x, b); r > 1e-9 {
						t.Fatalf("after %d updates B x differs from b by %g", update, r)
					}
					y := slices.Clone(b)
					f.SolveTranspose(y)
					if r := transposed(a, pivotRow, y, b); r > 1e-9 {
						t.Fatalf("after %d updates the transpose differs by %g", update, r)
					}
					k := rng.IntN(m)
					fresh := random(rng, m, density)[k]
					column := slices.Clone(fresh)
					f.Solve(column)
					if r := int(pivotRow[k]); math.Abs(column[r]) > 0.01 {
						f.Update(r, column)
						a[k] = fresh
					}
				}
			})
		}
	}
}

func TestNamesColumnsThatDependOnOthers(t *testing.T) {
	a := matrix{{1, 0, 2}, {2, 0, 4}, {0, 3, 0}}
	pivotRow, regular := New(3).Factorize(a.sparse)
	if regular {
		t.Fatalf("a singular matrix passed, pivots %v", pivotRow)
	}
	var without int
	for k, r := range pivotRow {
		if r < 0 {
			without++
			if k == 2 {
				t.Errorf("column 2 depends on none and has no pivot")
			}
		}
	}
	if without != 1 {
		t.Errorf("%d columns without a pivot, want 1", without)
	}
}

func BenchmarkFactorize(b *testing.B) {
	for _, m := range []int{200, 1000} {
		b.Run(fmt.Sprint(m), func(b *testing.B) {
			a := random(rand.New(rand.NewPCG(1, 2)), m, 2/float64(m))
			rows, values := make([][]int32, m), make([][]float64, m)
			for k := range a {
				rows[k], values[k] = a.sparse(k)
			}
			f := New(m)
			for b.Loop() {
				f.Factorize(func(k int) ([]int32, []float64) { return rows[k], values[k] })
			}
		})
	}
}
