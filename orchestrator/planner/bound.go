package planner

import (
	"math"
	"slices"
	"time"

	"github.com/skyctl/skyctl/orchestrator/unit"
)

// gap returns how much better than the chosen plan the best one may be, as a
// fraction: of the cost where the job fixes the throughput or the time, of the
// throughput otherwise. The bounds leave out what makes the problem hard:
// connections, whole machines at relays, the length of routes, and that several
// destinations share links.
func (p *problem) gap(chosen plan) float64 {
	capacity := p.capacities()
	most := p.bound(capacity)
	switch {
	case p.job.MinThroughput > 0:
		return fraction(float64(chosen.Cost.Total), float64(p.atLeast(chosen.flows.rate, chosen.flows.rate, capacity)))
	case p.job.MaxTime > 0:
		var least int64
		if left := (p.job.MaxTime - p.quickest()).Seconds(); left > 0 {
			least = min(chosen.flows.rate, int64(float64(p.job.Bytes)*8/left))
		}
		return fraction(float64(chosen.Cost.Total), float64(p.atLeast(least, most, capacity)))
	case p.job.MaxCost != nil:
		// The egress price of a GB grows with the rate, so the rate that the
		// money allows can be searched for; machines are taken at their least.
		below, above := chosen.flows.rate, most+1
		for above-below > 1 && p.ctx.Err() == nil {
			middle := below + (above-below)/2
			if p.atLeast(middle, most, capacity) <= *p.job.MaxCost+cent {
				below = middle
			} else {
				above = middle
			}
		}
		most = below
	}
	return fraction(float64(most), float64(chosen.flows.rate))
}

// fraction returns how far small is below large, as a fraction of large.
func fraction(large, small float64) float64 {
	if large <= 0 || small >= large {
		return 0
	}
	// What is left of rounding bits is no gap.
	return math.Round((large-small)/large*1e9) / 1e9
}

// bound returns a rate that no plan exceeds.
func (p *problem) bound(capacity []int64) int64 {
	most := int64(math.MaxInt64)
	for d := range p.dest {
		most = min(most, p.alone(d, capacity))
	}
	return most
}

// atLeast returns a cost below which no plan comes whose rate is between slow
// and fast: the cheapest egress at slow, and the machines without which nothing
// can be read or written, for as long as fast takes.
func (p *problem) atLeast(slow, fast int64, capacity []int64) unit.USD {
	gb := float64(p.job.Bytes) / float64(unit.GB)
	var egress float64
	for d := range p.dest {
		// A plan may send bytes that several destinations want only once, so
		// the dearest destination counts, not their sum.
		egress = max(egress, p.cheapest(d, slow, capacity)*gb)
	}
	hours := (p.quickest().Seconds() + float64(p.job.Bytes)*8/float64(max(1, fast))) / 3600
	var machines float64
	for _, group := range p.disjoint() {
		least := math.Inf(1)
		for v, in := range group {
			if in {
				least = min(least, float64(p.hourly[v]))
			}
		}
		machines += least * hours
	}
	return unit.USD(egress + machines)
}

// cheapest returns the least USD that a GB to destination d costs at the rate.
func (p *problem) cheapest(d int, rate int64, capacity []int64) float64 {
	if _, ok := p.shared(d); ok || rate <= 0 {
		return 0
	}
	c := p.commodity(d, flows{}, capacity)
	sent := c.push(c.source, c.sink, rate)
	var usd float64
	for i, a := range c.arc {
		if a >= 0 && sent > 0 {
			usd += float64(c.flow(a)) / float64(sent) * float64(p.links[i].usdPerGB)
		}
	}
	return usd
}

// disjoint returns sets of regions that have none in common and of each of
// which every plan uses at least one.
func (p *problem) disjoint() [][]bool {
	groups := [][]bool{p.source}
	for _, dest := range p.dest {
		overlaps := slices.ContainsFunc(groups, func(g []bool) bool {
			for v := range g {
				if g[v] && dest[v] {
					return true
				}
			}
			return false
		})
		if !overlaps {
			groups = append(groups, dest)
		}
	}
	return groups
}

// quickest returns the least time in which any plan's gateways can be up: each
// source and destination needs one in one of its regions.
func (p *problem) quickest() time.Duration {
	var longest time.Duration
	for _, group := range p.disjoint() {
		least := time.Duration(math.MaxInt64)
		for v, in := range group {
			if in {
				least = min(least, p.provision[p.regions[v].Cloud()])
			}
		}
		longest = max(longest, least)
	}
	return longest
}
