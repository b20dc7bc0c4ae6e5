package planner

import (
	"errors"
	"maps"
	"math"
	"slices"
)

// solver answers questions about one problem: the cheapest plan at a rate, what
// no plan between two rates costs less than, the highest rate. It keeps one
// program for all of them, so that each begins where the one before ended.
type solver struct {
	p          *problem
	m          *master
	most       float64   // the highest rate, Gbit/s
	top        [][]int   // gateways that carry it
	provisions []float64 // seconds, as problem.provisions has them
	scale      float64   // USD that are 1 in the objective
	tie        float64   // what a hop or a gateway weighs there, besides its price
	points     map[float64]point
	nodes      int                 // limit of the relaxations of one search
	quicks     map[float64]*solver // by provision
}

// point is the cheapest plan at a rate.
type point struct {
	rate      float64 // Gbit/s
	provision float64 // seconds
	answer    *answer
	bound     float64 // of the objective
}

// Ties are settled by weights that stay far below the tolerance: of all hops
// and gateways together.
const tieWeight = 1e-6

// newSolver returns a solver, or an error if no rate is possible.
func newSolver(p *problem) (*solver, error) {
	s := &solver{p: p, m: newMaster(p), provisions: p.provisions(), scale: 1, tie: 1, points: map[float64]point{}, nodes: maxNodes, quicks: map[float64]*solver{}}
	s.begin()
	var err error
	if s.most, s.top, err = s.maximum(math.Inf(1)); err != nil || s.most == 0 {
		return s, err
	}
	if dear := s.dear(); dear > 0 {
		s.scale, s.tie = max(s.least(), dear*tieWeight), tieWeight
	}
	return s, nil
}

// dear returns what the dearest link and one of the dearest gateways would cost,
// in USD: 0 where everything is free.
func (s *solver) dear() float64 {
	usd, hourly := 0.0, 0.0
	for _, l := range s.p.links {
		usd = max(usd, l.usd)
	}
	for _, v := range s.p.sites {
		for _, t := range v.machines {
			hourly = max(hourly, t.hourly)
		}
	}
	return usd*s.p.gb() + hourly*(s.longest()+s.p.seconds(s.most))/3600
}

// longest returns the provisioning, in seconds, after which all gateways are up.
func (s *solver) longest() float64 { return s.provisions[len(s.provisions)-1] }

// quick returns the solver for plans whose gateways are up within so many
// seconds, of the provisions that there are. Its highest rate may be 0.
func (s *solver) quick(provision float64) (*solver, error) {
	if known := s.quicks[provision]; known != nil {
		return known, nil
	}
	only := *s
	only.provisions, only.points = []float64{provision}, map[float64]point{}
	if provision < s.longest() {
		var err error
		if only.most, only.top, err = s.maximum(provision); err != nil {
			return nil, err
		}
	}
	s.quicks[provision] = &only
	return &only, nil
}

// asQuick returns the solver for plans that are up as soon as a given one.
func (s *solver) asQuick(c point) (*solver, error) {
	if c.provision == s.longest() {
		return s, nil
	}
	return s.quick(c.provision)
}

// begin adds the trees that most plans are made of: those with the fewest links
// and the cheapest, and for one end each path over one relay.
func (s *solver) begin() {
	for _, w := range []worth{{hop: 1}, {usdPerGB: 1, hop: tieWeight}} {
		s.m.worth = w
		all := weights{make([]float64, len(s.p.links)), make([]float64, len(s.p.sites))}
		for i, l := range s.p.links {
			all.link[i] = w.usdPerGB*l.usd + w.hop
		}
		s.m.finder.find(all)
		for _, t := range s.m.finder.all(all) {
			s.m.add(t.tree)
		}
	}
}

