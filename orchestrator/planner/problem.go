package planner

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// perGateway is the number of connections that one gateway may have towards
// others, and the number it may have from others.
const perGateway = 64

// maxGateways bounds the gateways of a region.
const maxGateways = 10_000

// maxEnds bounds the work of finding trees, which grows as 3^ends.
const maxEnds = 8

// problem is a job in figures: the regions that may have gateways, in the order
// of their names, and the links between them. Rates are Gbit/s.
type problem struct {
	ctx context.Context // of the one Solve that the problem is made for

	job      Job
	gateways int // the most a region may have

	// ends are the destinations with different regions: those with the same
	// ones are written by the same gateways. end says which is whose.
	ends [][]region.Region
	end  []int

	sites []site
	links []link
	most  float64 // Gbit/s that the stores allow; +Inf if nothing is known
	grows bool    // some gateways are there already

	// unknown is the first figure that was missing between a source and a
	// destination.
	unknown error
}

// site is a region that may have gateways.
type site struct {
	region   region.Region
	machines []machine
	gateways int // that there may be, of all types; at most problem.gateways
	source   bool
	dest     []bool // by end
}

// machine is a type of gateway in one region. Rates are +Inf where nothing
// limits them.
type machine struct {
	name            string
	egress, ingress float64 // Gbit/s
	send, receive   float64 // Gbit/s that its CPUs carry if they do nothing else
	hourly          float64 // USD
	most            int     // gateways that there may be of it, at most site.gateways
	provision       float64 // seconds until they are up
	there           bool    // they are up already, and paid for: hourly is 0
}

// link is a pair of sites that may carry traffic.
type link struct {
	from, to    int
	gbps        float64 // of the pair if total, else of each pair of gateways
	connections float64 // that saturate it
	total       bool
	usd         float64 // a GB, on average over the job's volume
	assumed     bool
	source      string
	measured    time.Time // zero: not by skyctl
	spread      float64
}

// uses returns the part of one gateway's connections that a Gbit/s takes, at
// both ends.
func (l link) uses() float64 { return l.connections / perGateway / l.gbps }

// newProblem gathers the figures. Regions and links without figures are left
// out; where that leaves a source or destination without any, it is an error.
func newProblem(ctx context.Context, job Job, g Grid, prices Prices, limits Limits) (*problem, error) {
	p := &problem{ctx: ctx, job: job, gateways: limits.Gateways, most: math.Inf(1), grows: len(limits.Standing) > 0}
	if job.Gateways != nil {
		p.gateways = *job.Gateways
	}
	for _, rate := range append([]unit.Gbps{job.ReadGbps, job.Limit}, job.WriteGbps...) {
		if rate > 0 {
			p.most = min(p.most, float64(rate))
		}
	}
	candidates := slices.Concat(append([][]region.Region{job.Sources}, job.Dests...)...)
	if job.Mode != Direct {
		candidates = append(candidates, limits.Relays...)
	}
	slices.Sort(candidates)
	if job.MinThroughput == 0 && job.MaxTime == 0 && sameRegions(job) {
		// EngineGbps is an assumption, and no reason to rent more of them.
		p.gateways = min(p.gateways, 1)
	}
	p.findEnds()
	if len(p.ends) > maxEnds {
		return nil, fmt.Errorf("%d destination regions are too many for one run, the most is %d: make several runs of it", len(p.ends), maxEnds)
	}
	problems := map[region.Region]error{}
	for _, r := range slices.Compact(candidates) {
		if len(limits.Allow) > 0 && !slices.Contains(limits.Allow, r) {
			problems[r] = fmt.Errorf("%s is not in allow.regions, add it", r)
			continue
		}
		gateways := limits.most(region.Kind{Region: r}, p.gateways)
		machines, err := machinesOf(r, g, prices, limits, gateways)
		if err != nil {
			problems[r] = err
			continue
		}
		p.sites = append(p.sites, site{region: r, machines: machines, gateways: gateways, dest: make([]bool, len(p.ends))})
	}
	if err := p.mark(problems); err != nil {
		return nil, err
	}
	return p, p.addLinks(g, prices)
}

// findEnds tells destinations in different regions apart.
func (p *problem) findEnds() {
	for _, regions := range p.job.Dests {
		regions = slices.Compact(slices.Sorted(slices.Values(regions)))
		i := slices.IndexFunc(p.ends, func(other []region.Region) bool { return slices.Equal(other, regions) })
		if i < 0 {
			i, p.ends = len(p.ends), append(p.ends, regions)
		}
		p.end = append(p.end, i)
	}
}

