package planner

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// cent is the difference of cost that goals call none, in USD; of large amounts
// it is what sums of them lose to rounding.
const cent = 1e-9

// over tells whether a cost is above a limit.
func over(usd, limit float64) bool { return usd > limit+max(cent, 1e-12*limit) }

// choose returns the plan with gateways for the job's goals. The first that is
// set of throughput, time and cost chooses it; the others must hold.
func (s *solver) choose() (overlay.Overlay, error) {
	var c point
	var gap float64
	var err error
	job := s.p.job
	switch {
	case job.MinThroughput > 0:
		c, gap, err = s.exactly(float64(job.MinThroughput))
	case job.MaxTime > 0:
		c, gap, err = s.inTime()
	case job.MaxCost != nil:
		c, gap, err = s.within(float64(*job.MaxCost))
	default:
		c, gap, err = s.ordinary()
	}
	if err != nil {
		return overlay.Overlay{}, err
	}
	if c, err = s.few(c); err != nil {
		return overlay.Overlay{}, err
	}
	o, err := s.build(c)
	if err != nil {
		return overlay.Overlay{}, err
	}
	o.Gap = gap
	if o.Bottlenecks, err = s.bottlenecks(c); err != nil {
		return overlay.Overlay{}, err
	}
	return o, s.holds(o)
}

// holds returns an Infeasible if a plan misses one of the job's goals.
func (s *solver) holds(o overlay.Overlay) error {
	job := s.p.job
	if t := o.Time.Total(); job.MaxTime > 0 && t > job.MaxTime+time.Microsecond {
		return tooSlow(job, o.Time, "ask for more throughput or give it more time")
	}
	if job.MaxCost != nil && over(float64(o.Cost.Total), float64(*job.MaxCost)) {
		return tooDear(job, o)
	}
	return nil
}

// exactly returns the cheapest plan at a rate, and its gap.
func (s *solver) exactly(rate float64) (point, float64, error) {
	if rate > s.most*(1+lacking) {
		return point{}, 0, &Infeasible{
			Goal:       fmt.Sprintf("--min-throughput %s", unit.Gbps(rate)),
			Nearest:    fmt.Sprintf("the most is %s%s", gbits(reachable(s.most)), s.because()),
			Hint:       "ask for less, or allow more gateways or regions",
			Throughput: unit.Gbps(s.most),
		}
	}
	c, err := s.at(min(rate, s.most))
	if err != nil {
		return point{}, 0, err
	}
	return c, s.gap(c, c.bound), nil
}

// because names the first bottleneck of the highest rate, in parentheses.
func (s *solver) because() string {
	c, err := s.at(s.most)
	if err != nil {
		return ""
	}
	if names, err := s.bottlenecks(c); err == nil && len(names) > 0 {
		return " (" + names[0] + ")"
	}
	return ""
}

// inTime returns the cheapest plan that is done in the time given, and its gap:
// for each time that provisioning may take, among the rates that are fast
// enough.
func (s *solver) inTime() (point, float64, error) {
	s.nodes = fewNodes
	limit := s.p.job.MaxTime.Seconds()
	var best point
	bound, soonest := math.Inf(1), overlay.Time{Transfer: math.Inf(1)}
	for _, provision := range s.provisions {
		quick, err := s.quick(provision)
		if err != nil {
			return point{}, 0, err
		}
		if quick.most == 0 {
			continue
		}
		if t := (overlay.Time{Provision: provision, Transfer: s.p.seconds(quick.most)}); t.Provision+t.Transfer < soonest.Provision+soonest.Transfer {
			soonest = t
		}
		left := limit - provision
		slow := s.p.seconds(1) / left
		if left < 0 || slow > quick.most*(1+lacking) || (left == 0 && slow > 0) {
			continue
		}
		if s.p.job.Bytes == 0 {
			slow = quick.most
		}
		c, below, err := quick.minimise(min(slow, quick.most), quick.most)
		if err != nil {
			return point{}, 0, err
		}
		bound = min(bound, below)
		if c.answer != nil && (best.answer == nil || c.answer.objective < best.answer.objective) {
			best = c
		}
	}
	if best.answer != nil {
		return best, s.gap(best, bound), nil
	}
	return point{}, 0, tooSlow(s.p.job, soonest, "give it more time, or allow more gateways or regions")
}

