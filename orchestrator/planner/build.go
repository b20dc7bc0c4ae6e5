package planner

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// build turns a plan into an overlay with its cost and time.
func (s *solver) build(c point) (overlay.Overlay, error) {
	p := s.p
	o := overlay.Overlay{Throughput: unit.Gbps(c.rate), Bottlenecks: []string{}}
	o.Graph = overlay.Graph{Regions: []overlay.Region{}, Edges: []overlay.Edge{}, Routes: s.routes(c)}
	total := make([]int, len(p.sites))
	needs := s.m.needs(c.answer.flows)
	for v, counts := range c.answer.gateways {
		for k, n := range counts {
			total[v] += n
			if n == 0 {
				continue
			}
			t := p.sites[v].machines[k]
			r := overlay.Region{Region: p.sites[v].region, Gateways: n, Machine: t.name,
				USDPerHour: unit.USD(t.hourly), Gbits: unit.Gbps(p.sites[v].passes(needs[v], counts, k))}
			if p.grows && !t.there {
				r.Joined = 1
			}
			o.Regions = append(o.Regions, r)
		}
	}
	// The routes decide what flows: what the program left of rounding is not in
	// them.
	on := make([]float64, len(p.links))
	for _, f := range scaled(c) {
		for _, i := range f.links {
			on[i] += f.gbps
		}
	}
	connections := p.connections(on, total)
	for i, l := range p.links {
		if on[i] > 0 {
			o.Edges = append(o.Edges, overlay.Edge{
				From:        p.sites[l.from].region,
				To:          p.sites[l.to].region,
				Gbits:       unit.Gbps(on[i]),
				Connections: connections[i],
				USDPerGB:    unit.USD(l.usd),
				Assumed:     l.assumed,
				Source:      l.source,
				Measured:    l.measured,
				Spread:      l.spread,
			})
		}
	}
	return o, o.Settle(p.job.Bytes, time.Duration(c.provision*float64(time.Second)))
}

// passes returns what one gateway of type k passes of what a site needs: of the
// limit that is the tightest each type has its share. It is 0 if the site has one
// type only.
func (s site) passes(n need, counts []int, k int) float64 {
	tightest, share, types := 0.0, 0.0, 0
	for _, limit := range []struct {
		kind kind
		need float64
	}{{egress, n.egress}, {ingress, n.ingress}, {cpu, n.cpu}, {leaving, n.passing}} {
		can := 0.0
		types = 0
		for i, count := range counts {
			if count > 0 {
				can += float64(count) * s.machines[i].can(limit.kind)
				types++
			}
		}
		if used := limit.need / can; used > tightest {
			tightest, share = used, s.machines[k].can(limit.kind)/can
		}
	}
	if types < 2 {
		return 0
	}
	return share * max(n.egress, n.ingress)
}

// scaled returns what the trees carry, the widest first and of equal ones the
// shortest, so that it adds up to the rate exactly: the program does so to its
// tolerance.
func scaled(c point) []flow {
	flows := slices.Clone(c.answer.flows)
	slices.SortStableFunc(flows, func(a, b flow) int {
		return cmp.Or(cmp.Compare(math.Round(b.gbps*1e6), math.Round(a.gbps*1e6)), cmp.Compare(len(a.links), len(b.links)), slices.Compare(a.links, b.links))
	})
	sum := 0.0
	for _, f := range flows {
		sum += f.gbps
	}
	for i := range flows {
		flows[i].gbps *= c.rate / sum
	}
	return flows
}

// routes writes each tree as its paths, one to every destination.
func (s *solver) routes(c point) []overlay.Route {
	routes := []overlay.Route{}
	for k, f := range scaled(c) {
		for d, end := range s.p.end {
			var names []region.Region
			for _, v := range s.p.path(f.tree, end) {
				names = append(names, s.p.sites[v].region)
			}
			routes = append(routes, overlay.Route{Path: names, Gbits: unit.Gbps(f.gbps), Dest: d, Tree: k})
		}
	}
	slices.SortStableFunc(routes, func(a, b overlay.Route) int { return cmp.Compare(a.Dest, b.Dest) })
	return routes
}

// side is one end of a site's links: those that leave it or those that come.
type side struct {
	site  int
	leave bool
}

func (s side) has(l link) bool {
	if s.leave {
		return l.from == s.site
	}
	return l.to == s.site
}

// connections returns whole connections for every link that carries something,
// at least one and within what the gateways of both ends have. The program
// counts them as fractions: rounding up may ask for more than there are, and
// then the links with most give some back.
func (p *problem) connections(on []float64, gateways []int) []int {
	n := make([]int, len(p.links))
	sums := map[side]int{}
	for i, l := range p.links {
		if on[i] > 0 {
			n[i] = max(1, int(math.Ceil(on[i]*l.uses()*perGateway-whole)))
			sums[side{l.from, true}] += n[i]
			sums[side{l.to, false}] += n[i]
		}
	}
	for v, count := range gateways {
		for _, s := range []side{{v, true}, {v, false}} {
			for sums[s] > perGateway*count {
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
				sums[side{p.links[most].from, true}]--
				sums[side{p.links[most].to, false}]--
			}
		}
	}
	return n
}

// gbits writes a rate as plans do: "0.1 Gbit/s".
func gbits(rate float64) string { return trimmed(rate) + " Gbit/s" }