// machinesOf returns the types that a region's gateways may be of: those that
// are allowed and to be had, have a price and are not worse in every respect than
// another. Those that are there already are a type of their own.
func machinesOf(r region.Region, g Grid, prices Prices, limits Limits, gateways int) ([]machine, error) {
	var found []machine
	var unknown error
	gone, allow := 0, limits.Machines
	types := g.Machines(r)
	for _, t := range types {
		kind := region.Kind{Region: r, Machine: t.Type}
		m := machine{t.Type, limit(t.Egress), limit(t.Ingress), limit(t.Send), limit(t.Receive), 0, min(limits.Standing[kind], gateways), 0, true}
		for _, figure := range []float64{m.egress, m.ingress, m.send, m.receive} {
			if !(figure > 0) {
				return nil, wrongFigure(t.Type, r, figure)
			}
		}
		if m.most > 0 {
			found = append(found, m)
		}
		if t.Type != "" && len(allow) > 0 && !slices.Contains(allow, t.Type) {
			continue
		}
		m.most = limits.most(kind, gateways) - m.most
		if m.most <= 0 && (len(limits.Most) > 0 || len(limits.Standing) > 0) {
			gone++
			continue
		}
		usd, err := prices.Machine(r, t.Type)
		if err != nil {
			if unknown == nil {
				unknown = err
			}
			continue
		}
		m.hourly, m.provision, m.there = float64(usd.USD), limits.Provision[r.Cloud()].Seconds(), false
		if !(m.hourly >= 0) {
			return nil, wrongFigure(t.Type, r, m.hourly)
		}
		found = append(found, m)
	}
	switch {
	case len(found) > 0:
		return undominated(found, gateways), nil
	case unknown != nil:
		return nil, unknown
	case gone > 0:
		return nil, noMachine(r, "its cloud gives none of "+fmt.Sprint(gone), "have the quota raised, or allow other regions and machines")
	case len(types) > 0:
		return nil, noMachine(r, "allow.machines leaves none out of "+fmt.Sprint(len(types)), "add one to allow.machines")
	}
	return nil, noMachine(r, "no machine type of "+string(r.Cloud())+" is known", "add one to the machines file, or leave it out")
}

func wrongFigure(machine string, r region.Region, figure float64) error {
	return fmt.Errorf("machine type %q in %s has a figure of %v: correct it", machine, r, figure)
}

func noMachine(r region.Region, nearest, hint string) *Infeasible {
	return &Infeasible{Goal: fmt.Sprintf("a gateway in %s", r), Nearest: nearest, Hint: hint}
}

// limit returns a cap in Gbit/s, of which 0 means none.
func limit(g unit.Gbps) float64 {
	if g == 0 {
		return math.Inf(1)
	}
	return float64(g)
}

// undominated leaves out each type that costs at least as much as another which
// carries as much in every respect: in any plan the other can take its place,
// one for one, so the best plan is not lost. One of which there are fewer than the
// region may have takes nobody's place, nor does any that of one that is there.
func undominated(machines []machine, gateways int) []machine {
	return slices.DeleteFunc(slices.Clone(machines), func(m machine) bool {
		return !m.there && slices.ContainsFunc(machines, func(o machine) bool {
			worse := o.most >= gateways && m.hourly >= o.hourly && m.egress <= o.egress && m.ingress <= o.ingress && m.send <= o.send && m.receive <= o.receive
			same := m.most == o.most && m.hourly == o.hourly && m.egress == o.egress && m.ingress == o.ingress && m.send == o.send && m.receive == o.receive
			return worse && (!same || o.name < m.name)
		})
	})
}

// mark notes which sites are sources and destinations; there must be some.
func (p *problem) mark(problems map[region.Region]error) error {
	one := func(what string, regions []region.Region, mark func(*site)) error {
		found := false
		for i := range p.sites {
			if slices.Contains(regions, p.sites[i].region) {
				mark(&p.sites[i])
				found = true
			}
		}
		if found {
			return nil
		}
		for _, r := range regions {
			if err := problems[r]; err != nil {
				return fmt.Errorf("%s: %w", what, err)
			}
		}
		return fmt.Errorf("%s has no region", what)
	}
	if err := one("source", p.job.Sources, func(s *site) { s.source = true }); err != nil {
		return err
	}
	for e, regions := range p.ends {
		if err := one(fmt.Sprintf("destination %d", slices.Index(p.end, e)+1), regions, func(s *site) { s.dest[e] = true }); err != nil {
			return err
		}
	}
	return nil
}

