package planner

import (
	"math"
	"slices"
)

// maxSpans bounds the ranges of rates that one search looks into.
const maxSpans = 32

// span is a range of rates of which every plan's objective is at least bound.
type span struct {
	slow, fast float64
	bound      float64
}

// minimise returns the plan of the least cost among all rates from slow to
// fast, and a bound that none of them is below. Cost does not grow steadily with
// the rate, because gateways are paid by time: ranges of rates are halved, the
// one with the least bound first, until none is left that could be better.
func (s *solver) minimise(slow, fast float64) (best point, bound float64, err error) {
	try := func(rate float64) error {
		p, err := s.full(rate)
		if err == nil && (best.answer == nil || p.answer.objective < best.answer.objective) {
			best = p
		}
		return err
	}
	if err := try(slow); err != nil {
		return point{}, 0, err
	}
	if err := try(fast); err != nil {
		return point{}, 0, err
	}
	open := []span{{slow, fast, math.Inf(-1)}}
	bound = min(best.bound, best.answer.objective) // of the ranges that are done with
	for looked := 0; len(open) > 0; looked++ {
		next := 0
		for i, o := range open {
			if o.bound < open[next].bound {
				next = i
			}
		}
		at := open[next]
		// What is to be beaten: a range that cannot by the tolerance is done with.
		enough := best.answer.objective * (1 - 0.9*tolerance)
		if at.bound >= enough || looked == maxSpans {
			return best, min(bound, at.bound), nil
		}
		middle := math.Sqrt(at.slow * at.fast)
		if err := try(middle); err != nil {
			return point{}, 0, err
		}
		open = slices.Delete(open, next, next+1)
		for _, half := range []span{{slow: at.slow, fast: middle}, {slow: middle, fast: at.fast}} {
			if half.bound, err = s.below(half.slow, half.fast, enough); err != nil {
				return point{}, 0, err
			}
			if half.bound = max(half.bound, at.bound); half.bound < enough-10*tooLight {
				open = append(open, half)
			} else {
				bound = min(bound, half.bound)
			}
		}
	}
	return best, bound, nil
}

// fastest returns the highest rate whose plan costs at most so many USD, and a
// rate that none such exceeds. It looks into ranges of rates from the top, down
// to the plan that is known to do.
func (s *solver) fastest(usd float64, does point) (best point, above float64, err error) {
	best, above = does, does.rate
	try := func(rate float64) error {
		for range 2 { // as it is, and as fast as its gateways allow
			p, err := s.at(rate)
			if err != nil || over(s.usd(p), usd) {
				return err
			}
			if best.rate < p.rate {
				best = p
			}
			rate = s.stretched(p.answer, p.rate)
		}
		return nil
	}
	if err := try(s.most); err != nil {
		return point{}, 0, err
	}
	// What settles ties is no reason to give up a range, so what it may weigh is
	// added to the limit. That room is made small: here a little money is worth
	// much of the rate.
	tie := s.tie
	light := tie
	if light == tieWeight {
		light *= lightTies
	}
	cutoff := usd/s.scale + tieRoom*light
	stack := []span{{slow: does.rate, fast: s.most}}
	for looked := 0; len(stack) > 0; looked++ {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		at.slow = max(at.slow, best.rate)
		if at.fast <= at.slow {
			continue
		}
		if looked < maxSpans {
			s.tie = light
			bound, err := s.below(at.slow, at.fast, cutoff+10*tooLight)
			s.tie = tie
			if err != nil {
				return point{}, 0, err
			}
			if bound > cutoff {
				continue
			}
		}
		if at.fast <= at.slow*(1+tolerance/4) || looked >= maxSpans {
			above = max(above, at.fast)
			continue
		}
		middle := math.Sqrt(at.slow * at.fast)
		if err := try(middle); err != nil {
			return point{}, 0, err
		}
		stack = append(stack, span{slow: at.slow, fast: middle}, span{slow: middle, fast: at.fast})
	}
	best, err = s.exhausted(best, max(above, best.rate), usd)
	return best, max(above, best.rate), err
}

// exhausted returns the highest rate up to above that a plan's gateways carry
// for so many USD.
func (s *solver) exhausted(best point, above, usd float64) (point, error) {
	for slow := best.rate; above-slow > slow*lacking; {
		next := point{rate: (slow + above) / 2, provision: best.provision, bound: best.bound}
		s.m.ask(next.rate, s.worth(next.rate, s.seconds(next), 1e6))
		found, err := s.m.fixed(best.answer.gateways)
		if err != nil {
			return point{}, err
		}
		if found.X == nil { // the ends need more gateways for that
			above = next.rate
			continue
		}
		next.answer = s.m.answer(found.X)
		if next.answer.short <= lacking*next.rate && !over(s.usd(next), usd) {
			best, slow = next, next.rate
		} else {
			above = next.rate
		}
	}
	return best, nil
}

// lightTies is by what ties weigh less where a range is to be excluded.
const lightTies = 1e-2

// tieRoom is more hops and gateways than a plan has that is worth a look.
const tieRoom = 200

// exact is the relative difference that is none.
const exact = 1e-9
