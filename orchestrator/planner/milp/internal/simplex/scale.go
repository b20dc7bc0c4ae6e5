package simplex

import "math"

// passes of scaling; more change nothing that matters.
const passes = 4

// Scale brings the coefficients of columns that are still to be added around
// one: it gives each row the inverse of the geometric mean of its smallest and
// largest coefficient, columns alike, in turn. It must come before the first
// Column. All scales are powers of two, so that scaling rounds nothing.
func (lp *LP) Scale(columns [][]Entry) {
	for range passes {
		least, most := make([]float64, lp.m), make([]float64, lp.m)
		for _, entries := range columns {
			unit := columnUnit(entries, lp.rowScale)
			for _, e := range entries {
				v := math.Abs(e.Value) * unit
				if v == 0 {
					continue
				}
				if least[e.Row] == 0 || v < least[e.Row] {
					least[e.Row] = v
				}
				most[e.Row] = max(most[e.Row], v)
			}
		}
		for i := range lp.m {
			if most[i] > 0 {
				lp.rowScale[i] = power(1 / (math.Sqrt(least[i]) * math.Sqrt(most[i])))
			}
		}
	}
	for i, s := range lp.rowScale {
		lp.unit[i] = 1 / s
	}
}

// columnUnit returns the scale of a column under the scales of rows.
func columnUnit(entries []Entry, rowScale []float64) float64 {
	least, most := math.Inf(1), 0.0
	for _, e := range entries {
		if v := math.Abs(e.Value) * rowScale[e.Row]; v > 0 {
			least, most = min(least, v), max(most, v)
		}
	}
	if most == 0 {
		return 1
	}
	return power(1 / (math.Sqrt(least) * math.Sqrt(most)))
}

// power returns the power of two next to x, within what leaves room to multiply.
func power(x float64) float64 {
	return math.Ldexp(1, int(max(-200, min(200, math.Round(math.Log2(x))))))
}
