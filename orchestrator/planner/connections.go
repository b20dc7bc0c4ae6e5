package planner

import (
	"cmp"
	"math"
	"slices"
)

// perGateway is the number of connections that one gateway may have towards
// others, and the number it may have from others.
const perGateway = 64

// uses returns how many connections it takes to carry flow on the link, as a
// fraction of those that saturate it.
func (l link) uses(flow int64) float64 {
	return float64(flow) / float64(l.figures.Gbps.BitsPerSecond()) * l.saturating()
}

// saturating returns the connections that carry the link's Gbps.
func (l link) saturating() float64 {
	if !l.figures.Total {
		return perGateway
	}
	return float64(l.figures.Connections)
}

// side is one end of a region's links: those that leave it or those that come.
type side struct {
	region int
	leave  bool
}

func (s side) has(l link) bool {
	if s.leave {
		return l.from == s.region
	}
	return l.to == s.region
}

// sum adds up what each side's links need, those without flow left out. The
// sides are in order: 2v is what leaves region v, 2v+1 what comes.
func (p *problem) sum(f flows, need func(i int, flow int64) float64) []float64 {
	sums := make([]float64, 2*len(p.regions))
	for i, l := range p.links {
		if flow := f.total(i); flow > 0 {
			n := need(i, flow)
			sums[2*l.from] += n
			sums[2*l.to+1] += n
		}
	}
	return sums
}

// used returns how many connections each side's flow takes.
func (p *problem) used(f flows) []float64 {
	return p.sum(f, func(i int, flow int64) float64 { return p.links[i].uses(flow) })
}

// budget looks for a side of a region that needs more connections than its
// gateways may have. If there is one it lowers the capacities of that side's
// links until no flow within them can need more, and returns true: the flow has
// to be found anew. A side is lowered once, so this ends.
//
// The connections go to the links that carry most with each of them. That is
// not always best for the whole, which the bound of the plan tells.
func (p *problem) budget(f flows, capacity []int64) bool {
	left := float64(perGateway * p.gateways)
	over := slices.IndexFunc(p.used(f), func(used float64) bool { return used > left*(1+1e-9) })
	if over < 0 {
		return false
	}
	s := side{over / 2, over%2 == 0}
	var links []int
	for i, l := range p.links {
		switch {
		case !s.has(l):
		case f.total(i) > 0:
			links = append(links, i)
		default:
			capacity[i] = 0
		}
	}
	slices.SortStableFunc(links, func(a, b int) int {
		return cmp.Compare(p.links[a].uses(1), p.links[b].uses(1))
	})
	for _, i := range links {
		one := p.links[i].uses(1)
		capacity[i] = min(capacity[i], int64(left/one))
		left = math.Max(0, left-float64(capacity[i])*one)
	}
	return true
}

// connections returns whole connections for every link, at least one where
// anything flows, and within what the gateways of both ends have.
func (p *problem) connections(f flows, gateways []int) []int {
	n := make([]int, len(p.links))
	sums := p.sum(f, func(i int, flow int64) float64 {
		n[i] = max(1, int(math.Ceil(p.links[i].uses(flow)-1e-9)))
		return float64(n[i])
	})
	for at := range sums {
		s := side{at / 2, at%2 == 0}
		for sums[at] > float64(perGateway*gateways[s.region]) {
			most := -1
			for i, l := range p.links {
				if s.has(l) && n[i] > 1 && (most < 0 || n[i] > n[most]) {
					most = i
				}
			}
			if most < 0 {
				break
			}
			n[most]--
			sums[2*p.links[most].from]--
			sums[2*p.links[most].to+1]--
		}
	}
	return n
}