// within returns the plan that is done soonest of those that cost at most the
// limit, and how much sooner another may be. That of the highest rate may have to
// wait for a slow cloud, so those that do not are looked at too.
func (s *solver) within(limit float64) (point, float64, error) {
	s.nodes = fewNodes
	c, above, err := s.highest(limit)
	if err != nil {
		return point{}, 0, err
	}
	soonest := s.longest() + s.p.seconds(above)
	for _, provision := range s.provisions[:len(s.provisions)-1] {
		quick, err := s.quick(provision)
		if err != nil {
			return point{}, 0, err
		}
		least := provision + s.p.seconds(min(quick.most, above))
		if least < s.seconds(c) {
			other, most, err := quick.highest(limit)
			if dear := (*Infeasible)(nil); err != nil && !errors.As(err, &dear) {
				return point{}, 0, err
			}
			if err == nil && s.seconds(other) < s.seconds(c) {
				c = other
			}
			least = provision + s.p.seconds(most)
		}
		soonest = min(soonest, least)
	}
	return c, fraction(s.seconds(c), soonest), nil
}

// highest returns the plan of the highest rate that costs at most the limit, and
// a rate that none such exceeds.
func (s *solver) highest(limit float64) (best point, above float64, err error) {
	points, err := s.frontier()
	if err != nil {
		return point{}, 0, err
	}
	cheapest := points[0]
	for _, c := range points {
		if !over(s.usd(c), limit) {
			cheapest = c
		}
	}
	if over(s.usd(cheapest), limit) {
		// The frontier is a sample: the cheapest plan has to be searched for.
		var least float64
		if cheapest, least, err = s.minimise(s.slowest(), s.most); err != nil {
			return point{}, 0, err
		}
		if over(s.usd(cheapest), limit) {
			o, err := s.build(cheapest)
			if err != nil {
				return point{}, 0, err
			}
			if !over(least*s.scale, limit) {
				above = s.most // nothing is proven
			}
			return point{}, above, tooDear(s.p.job, o)
		}
	}
	return s.fastest(limit, cheapest)
}

// ordinary returns the knee of the frontier, with few routes.
func (s *solver) ordinary() (point, float64, error) {
	s.nodes = fewNodes
	points, err := s.frontier()
	if err != nil {
		return point{}, 0, err
	}
	knee := points[s.knee(points)]
	quick, err := s.asQuick(knee)
	if err != nil {
		return point{}, 0, err
	}
	c, err := quick.simple(knee)
	if err == nil {
		c, err = s.proven(c)
	}
	return c, s.gap(c, c.bound), err
}

// proven returns a plan that was searched for with few relaxations, or the one
// that more find at its rate and that is up as soon, with the bound that they
// prove.
func (s *solver) proven(c point) (point, error) {
	if s.gap(c, c.bound) <= tolerance {
		return c, nil
	}
	quick, err := s.asQuick(c)
	if err != nil {
		return point{}, err
	}
	quick.nodes = maxNodes
	delete(quick.points, c.rate)
	better, err := quick.at(c.rate)
	if err != nil {
		return point{}, err
	}
	if s.usd(better) < s.usd(c) {
		return better, nil
	}
	c.bound = better.bound
	return c, nil
}

// nothing is the amount of USD that is none when plans are compared.
const nothing = 1e-6

// gap returns how much cheaper the best plan may be, as a fraction of what this
// one costs.
func (s *solver) gap(c point, bound float64) float64 {
	if s.usd(c)-bound*s.scale <= nothing {
		return 0
	}
	return fraction(s.usd(c)/s.scale, bound)
}

// fraction returns how far small is below large, as a fraction of large.
func fraction(large, small float64) float64 {
	if large <= 0 || small >= large {
		return 0
	}
	// What is left of rounding is no gap.
	return math.Round((large-small)/large*1e9) / 1e9
}

func tooDear(job Job, nearest overlay.Overlay) *Infeasible {
	return &Infeasible{
		Goal:    fmt.Sprintf("--max-cost %v", float64(*job.MaxCost)),
		Nearest: fmt.Sprintf("the cheapest plan costs %s at %s", enoughFor(nearest.Cost.Total), gbits(float64(nearest.Throughput))),
		Hint:    "allow more, or ask for less throughput or more time",
		Cost:    nearest.Cost.Total,
	}
}

func tooSlow(job Job, nearest overlay.Time, hint string) *Infeasible {
	t := nearest.Total()
	return &Infeasible{
		Goal:    fmt.Sprintf("--max-time %s", job.MaxTime),
		Nearest: fmt.Sprintf("the nearest plan takes %s (%.0fs of it provisioning)", upTo(t, time.Millisecond), nearest.Provision),
		Hint:    hint,
		Time:    t,
	}
}