// maximum returns the highest rate that gateways in any number up to the limit
// can carry that are up within so many seconds, and the stores allow, and gateways
// that carry it.
func (s *solver) maximum(provision float64) (rate float64, by [][]int, err error) {
	most := s.p.most
	for i, group := range s.p.groups() {
		most = min(most, s.p.passing(i == 0, group))
	}
	for looks := 0; most > 0 && looks < maxLooks; looks++ {
		short := 1 / min(1, most) // small rates are made large, for the tolerances
		s.m.ask(most, worth{short: short})
		found, err := s.m.solve(exact, most*short*lacking/10, math.Inf(1), provision, maxNodes)
		if err != nil {
			return 0, nil, err
		}
		if found.answer == nil {
			return 0, nil, errors.New("the planner's program has no answer, not even an empty one")
		}
		by = found.gateways
		rate = most - found.short
		above := most - found.bound/short
		if max(rate, above) >= most*close {
			break
		}
		most = above // from so far away the search is coarse
	}
	return digits(rate, math.Round), by, nil
}

// close is the part of a bound on the highest rate from which on the search for
// that is not coarse, maxLooks how often the bound is lowered.
const (
	close    = 1e-3
	maxLooks = 4
)

// digits rounds a rate to nine digits.
func digits(rate float64, round func(float64) float64) float64 {
	if rate <= 0 {
		return 0
	}
	unit := math.Pow(10, 8-math.Floor(math.Log10(rate)))
	return round(rate*unit) / unit
}

// passing bounds what can leave a group of sites, or come to it, by its links. What
// is far above what can be had would make the search for that coarse.
func (p *problem) passing(leave bool, group []int) float64 {
	sum := 0.0
	for _, l := range p.links {
		switch {
		case leave && !slices.Contains(group, l.from), !leave && !slices.Contains(group, l.to):
		case l.total:
			sum += l.gbps
		default:
			sum += l.gbps * float64(p.gateways)
		}
	}
	for _, v := range group {
		if s := p.sites[v]; s.source && s.isDest() {
			sum += float64(EngineGbps) * float64(p.gateways)
		}
	}
	return sum
}

// least returns what no plan costs less than, in USD: the cheapest way for the
// bytes, and one gateway at the source or an end for as long as it takes at the
// highest rate.
func (s *solver) least() float64 {
	cheapest := math.Inf(1)
	for _, c := range s.m.columns {
		cheapest = min(cheapest, c.usd)
	}
	hourly := 0.0
	for _, group := range s.p.groups() {
		one := math.Inf(1)
		for _, v := range group {
			for _, t := range s.p.sites[v].machines {
				one = min(one, t.hourly)
			}
		}
		hourly = max(hourly, one)
	}
	return cheapest*s.p.gb() + hourly*(s.provisions[0]+s.p.seconds(s.most))/3600
}

// worth returns what counts for a plan at a rate whose gateways are paid for so
// many seconds.
func (s *solver) worth(rate, seconds, penalty float64) worth {
	return worth{
		usdPerGB: s.p.gb() / rate / s.scale,
		hop:      s.tie / rate,
		hours:    seconds / 3600 / s.scale,
		gateway:  s.tie,
		short:    penalty / rate,
	}
}

// at returns the cheapest plan for a rate of at most the highest. The slowest
// cloud decides how long all gateways are paid for, so it is searched once for
// each time that provisioning may take.
func (s *solver) at(rate float64) (point, error) {
	if known, ok := s.points[rate]; ok {
		return known, nil
	}
	best := point{rate: rate, bound: math.Inf(1)}
	for _, provision := range s.provisions {
		cutoff := math.Inf(1)
		if best.answer != nil {
			cutoff = best.answer.objective
		}
		found, err := s.cheapest(rate, provision+s.p.seconds(rate), provision, cutoff)
		if err != nil {
			return point{}, err
		}
		best.bound = min(best.bound, found.bound)
		if found.answer != nil {
			best.answer, best.provision = found.answer, provision
		}
	}
	if best.answer == nil {
		// The search has ended before it came upon one.
		best.provision = s.longest()
		s.m.ask(rate, s.worth(rate, s.seconds(best), 1e6))
		found, err := s.m.fixed(s.top)
		if err != nil {
			return point{}, err
		}
		if found.X == nil || found.X[s.m.short] > lacking*rate {
			return point{}, errors.New("the planner found no plan for a rate that it found possible")
		}
		best.answer = s.m.answer(found.X)
	}
	s.points[rate] = best
	return best, nil
}

