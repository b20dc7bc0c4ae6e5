package planner

import (
	"cmp"
	"math"
	"slices"

	"github.com/skyctl/skyctl/orchestrator/planner/milp"
)

// Without a goal, routes are left out as long as what stays carries at least
// enough/all of the knee and costs no more: a route is worth having when it
// raises the throughput by more than a tenth.
const (
	enough = 10
	all    = 11
)

// simple returns the plan for the default goal: the knee, or with fewer routes
// and nearly its rate.
func (s *solver) simple(knee point) (point, error) {
	chosen, err := s.few(knee)
	if err != nil {
		return point{}, err
	}
	flows := thinnest(chosen.answer.flows)
	left := chosen.rate
	for _, f := range flows[:len(flows)-1] {
		if left -= f.gbps; left < knee.rate*enough/all*(1-lacking) {
			break
		}
		rate := digits(left, math.Round)
		next, err := s.at(rate)
		if err == nil {
			next, err = s.few(next)
		}
		if err != nil {
			return point{}, err
		}
		if len(next.answer.flows) < len(chosen.answer.flows) && s.usd(next) <= s.usd(knee)*(1+lacking) {
			chosen = next
		}
	}
	return chosen, nil
}

// few returns the plan with as few trees as its rate takes with the same
// gateways at the same cost: relaxations share out the bytes among more than
// that where several are equally cheap.
func (s *solver) few(p point) (point, error) {
	for _, f := range p.answer.flows {
		s.m.add(f.tree) // the plan may be of another program
	}
	s.m.ask(p.rate, s.worth(p.rate, s.seconds(p), 1e6))
	a := *p.answer
	for _, f := range thinnest(a.flows) {
		if len(a.flows) == 1 {
			break
		}
		without, err := s.m.without(&a, f)
		if err != nil {
			return point{}, err
		}
		if without == nil || without.short > lacking*p.rate {
			continue
		}
		usd, limit := s.usd(point{rate: p.rate, provision: p.provision, answer: without}), s.usd(p)*(1+lacking)
		if goal := s.p.job.MaxCost; goal != nil {
			limit = min(limit, max(s.usd(p), float64(*goal)))
		}
		if !over(usd, limit) {
			a = *without
		}
	}
	p.answer = &a
	return p, nil
}

// thinnest returns flows, those that carry least first.
func thinnest(flows []flow) []flow {
	flows = slices.Clone(flows)
	slices.SortStableFunc(flows, func(a, b flow) int { return cmp.Compare(a.gbps, b.gbps) })
	return flows
}

// without shares out an answer's bytes among its trees but one, with the same
// gateways. It returns nil where that is not possible, or the tree is not among
// them.
func (m *master) without(a *answer, out flow) (*answer, error) {
	kept := slices.DeleteFunc(slices.Clone(a.flows), func(f flow) bool { return f.key() == out.key() })
	if len(kept) == len(a.flows) {
		return nil, nil
	}
	found, err := m.among(kept, a.gateways)
	if err != nil || found.X == nil {
		return nil, err
	}
	return m.answer(found.X), nil
}

// among solves the program with the given gateways over some trees alone.
func (m *master) among(flows []flow, gateways [][]int) (milp.Solution, error) {
	kept := map[string]bool{}
	for _, f := range flows {
		kept[f.key()] = true
	}
	m.fix(gateways)
	for _, c := range m.columns {
		if !kept[c.key()] {
			m.lp.SetBounds(c.v, 0, 0)
		}
	}
	found, err := m.lp.Solve(m.p.ctx, milp.Options{Relax: true})
	for _, c := range m.columns {
		m.lp.SetBounds(c.v, 0, 2*m.p.carries(c.tree))
	}
	return found, err
}
