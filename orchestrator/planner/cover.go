package planner

import (
	"math"
)

// objective is what an answer adds up to.
func (m *master) objective(a *answer) float64 {
	sum := m.worth.short * a.short
	for _, f := range a.flows {
		sum += f.gbps * (m.worth.usdPerGB*m.p.usd(f.tree) + m.worth.hop*float64(len(f.links)))
	}
	for v, counts := range a.gateways {
		for k, n := range counts {
			sum += float64(n) * m.worth.machine(m.p.sites[v].machines[k])
		}
	}
	return sum
}

// flows returns the trees that carry something. Trees that were found after the
// solution have no value in it.
func (m *master) flows(x []float64) []flow {
	var flows []flow
	for _, c := range m.columns {
		if int(c.v) < len(x) && x[c.v] > negligible*m.rate {
			flows = append(flows, flow{c.tree, x[c.v]})
		}
	}
	return flows
}

// negligible is the part of the rate below which a tree carries nothing.
const negligible = 1e-9

// need is what passes a site.
type need struct {
	egress, ingress, cpu float64 // Gbit/s
	passing              float64 // gateways, in parts: by connections, and what is written in place
	gateways             float64 // the same, at least 1 where anything passes
}

// needs returns what the flows need of each site.
func (m *master) needs(flows []flow) []need {
	needs := make([]need, len(m.p.sites))
	leaving, coming, engines := make([]float64, len(needs)), make([]float64, len(needs)), make([]float64, len(needs))
	for _, f := range flows {
		needs[f.root].gateways = 1
		for _, i := range f.links {
			l := m.p.links[i]
			needs[l.from].egress += f.gbps
			needs[l.from].cpu += f.gbps
			leaving[l.from] += f.gbps * l.uses()
			needs[l.to].ingress += f.gbps
			needs[l.to].cpu += f.gbps * m.sites[l.to].receiving
			coming[l.to] += f.gbps * l.uses()
			needs[l.to].gateways = 1
		}
		for e, v := range f.at {
			if v == f.root && m.p.sites[v].dest[e] {
				engines[v] += f.gbps / float64(EngineGbps)
			}
		}
	}
	for v := range needs {
		needs[v].passing = max(leaving[v], coming[v], engines[v])
		needs[v].gateways = max(needs[v].gateways, needs[v].passing)
	}
	return needs
}

// cover returns the cheapest whole gateways that carry the flows, and false
// where a region would need more than it may have.
func (m *master) cover(flows []flow) ([][]int, bool) {
	gateways := make([][]int, len(m.p.sites))
	for v, n := range m.needs(flows) {
		s := m.p.sites[v]
		gateways[v] = make([]int, len(s.machines))
		if n.gateways == 0 {
			continue
		}
		c := coverer{machines: s.machines, worth: m.worth, now: make([]int, len(s.machines)), least: math.Inf(1)}
		c.choose(0, n, s.gateways, 0)
		if c.best == nil {
			return nil, false
		}
		gateways[v] = c.best
	}
	return gateways, true
}

// coverer tries all numbers of gateways of each type of one region.
type coverer struct {
	machines  []machine
	worth     worth
	now, best []int
	least     float64
}

// of tells how many gateways of a type each part of a need takes.
func (n need) of(t machine) [4]float64 {
	return [...]float64{n.egress / t.egress, n.ingress / t.ingress, n.cpu / t.send, n.gateways}
}

// rest returns what gateways of the types from k on cost at least that are enough:
// the dearest part of the need in fractions of its cheapest type.
func (c *coverer) rest(k int, n need) float64 {
	least := [4]float64{math.Inf(1), math.Inf(1), math.Inf(1), math.Inf(1)}
	for _, t := range c.machines[k:] {
		for i, need := range n.of(t) {
			least[i] = min(least[i], (need-whole)*c.worth.machine(t))
		}
	}
	return max(0, least[0], least[1], least[2], least[3])
}

// choose tries the types from k on for what is still needed, with left gateways
// at most. The last type has to be enough.
func (c *coverer) choose(k int, n need, left int, spent float64) {
	t := c.machines[k]
	if spent+c.rest(k, n) >= c.least {
		return
	}
	enough := 0.0
	for _, need := range n.of(t) {
		enough = max(enough, math.Ceil(need-whole))
	}
	last := k == len(c.machines)-1
	for count := int(math.Min(enough, float64(min(left, t.most)))); count >= 0; count-- {
		c.now[k] = count
		usd := spent + float64(count)*c.worth.machine(t)
		if float64(count) >= enough && usd < c.least {
			clear(c.now[k+1:])
			c.best, c.least = append([]int{}, c.now...), usd
		}
		if last {
			return
		}
		f, rest := float64(count), n
		if count > 0 {
			rest.egress, rest.ingress, rest.cpu, rest.gateways = n.egress-f*t.egress, n.ingress-f*t.ingress, n.cpu-f*t.send, n.gateways-f
		}
		c.choose(k+1, rest, left-count, usd)
	}
}