// cheapest returns the cheapest answer for a rate whose gateways are paid for
// the given seconds.
func (s *solver) cheapest(rate, seconds, provision, cutoff float64) (bounded, error) {
	// What is lacking has to be dearer than anything that could carry it. What
	// that is nobody knows, so a rate that lacks is asked for more.
	s.renew()
	for penalty := 1e3; ; penalty *= 1e3 {
		s.m.ask(rate, s.worth(rate, seconds, penalty))
		found, err := s.m.solve(0.8*tolerance, 0, cutoff, provision, s.nodes)
		if err != nil || found.answer == nil || found.short <= lacking*rate {
			return found, err
		}
		if penalty > 1e9 {
			return bounded{bound: found.bound}, nil
		}
	}
}

// renew begins a new program when the trees of earlier rates have become many:
// most are of no use any more and slow down each relaxation. Those that plans
// use stay.
func (s *solver) renew() {
	if len(s.m.columns) <= manyTrees {
		return
	}
	old := s.m
	s.m = newMaster(s.p)
	s.m.proof = old.proof
	s.begin()
	for _, rate := range slices.Sorted(maps.Keys(s.points)) {
		for _, f := range s.points[rate].answer.flows {
			s.m.add(f.tree)
		}
	}
}

// manyTrees is when the program is begun anew.
const manyTrees = 400

// below returns what no plan costs less than whose rate is between slow and
// fast, or the cutoff if that is less: one at the slow rate whose gateways are
// paid as short as at the fast one. Any plan between them carries the slow rate
// too, with the same gateways.
func (s *solver) below(slow, fast, cutoff float64) (float64, error) {
	bound := math.Inf(1)
	for _, provision := range s.provisions {
		found, err := s.cheapest(slow, provision+s.p.seconds(fast), provision, cutoff)
		if err != nil {
			return 0, err
		}
		bound = min(bound, found.bound)
	}
	return bound, nil
}

// stretched returns the highest rate that a plan's gateways carry without
// changing how the bytes are shared out among its trees: a plan that is faster
// and no dearer, because its gateways are paid for less time.
func (s *solver) stretched(a *answer, rate float64) float64 {
	factor := s.most / rate
	limit := func(can, does float64) {
		if does > 0 {
			factor = min(factor, can/does)
		}
	}
	on := make([]float64, len(s.p.links))
	for _, f := range a.flows {
		for _, i := range f.links {
			on[i] += f.gbps
		}
	}
	for i, l := range s.p.links {
		if l.total {
			limit(l.gbps, on[i])
		}
	}
	for v, n := range s.m.needs(a.flows) {
		var egress, ingress, cpu, count float64
		for k, t := range s.p.sites[v].machines {
			if c := float64(a.gateways[v][k]); c > 0 {
				egress, ingress, cpu, count = egress+c*t.egress, ingress+c*t.ingress, cpu+c*t.send, count+c
			}
		}
		limit(egress, n.egress)
		limit(ingress, n.ingress)
		limit(cpu, n.cpu)
		limit(count, n.passing)
	}
	return max(rate, digits(rate*factor, math.Floor))
}

// rates returns n rates from slow to fast, each the same factor above the last.
func rates(slow, fast float64, n int) []float64 {
	var out []float64
	for i := range n {
		out = append(out, slow*math.Pow(fast/slow, float64(i)/float64(n-1)))
	}
	out[n-1] = fast
	return slices.Compact(out)
}
