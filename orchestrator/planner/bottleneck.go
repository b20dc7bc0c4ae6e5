package planner

import (
	"fmt"
	"slices"

	"github.com/skyctl/skyctl/orchestrator/unit"
)

// bottlenecks says in words what keeps the destinations from getting more: the
// links and caps that are full and leave them no way around.
func (p *problem) bottlenecks(f flows) []string {
	gateways := p.count(f)
	found := []string{}
	add := func(s string) {
		if !slices.Contains(found, s) {
			found = append(found, s)
		}
	}
	for d := range p.dest {
		if v, ok := p.shared(d); ok {
			if f.rate >= p.engines() {
				add(fmt.Sprintf("%d gateways in %s (%s each)", gateways[v], p.regions[v], gbits(EngineGbps)))
			}
			continue
		}
		others := flows{on: slices.Delete(slices.Clone(f.on), d, d+1)}
		c := p.commodity(d, others, f.capacity)
		if c.push(c.source, c.sink, unbounded) > f.rate {
			continue
		}
		near := c.reachable(c.source)
		for v, r := range p.regions {
			if near[3*v+1] && !near[3*v+2] {
				add(fmt.Sprintf("egress of %d gateways in %s (%s each)", gateways[v], r, gbits(p.caps[v].Egress)))
			}
			if near[3*v] && !near[3*v+1] {
				add(fmt.Sprintf("ingress of %d gateways in %s (%s each)", gateways[v], r, gbits(p.caps[v].Ingress)))
			}
		}
		for i, l := range p.links {
			if c.arc[i] < 0 || !near[3*l.from+2] || near[3*l.to] {
				continue
			}
			what := fmt.Sprintf("link %s > %s (%s)", p.regions[l.from], p.regions[l.to], gbits(gbps(l.capacity)))
			switch {
			case f.capacity[i] == l.capacity:
				add(what)
			case f.capacity[i] > 0 || f.total(i) > 0:
				add(fmt.Sprintf("connections of gateways, %d each, for %s", perGateway, what))
			}
		}
	}
	return found
}

// gbits writes a rate as bottlenecks do: "0.1 Gbit/s".
func gbits(g unit.Gbps) string { return fmt.Sprintf("%.6g Gbit/s", float64(g)) }
