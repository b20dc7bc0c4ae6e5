package planner

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// problem is a job in figures: the candidate regions as numbers, in the order
// of their names, and the links between them. Rates are whole bit/s.
type problem struct {
	ctx context.Context // of the one Solve that the problem is made for

	job       Job
	gateways  int // the most a region may have
	provision map[region.Cloud]time.Duration

	regions []region.Region
	source  []bool
	dest    [][]bool // by destination and region
	caps    []grid.Gateway
	hourly  []unit.USD // of one gateway
	links   []link

	// unknown is the first figure that was missing between a source and a
	// destination.
	unknown error
}

// link is a pair of regions that may carry traffic.
type link struct {
	from, to int
	figures  grid.Link
	usdPerGB unit.USD
	capacity int64 // bit/s of all gateways that there may be
	price    int64 // in the network: micro-dollars a GB, then hops
}

// hop is what a link adds to its price in the network, so that among equally
// cheap routes the shorter is taken. A micro-dollar outweighs any route's hops.
const (
	hop         = 1
	microDollar = 1000
)

// newProblem gathers the figures. Regions and links without figures are left
// out; where that leaves a source or destination without any, it is an error.
func newProblem(ctx context.Context, job Job, g Grid, prices Prices, limits Limits) (*problem, error) {
	p := &problem{ctx: ctx, job: job, gateways: limits.Gateways, provision: limits.Provision}
	if job.Gateways != nil {
		p.gateways = *job.Gateways
	}
	candidates := slices.Concat(append([][]region.Region{job.Sources}, job.Dests...)...)
	if job.Mode != Direct {
		candidates = append(candidates, limits.Relays...)
	}
	slices.Sort(candidates)
	var problems []error
	for _, r := range slices.Compact(candidates) {
		if len(limits.Allow) > 0 && !slices.Contains(limits.Allow, r) {
			continue
		}
		hourly, err := prices.Machine(r, "")
		if err != nil {
			problems = append(problems, err)
			continue
		}
		p.regions = append(p.regions, r)
		p.caps = append(p.caps, g.Gateway(r))
		p.hourly = append(p.hourly, hourly.USD)
	}
	var err error
	if p.source, err = p.mark("source", job.Sources, problems); err != nil {
		return nil, err
	}
	for i, regions := range job.Dests {
		marked, err := p.mark(fmt.Sprintf("destination %d", i+1), regions, problems)
		if err != nil {
			return nil, err
		}
		p.dest = append(p.dest, marked)
	}
	p.addLinks(g, prices)
	return p, nil
}

// mark tells which of the candidates are among regions; there must be one.
func (p *problem) mark(what string, regions []region.Region, problems []error) ([]bool, error) {
	marked := make([]bool, len(p.regions))
	for i, r := range p.regions {
		marked[i] = slices.Contains(regions, r)
	}
	switch {
	case slices.Contains(marked, true):
		return marked, nil
	case len(problems) > 0:
		return nil, problems[0]
	}
	return nil, fmt.Errorf("no region of the %s (%s) is in allow.regions, add one", what, join(regions, ", "))
}

// addLinks adds every link that a route may take: none into a source, and of
// direct routes only those from a source to a destination. Where all that is
// known of those is an assumption, assumed links to relays are left out too:
// figures that nobody stated are no reason to rent machines on a detour.
func (p *problem) addLinks(g Grid, prices Prices) {
	stated := p.stated(g)
	for u, from := range p.regions {
		for v, to := range p.regions {
			ends := p.source[u] && p.isDest(v)
			if u == v || p.source[v] || (p.job.Mode == Direct && !ends) {
				continue
			}
			figures, err := g.Link(from, to)
			usd, err2 := prices.Egress(from, to)
			if err = errors.Join(err, err2); err != nil {
				if ends && p.unknown == nil {
					p.unknown = firstOf(err)
				}
				continue
			}
			if figures.Assumed && !ends && !stated {
				continue
			}
			l := link{from: u, to: v, figures: figures, usdPerGB: usd.USD}
			l.capacity = figures.Gbps.BitsPerSecond()
			if !figures.Total {
				l.capacity *= int64(p.gateways)
			}
			l.price = int64(math.Round(float64(usd.USD)*1e6))*microDollar + hop
			p.links = append(p.links, l)
		}
	}
}

// stated tells whether the figures of some link from a source to a destination
// are more than an assumption.
func (p *problem) stated(g Grid) bool {
	for u, from := range p.regions {
		for v, to := range p.regions {
			if !p.source[u] || p.source[v] || !p.isDest(v) {
				continue
			}
			if l, err := g.Link(from, to); err == nil && !l.Assumed {
				return true
			}
		}
	}
	return false
}

// isDest tells whether region v is one of some destination.
func (p *problem) isDest(v int) bool {
	return slices.ContainsFunc(p.dest, func(d []bool) bool { return d[v] })
}

// inPlace tells whether every destination is written where the source is read.
func (p *problem) inPlace() bool {
	for d := range p.dest {
		if _, ok := p.shared(d); !ok {
			return false
		}
	}
	return true
}

// shared returns a region where destination d is written right where the source
// is read, and false if there is none.
func (p *problem) shared(d int) (int, bool) {
	for v := range p.regions {
		if p.source[v] && p.dest[d][v] {
			return v, true
		}
	}
	return 0, false
}

// capacities returns what each link may carry before anything is decided.
func (p *problem) capacities() []int64 {
	capacity := make([]int64, len(p.links))
	for i, l := range p.links {
		capacity[i] = l.capacity
	}
	return capacity
}

// egress and ingress return what all gateways that there may be in a region can
// send and receive.
func (p *problem) egress(v int) int64  { return p.times(p.caps[v].Egress) }
func (p *problem) ingress(v int) int64 { return p.times(p.caps[v].Ingress) }

func (p *problem) times(limit unit.Gbps) int64 {
	if limit == 0 {
		return unbounded
	}
	return limit.BitsPerSecond() * int64(p.gateways)
}