// addLinks adds every link that a tree may take: none into a source, and of
// direct routes only those from a source to a destination. Where all that is
// known of those is an assumption, assumed links to relays are left out too:
// figures that nobody stated are no reason to rent machines on a detour.
func (p *problem) addLinks(g Grid, prices Prices) error {
	stated := p.stated(g)
	for u, from := range p.sites {
		for v, to := range p.sites {
			ends := from.source && to.isDest()
			if u == v || to.source || (p.job.Mode == Direct && !ends) {
				continue
			}
			figures, err := g.Link(from.region, to.region)
			usd, err2 := prices.Egress(from.region, to.region)
			if err = errors.Join(err, err2); err != nil {
				if ends && p.unknown == nil {
					p.unknown = firstOf(err)
				}
				continue
			}
			l := link{from: u, to: v, gbps: float64(figures.Gbps), connections: perGateway, total: figures.Total,
				usd: float64(usd.Average(p.job.Bytes)), assumed: figures.Assumed, source: figures.Source,
				measured: figures.Measured, spread: figures.Spread}
			if l.total {
				l.connections = float64(figures.Connections)
			}
			switch {
			case !(l.gbps >= 0 && l.usd >= 0 && l.connections > 0) || math.IsInf(l.gbps+l.usd, 0):
				return fmt.Errorf("link %s > %s has %v Gbit/s over %v connections at %v USD/GB: correct it", from.region, to.region, l.gbps, l.connections, l.usd)
			case l.gbps == 0 || (l.assumed && !ends && !stated):
				continue
			}
			p.links = append(p.links, l)
		}
	}
	return nil
}

// stated tells whether the figures of some link from a source to a destination
// are more than an assumption.
func (p *problem) stated(g Grid) bool {
	for _, from := range p.sites {
		for _, to := range p.sites {
			if !from.source || to.source || !to.isDest() {
				continue
			}
			if l, err := g.Link(from.region, to.region); err == nil && !l.Assumed {
				return true
			}
		}
	}
	return false
}

func (s site) isDest() bool { return slices.Contains(s.dest, true) }

// sameRegions tells whether every destination is written where the source is
// read.
func sameRegions(job Job) bool {
	for _, d := range job.Dests {
		if !slices.ContainsFunc(d, func(r region.Region) bool { return slices.Contains(job.Sources, r) }) {
			return false
		}
	}
	return true
}

// gb returns the job's size in GB, 1e9 bytes.
func (p *problem) gb() float64 { return float64(p.job.Bytes) / float64(unit.GB) }

// seconds returns how long the job's bytes take at a rate.
func (p *problem) seconds(rate float64) float64 { return 8 * p.gb() / rate }

// groups returns, for the source and each end, the sites of which every
// plan uses at least one.
func (p *problem) groups() [][]int {
	groups := make([][]int, 1+len(p.ends))
	for v, s := range p.sites {
		if s.source {
			groups[0] = append(groups[0], v)
		}
		for d, in := range s.dest {
			if in {
				groups[1+d] = append(groups[1+d], v)
			}
		}
	}
	return groups
}

// provisions returns the times that the gateways of a plan can take to come up,
// in seconds, ascending: the slowest cloud decides, and the least is that of
// the sources and destinations that no plan can do without.
func (p *problem) provisions() []float64 {
	least := 0.0
	for _, group := range p.groups() {
		quickest := math.Inf(1)
		for _, v := range group {
			for _, t := range p.sites[v].machines {
				quickest = min(quickest, t.provision)
			}
		}
		least = max(least, quickest)
	}
	times := []float64{least}
	for _, s := range p.sites {
		for _, t := range s.machines {
			if t.provision > least {
				times = append(times, t.provision)
			}
		}
	}
	slices.Sort(times)
	return slices.Compact(times)
}

// join writes regions one after the other.
func join(regions []region.Region) string {
	names := make([]string, len(regions))
	for i, r := range regions {
		names[i] = string(r)
	}
	return strings.Join(names, ", ")
}
