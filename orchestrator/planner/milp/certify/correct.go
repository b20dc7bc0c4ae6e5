package certify

import (
	"math/big"
	"slices"
)

// correct returns what to add to the duals so that the reduced costs of the
// variables become exactly zero, nil for rows that stay; nil if nothing does.
// Only duals that are not zero move: the others may not take a sign at all.
func (b *box) correct(variables []int, dual, reduced []*big.Rat) []*big.Rat {
	at := make(map[int]int, len(variables))
	for k, j := range variables {
		at[j] = k
	}
	// One equation a variable: sum of a_ij c_i = reduced_j.
	equations := make([]map[int]*big.Rat, len(variables))
	right := make([]*big.Rat, len(variables))
	for k, j := range variables {
		equations[k] = map[int]*big.Rat{}
		right[k] = new(big.Rat).Set(reduced[j])
	}
	for i, r := range b.rows {
		if dual[i].Sign() == 0 {
			continue
		}
		for _, t := range r.Terms {
			if k, ok := at[int(t.Var)]; ok && t.Coefficient != 0 {
				equations[k][i] = rat(t.Coefficient)
			}
		}
	}
	pivot := make([]int, len(equations))
	for k, eq := range equations {
		pivot[k] = -1
		if len(eq) == 0 {
			if right[k].Sign() != 0 {
				return nil
			}
			continue
		}
		rows := make([]int, 0, len(eq))
		for i := range eq {
			rows = append(rows, i)
		}
		pivot[k] = slices.Min(rows)
		p := eq[pivot[k]]
		for l := range equations {
			f, ok := equations[l][pivot[k]]
			if l == k || !ok {
				continue
			}
			f = new(big.Rat).Quo(f, p)
			for _, i := range rows {
				v, ok := equations[l][i]
				if !ok {
					v = new(big.Rat)
					equations[l][i] = v
				}
				v.Sub(v, new(big.Rat).Mul(f, eq[i]))
				if v.Sign() == 0 {
					delete(equations[l], i)
				}
			}
			right[l].Sub(right[l], new(big.Rat).Mul(f, right[k]))
		}
	}
	correction := make([]*big.Rat, len(dual))
	for k, i := range pivot {
		if i >= 0 {
			correction[i] = new(big.Rat).Quo(right[k], equations[k][i])
		}
	}
	return correction
}
