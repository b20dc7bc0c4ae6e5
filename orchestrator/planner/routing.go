package planner

import (
	"math"
	"slices"
	"sort"

	"github.com/skyctl/skyctl/agent/route"
)

// flows says what each link carries, by destination and link, when every
// destination receives rate.
type flows struct {
	rate     int64
	on       [][]int64
	capacity []int64 // of each link, as the limits of gateways and routes left it
}

// total returns what link i carries to all destinations together.
func (f flows) total(i int) (sum int64) {
	for _, on := range f.on {
		sum += on[i]
	}
	return sum
}

// commodity is the network of one destination in what the others leave free.
// A region is three nodes, so that its caps are arcs: in -> mid is what its
// gateways receive, mid -> out what they send; sources and destinations are
// attached to mid.
type commodity struct {
	*network
	arc             []int // by link; -1 if the destination may not use it
	egress, ingress []int // by region
	source, sink    int
}

func (p *problem) commodity(d int, f flows, capacity []int64) commodity {
	n := len(p.regions)
	c := commodity{network: newNetwork(3*n + 2), source: 3 * n, sink: 3*n + 1}
	sends, receives := p.loads(f)
	for v := range p.regions {
		in, mid, out := 3*v, 3*v+1, 3*v+2
		c.ingress = append(c.ingress, c.add(in, mid, free(p.ingress(v), receives[v]), 0))
		c.egress = append(c.egress, c.add(mid, out, free(p.egress(v), sends[v]), 0))
		if p.source[v] {
			c.add(c.source, mid, unbounded, 0)
		}
		if p.dest[d][v] {
			c.add(mid, c.sink, unbounded, 0)
		}
	}
	for i, l := range p.links {
		if p.dest[d][l.from] { // a destination does not pass on its own bytes
			c.arc = append(c.arc, -1)
			continue
		}
		c.arc = append(c.arc, c.add(3*l.from+2, 3*l.to, free(capacity[i], f.total(i)), l.price))
	}
	return c
}

// free returns what is left of a capacity.
func free(capacity, used int64) int64 {
	if capacity == unbounded {
		return unbounded
	}
	return max(0, capacity-used)
}

// loads returns what each region sends and receives.
func (p *problem) loads(f flows) (sends, receives []int64) {
	sends, receives = make([]int64, len(p.regions)), make([]int64, len(p.regions))
	for i, l := range p.links {
		total := f.total(i)
		sends[l.from] += total
		receives[l.to] += total
	}
	return sends, receives
}

// route sends rate to every destination, one after the other, each over the
// cheapest routes that the earlier ones leave. It returns false, and what the
// first destination that failed can get, where that is not possible.
func (p *problem) route(rate int64, capacity []int64) (flows, int64, bool) {
	capacity = slices.Clone(capacity)
	for {
		f, reached, ok := p.routeOnce(rate, capacity)
		if p.ctx.Err() != nil || (!p.budget(f, capacity) && !p.shorten(f, capacity)) {
			f.capacity = capacity
			return f, reached, ok && p.ctx.Err() == nil
		}
	}
}

// shorten looks for a path with more regions than a route may have. If there
// is one it removes the link of the path that carries least, and returns true:
// the flow has to be found anew.
func (p *problem) shorten(f flows, capacity []int64) bool {
	for _, on := range f.on {
		// by[k][v] is the link by which flow comes to region v after k+1 links.
		by := make([][]int, route.MaxDepth)
		end := -1
		at := p.source
		for k := range by {
			by[k], end = slices.Repeat([]int{-1}, len(p.regions)), -1
			next := make([]bool, len(p.regions))
			for i, l := range p.links {
				if at[l.from] && on[i] > 0 {
					by[k][l.to], next[l.to], end = i, true, l.to
				}
			}
			at = next
		}
		if end < 0 {
			continue
		}
		thinnest := by[len(by)-1][end]
		for k := len(by) - 1; k >= 0; k-- {
			i := by[k][end]
			if on[i] < on[thinnest] {
				thinnest = i
			}
			end = p.links[i].from
		}
		capacity[thinnest] = 0
		return true
	}
	return false
}

// routeOnce is route without the limits of connections and of a route's length.
func (p *problem) routeOnce(rate int64, capacity []int64) (f flows, reached int64, ok bool) {
	f.on = make([][]int64, len(p.dest))
	for d := range p.dest {
		f.on[d] = make([]int64, len(p.links))
	}
	f.rate = rate
	for d := range p.dest {
		if _, ok := p.shared(d); ok {
			if most := p.engines(); most < f.rate {
				return f, most, false
			}
			continue
		}
		c := p.commodity(d, f, capacity)
		reached := c.push(c.source, c.sink, rate)
		for i, a := range c.arc {
			if a >= 0 {
				f.on[d][i] = c.flow(a)
			}
		}
		if reached < rate {
			return f, reached, false
		}
	}
	return f, rate, true
}

// engines returns what the gateways that a region may have carry from a store
// to another in the same region. If no goal asks for more and no other
// destination can use it, that is what one gateway does: EngineGbps is an
// assumption, and no reason to rent as many machines as allowed.
func (p *problem) engines() int64 {
	if p.inPlace() && p.job.MinThroughput == 0 && p.job.MaxTime == 0 {
		return EngineGbps.BitsPerSecond()
	}
	return EngineGbps.BitsPerSecond() * int64(p.gateways)
}

// maximum returns the highest rate at which route reaches every destination.
// For one destination that is its maximum flow; several share links and caps,
// and the rate is searched for.
func (p *problem) maximum(capacity []int64) int64 {
	if len(p.dest) == 1 {
		_, reached, _ := p.route(unbounded, capacity)
		return reached
	}
	most := int64(math.MaxInt64)
	for d := range p.dest {
		most = min(most, p.alone(d, capacity))
	}
	return int64(sort.Search(int(most), func(i int) bool {
		_, _, ok := p.route(int64(i)+1, capacity)
		return !ok
	}))
}

// alone returns what destination d could get if it were the only one and
// gateways had connections without number: a bound on any plan.
func (p *problem) alone(d int, capacity []int64) int64 {
	if _, ok := p.shared(d); ok {
		return p.engines()
	}
	none := flows{on: make([][]int64, 0)}
	c := p.commodity(d, none, capacity)
	return c.push(c.source, c.sink, unbounded)
}
