package planner

import (
	"slices"
	"strings"
	"time"

	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// gbps turns the network's bit/s into Gbit/s.
func gbps(bits int64) unit.Gbps { return unit.Gbps(float64(bits) / 1e9) }

// build turns flows into an overlay with its cost and time. It fails only
// where the flows carry nothing.
func (p *problem) build(f flows) (overlay.Overlay, error) {
	gateways := p.count(f)
	connections := p.connections(f, gateways)
	o := overlay.Overlay{Throughput: gbps(f.rate), Bottlenecks: []string{}}
	o.Graph = overlay.Graph{Regions: []overlay.Region{}, Edges: []overlay.Edge{}, Routes: p.routes(f)}
	for v, n := range gateways {
		if n > 0 {
			o.Regions = append(o.Regions, overlay.Region{Region: p.regions[v], Gateways: n, USDPerHour: p.hourly[v]})
		}
	}
	for i, l := range p.links {
		if total := f.total(i); total > 0 {
			o.Edges = append(o.Edges, overlay.Edge{
				From:        p.regions[l.from],
				To:          p.regions[l.to],
				Gbits:       gbps(total),
				Connections: connections[i],
				USDPerGB:    l.usdPerGB,
				Assumed:     l.figures.Assumed,
			})
		}
	}
	return o, o.Settle(p.job.Bytes, p.provisioning(gateways))
}

// count returns how many gateways each region needs: at least one where
// anything passes, and as many as its caps and connections ask for.
func (p *problem) count(f flows) []int {
	gateways := make([]int, len(p.regions))
	need := func(v int, n int64) { gateways[v] = max(gateways[v], int(min(n, int64(p.gateways)))) }
	sends, receives := p.loads(f)
	for v := range p.regions {
		if sends[v]+receives[v] > 0 {
			need(v, 1)
		}
		if c := p.caps[v].Egress; c > 0 {
			need(v, ceil(sends[v], c.BitsPerSecond()))
		}
		if c := p.caps[v].Ingress; c > 0 {
			need(v, ceil(receives[v], c.BitsPerSecond()))
		}
	}
	for at, used := range p.used(f) {
		need(at/2, ceil(int64(used*1e6), perGateway*1e6))
	}
	for d := range p.dest {
		if v, ok := p.shared(d); ok {
			need(v, ceil(f.rate, EngineGbps.BitsPerSecond()))
		}
	}
	return gateways
}

// ceil returns a/b rounded up.
func ceil(a, b int64) int64 { return (a + b - 1) / b }

// provisioning returns how long the gateways take to come up: they do so at the
// same time, so the slowest cloud decides.
func (p *problem) provisioning(gateways []int) time.Duration {
	var longest time.Duration
	for v, n := range gateways {
		if n > 0 {
			longest = max(longest, p.provision[p.regions[v].Cloud()])
		}
	}
	return longest
}

// routes takes the flows apart into paths, the widest first, which leaves few.
func (p *problem) routes(f flows) []overlay.Route {
	routes := []overlay.Route{}
	for d := range p.dest {
		if v, ok := p.shared(d); ok {
			routes = append(routes, overlay.Route{Path: p.regions[v : v+1 : v+1], Gbits: gbps(f.rate), Dest: d})
			continue
		}
		left := slices.Clone(f.on[d])
		for {
			path, width := p.widest(d, left)
			if width == 0 {
				break
			}
			names := []region.Region{p.regions[p.links[path[0]].from]}
			for _, i := range path {
				left[i] -= width
				names = append(names, p.regions[p.links[i].to])
			}
			routes = append(routes, overlay.Route{Path: names, Gbits: gbps(width), Dest: d})
		}
	}
	return routes
}

// widest returns the links of the path from a source to destination d that
// carries most, and how much that is: a minimum-spanning walk over the regions
// in the order of what reaches them.
func (p *problem) widest(d int, left []int64) (path []int, width int64) {
	reach := make([]int64, len(p.regions))
	via := make([]int, len(p.regions))
	done := make([]bool, len(p.regions))
	for v := range p.regions {
		via[v] = -1
		if p.source[v] {
			reach[v] = unbounded
		}
	}
	for {
		u := -1
		for v := range p.regions {
			if !done[v] && reach[v] > 0 && (u < 0 || reach[v] > reach[u]) {
				u = v
			}
		}
		switch {
		case u < 0:
			return nil, 0
		case p.dest[d][u]:
			for v := u; via[v] >= 0; v = p.links[via[v]].from {
				path = append(path, via[v])
			}
			slices.Reverse(path)
			return path, reach[u]
		}
		done[u] = true
		for i, l := range p.links {
			if l.from == u && min(reach[u], left[i]) > reach[l.to] {
				reach[l.to], via[l.to] = min(reach[u], left[i]), i
			}
		}
	}
}

// join writes regions one after the other.
func join(regions []region.Region, separator string) string {
	names := make([]string, len(regions))
	for i, r := range regions {
		names[i] = string(r)
	}
	return strings.Join(names, separator)
}
