package planner

import (
	"cmp"
	"slices"
)

// simplify leaves out what the plan can do without at the same rate and no
// higher cost.
func (p *problem) simplify(chosen plan) plan {
	budget := chosen.Cost.Total + cent
	return p.leaveOut(chosen, func(capacity []int64) (plan, bool) {
		next, ok := p.with(chosen.flows.rate, capacity)
		if ok = ok && next.Cost.Total <= budget; ok {
			budget = min(budget, next.Cost.Total+cent)
		}
		return next, ok
	})
}

// leaveOut tries to do without each relay and then without each link that the
// plan uses, those that carry least first, and keeps what try accepts.
func (p *problem) leaveOut(chosen plan, try func(capacity []int64) (plan, bool)) plan {
	used := func(links []int) (sum int64) {
		for _, i := range links {
			sum += chosen.flows.total(i)
		}
		return sum
	}
	drop := func(groups [][]int) {
		slices.SortStableFunc(groups, func(a, b []int) int { return cmp.Compare(used(a), used(b)) })
		for _, links := range groups {
			if used(links) == 0 {
				continue
			}
			capacity := slices.Clone(chosen.capacity)
			for _, i := range links {
				capacity[i] = 0
			}
			if next, ok := try(capacity); ok {
				chosen = next
			}
		}
	}
	drop(p.relays())
	drop(p.single())
	return chosen
}

// relays returns the links that leave each region that is no source.
func (p *problem) relays() [][]int {
	groups := make([][]int, len(p.regions))
	for i, l := range p.links {
		if !p.source[l.from] {
			groups[l.from] = append(groups[l.from], i)
		}
	}
	return groups
}

// single returns every link by itself.
func (p *problem) single() [][]int {
	groups := make([][]int, len(p.links))
	for i := range p.links {
		groups[i] = []int{i}
	}
	return groups
}
