package simplex

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestOrderSortsFromTheFront(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 60 {
		list := make([]candidate, n)
		for k := range list {
			list[k] = candidate{column: int32(k), alpha: float64(rng.IntN(3)), ratio: float64(rng.IntN(9))}
		}
		want := slices.Clone(list)
		slices.SortFunc(want, func(a, b candidate) int {
			if a.before(b) {
				return -1
			}
			return 1
		})
		o := order(list)
		for o.more(4) {
			o.next()
		}
		if !slices.Equal(list[:o.sorted], want[:o.sorted]) {
			t.Fatalf("%d candidates: got %v, want %v", n, list[:o.sorted], want)
		}
		if due := slices.IndexFunc(want, func(c candidate) bool { return c.ratio > 4 }); due >= 0 && due != o.sorted {
			t.Fatalf("%d candidates: %d are sorted, %d are due", n, o.sorted, due)
		}
	}
}
