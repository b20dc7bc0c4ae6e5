package planner

import (
	"cmp"
	"slices"
)

// sampled is the number of rates between the ends of the frontier.
const sampled = 16

// refined is how often the two halves beside the knee are looked into.
const refined = 2

// frontier returns plans of which none is both faster and cheaper than another,
// by throughput: the cheapest for each of a series of rates, each made as fast
// as its gateways allow. Its ends are the cheapest plan and the fastest.
func (s *solver) frontier() ([]point, error) {
	quicks, err := s.noticed()
	if err != nil {
		return nil, err
	}
	var all []point
	add := func(rate float64) error {
		p, err := s.full(rate)
		if err != nil {
			return err
		}
		all = append(all, p)
		// The cheapest may wait for a slow cloud.
		for _, q := range quicks {
			if q.provisions[0] < p.provision && rate <= q.most {
				if p, err = q.full(rate); err != nil {
					return err
				}
				all = append(all, p)
			}
		}
		return nil
	}
	for _, rate := range rates(s.slowest(), s.most, sampled) {
		if err := add(rate); err != nil {
			return nil, err
		}
	}
	for _, q := range quicks {
		if err := add(q.most); err != nil {
			return nil, err
		}
	}
	for range refined {
		points := s.undominated(all)
		k := s.knee(points)
		for _, i := range []int{k - 1, k} {
			if i >= 0 && i+1 < len(points) {
				if err := add((points[i].rate + points[i+1].rate) / 2); err != nil {
					return nil, err
				}
			}
		}
	}
	return s.undominated(all), nil
}

// full returns the cheapest plan for a rate, or that for the rate that its
// gateways carry.
func (s *solver) full(rate float64) (point, error) {
	p, err := s.at(rate)
	if err == nil {
		p, err = s.at(s.stretched(p.answer, p.rate))
	}
	return p, err
}

// noticed returns the solvers for plans without the slowest clouds, where that
// is noticed in the time of the quickest plan with them.
func (s *solver) noticed() ([]*solver, error) {
	var quicks []*solver
	for _, provision := range s.provisions[:len(s.provisions)-1] {
		if s.longest()-provision < unnoticed*(s.longest()+s.p.seconds(s.most)) {
			continue
		}
		quick, err := s.quick(provision)
		if err != nil {
			return nil, err
		}
		if quick.most > 0 {
			quicks = append(quicks, quick)
		}
	}
	return quicks, nil
}

// slowest returns a rate below which no plan is worth a look: a thirty-second
// of the highest, or what the cheapest tree carries with one gateway in each
// region if that is less.
func (s *solver) slowest() float64 {
	cheapest := s.m.columns[0]
	for _, c := range s.m.columns {
		if c.usd < cheapest.usd || (c.usd == cheapest.usd && s.single(c.tree) > s.single(cheapest.tree)) {
			cheapest = c
		}
	}
	return min(s.most/32, s.single(cheapest.tree))
}

// single returns what a tree carries with one gateway in each region, of the types
// that carry least.
func (s *solver) single(t tree) float64 {
	carries := s.most
	for _, i := range t.links {
		carries = min(carries, s.p.links[i].gbps, 1/s.p.links[i].uses())
	}
	for v, n := range s.m.needs([]flow{{t, 1}}) {
		for _, m := range s.p.sites[v].machines {
			for _, can := range [][2]float64{{m.egress, n.egress}, {m.ingress, n.ingress}, {m.send, n.cpu}, {1, n.passing}} {
				if can[1] > 0 {
					carries = min(carries, can[0]/can[1])
				}
			}
		}
	}
	return carries
}

// undominated sorts points by rate and leaves out those that another beats in
// cost and time, and is not beaten in either.
func (s *solver) undominated(all []point) []point {
	points := slices.Clone(all)
	slices.SortStableFunc(points, func(a, b point) int {
		if c := cmp.Compare(s.seconds(a), s.seconds(b)); c != 0 {
			return c
		}
		return cmp.Compare(a.answer.objective, b.answer.objective)
	})
	var kept []point
	for _, p := range points {
		if len(kept) == 0 || s.usd(p) < s.usd(kept[len(kept)-1])*(1-exact) {
			kept = append(kept, p)
		}
	}
	slices.Reverse(kept)
	return kept
}

// seconds returns how long a plan takes, provisioning included.
func (s *solver) seconds(p point) float64 { return p.provision + s.p.seconds(p.rate) }

// usd returns what a plan costs.
func (s *solver) usd(p point) float64 {
	usd, sum := 0.0, 0.0
	for _, f := range p.answer.flows {
		usd += f.gbps * s.p.gb() * s.p.usd(f.tree)
		sum += f.gbps
	}
	usd /= sum
	for v, counts := range p.answer.gateways {
		for k, n := range counts {
			usd += float64(n) * s.p.sites[v].machines[k].hourly * s.seconds(p) / 3600
		}
	}
	return usd
}

// unnoticed is the share of a plan's time that nobody pays to save: bringing
// gateways up varies by more.
const unnoticed = 0.01

// knee returns the point farthest from the line between the ends of the
// frontier, cost and time both scaled to 1; of equal ones the fastest. Where
// its ends take as good as the same time, as for the smallest jobs, there is
// nothing to weigh, and it is the cheapest.
func (s *solver) knee(points []point) int {
	slow, fast := points[0], points[len(points)-1]
	if s.seconds(slow)-s.seconds(fast) < unnoticed*s.seconds(fast) {
		return 0
	}
	best, farthest := len(points)-1, 0.0
	for i := len(points) - 2; i > 0; i-- {
		time := (s.seconds(points[i]) - s.seconds(fast)) / (s.seconds(slow) - s.seconds(fast))
		cost := (s.usd(points[i]) - s.usd(slow)) / (s.usd(fast) - s.usd(slow))
		if far := 1 - time - cost; far > farthest+whole {
			best, farthest = i, far
		}
	}
	return best
}
