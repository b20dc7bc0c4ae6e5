package planner

import (
	"fmt"
	"math"
	"time"

	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// cent is the difference of cost that goals call none, in USD.
const cent = 1e-9

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
	if job.MaxCost != nil && o.Cost.Total > *job.MaxCost+cent {
		return tooDear(job, o)
	}
	return nil
}

// exactly returns the cheapest plan at a rate, and its gap.
func (s *solver) exactly(rate float64) (point, float64, error) {
	if rate > s.most*(1+lacking) {
		return point{}, 0, &Infeasible{
			Goal:       fmt.Sprintf("--min-throughput %s", unit.Gbps(rate)),
			Nearest:    fmt.Sprintf("the most is %s%s", gbits(s.most), s.because()),
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
	bound := math.Inf(1)
	for _, provision := range s.provisions {
		left := limit - provision
		slow := s.p.seconds(1) / left
		if left < 0 || slow > s.most*(1+lacking) || (left == 0 && slow > 0) {
			continue
		}
		if s.p.job.Bytes == 0 {
			slow = s.most
		}
		quick := s.quick(provision)
		if quick == nil {
			continue
		}
		c, below, err := quick.minimise(min(slow, s.most), s.most)
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
	c, err := s.at(s.most)
	if err != nil {
		return point{}, 0, err
	}
	return point{}, 0, tooSlow(s.p.job, overlay.Time{Provision: c.provision, Transfer: s.p.seconds(c.rate)}, "give it more time, or allow more gateways or regions")
}

// quick returns the solver for plans whose gateways are up in so many seconds.
func (s *solver) quick(provision float64) *solver {
	only := *s
	only.provisions, only.points = []float64{provision}, map[float64]point{}
	return &only
}

// within returns the fastest plan that costs at most the limit, and how much
// faster another may be.
func (s *solver) within(limit float64) (point, float64, error) {
	s.nodes = fewNodes
	points, err := s.frontier()
	if err != nil {
		return point{}, 0, err
	}
	cheapest := points[0]
	for _, c := range points {
		if s.usd(c) <= limit+cent {
			cheapest = c
		}
	}
	if s.usd(cheapest) > limit+cent {
		// The frontier is a sample: the cheapest plan has to be searched for.
		if cheapest, _, err = s.minimise(s.slowest(), s.most); err != nil {
			return point{}, 0, err
		}
		if s.usd(cheapest) > limit+cent {
			o, err := s.build(cheapest)
			if err != nil {
				return point{}, 0, err
			}
			return point{}, 0, tooDear(s.p.job, o)
		}
	}
	c, above, err := s.fastest(limit, cheapest)
	return c, fraction(above, c.rate), err
}

// ordinary returns the knee of the frontier, with few routes.
func (s *solver) ordinary() (point, float64, error) {
	s.nodes = fewNodes
	points, err := s.frontier()
	if err != nil {
		return point{}, 0, err
	}
	c, err := s.simple(points[s.knee(points)])
	if err == nil {
		c, err = s.proven(c)
	}
	return c, s.gap(c, c.bound), err
}

// proven returns a plan that was searched for with few relaxations, or the one
// that more find at its rate, with the bound that they prove.
func (s *solver) proven(c point) (point, error) {
	if s.gap(c, c.bound) <= tolerance {
		return c, nil
	}
	s.nodes = maxNodes
	delete(s.points, c.rate)
	better, err := s.at(c.rate)
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
		Nearest: fmt.Sprintf("the cheapest plan costs %s at %s", nearest.Cost.Total, gbits(float64(nearest.Throughput))),
		Hint:    "allow more, or ask for less throughput or more time",
		Cost:    nearest.Cost.Total,
	}
}

func tooSlow(job Job, nearest overlay.Time, hint string) *Infeasible {
	t := nearest.Total()
	return &Infeasible{
		Goal:    fmt.Sprintf("--max-time %s", job.MaxTime),
		Nearest: fmt.Sprintf("the nearest plan takes %s (%.0fs of it provisioning)", t.Round(time.Millisecond), nearest.Provision),
		Hint:    hint,
		Time:    t,
	}
}
