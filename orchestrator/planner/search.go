package planner

import (
	"fmt"
	"math"
	"time"

	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// Without a goal, routes are left out as long as what stays carries at least
// enough/all of the most that all of them could: a route is worth its gateways
// when it raises the throughput by more than a tenth.
const (
	enough = 10
	all    = 11
)

// cent is the difference of cost that the search calls none, in USD.
const cent = 1e-9

// plan is a candidate: flows within capacities, and the overlay they make.
type plan struct {
	overlay.Overlay
	flows    flows
	capacity []int64 // what the search left of each link
	full     bool    // nothing but the network keeps it from carrying more
}

// with returns the cheapest plan found that carries exactly rate within the
// capacities, and false if there is none.
func (p *problem) with(rate int64, capacity []int64) (plan, bool) {
	if rate <= 0 {
		return plan{}, false
	}
	f, _, ok := p.route(rate, capacity)
	if !ok {
		return plan{}, false
	}
	o, err := p.build(f)
	return plan{Overlay: o, flows: f, capacity: capacity}, err == nil
}

// best returns the plan with gateways for the job's goals.
func (p *problem) best() (plan, error) {
	capacity := p.capacities()
	most := p.maximum(capacity)
	switch {
	case most == 0 && p.unknown != nil:
		return plan{}, p.unknown
	case most == 0:
		return plan{}, &Infeasible{
			Goal:    fmt.Sprintf("a route from %s to every destination", join(p.job.Sources, ", ")),
			Nearest: "no links join them",
			Hint:    "add links to the configuration, allow more regions, or leave out --route direct",
		}
	}
	chosen, err := p.choose(most, capacity)
	chosen.full = chosen.full || chosen.flows.rate >= most
	return chosen, err
}

// choose returns the plan where at most that rate is possible.
func (p *problem) choose(most int64, capacity []int64) (plan, error) {
	switch {
	case p.job.MinThroughput > 0:
		return p.exactly(p.job.MinThroughput.BitsPerSecond(), most, capacity)
	case p.job.MaxTime > 0:
		return p.intime(most, capacity)
	}
	chosen, err := p.saturate(most, capacity)
	if err != nil {
		return plan{}, err
	}
	if p.job.MaxCost == nil || chosen.Cost.Total <= *p.job.MaxCost+cent {
		return chosen, nil
	}
	return p.within(*p.job.MaxCost, most, capacity)
}

// exactly returns the cheapest plan for rate and checks the other goals.
func (p *problem) exactly(rate, most int64, capacity []int64) (plan, error) {
	chosen, ok := p.with(rate, capacity)
	if !ok {
		return plan{}, &Infeasible{
			Goal:       fmt.Sprintf("--min-throughput %s", gbps(rate)),
			Nearest:    fmt.Sprintf("the most is %s%s", gbits(gbps(most)), p.because(most, capacity)),
			Hint:       "ask for less, or allow more gateways or regions",
			Throughput: gbps(most),
		}
	}
	chosen = p.simplify(chosen)
	if p.job.MaxTime > 0 && chosen.Time.Total() > p.job.MaxTime {
		return plan{}, p.tooSlow(chosen, "ask for more throughput or give it more time")
	}
	return chosen, p.affordable(chosen)
}

// intime returns the cheapest plan that is done in the time given: at the
// least rate that is, which depends on how long its gateways take to come up.
func (p *problem) intime(most int64, capacity []int64) (plan, error) {
	var provision time.Duration
	for {
		var rate int64
		if left := (p.job.MaxTime - provision).Seconds(); left > 0 {
			bits := math.Ceil(float64(p.job.Bytes) * 8 / left)
			rate = int64(math.Min(bits, float64(most)+1))
		}
		if p.job.Bytes == 0 {
			rate = most
		}
		chosen, ok := p.with(rate, capacity)
		if !ok {
			fastest, err := p.fastest(most, capacity)
			if err == nil && fastest.Time.Total() > p.job.MaxTime {
				err = p.tooSlow(fastest, "give it more time, or allow more gateways or regions")
			}
			if err != nil {
				return plan{}, err
			}
			return fastest, p.affordable(fastest)
		}
		chosen = p.simplify(chosen)
		if chosen.Time.Total() <= p.job.MaxTime {
			return chosen, p.affordable(chosen)
		}
		took := time.Duration(math.Ceil(chosen.Time.Provision * float64(time.Second)))
		provision = max(took, provision+time.Microsecond)
	}
}

// within returns the fastest plan found that costs at most limit. Cost does not
// grow steadily with the rate, because machines are paid by time, so a series
// of rates is tried from the top, and the step that succeeds is refined.
func (p *problem) within(limit unit.USD, most int64, capacity []int64) (plan, error) {
	const steps = 32
	var rates []int64
	for i := int64(steps); i > 0; i-- {
		rates = append(rates, most/steps*i+most%steps*i/steps)
	}
	for r := most / (2 * steps); r > most>>20; r /= 2 {
		rates = append(rates, r)
	}
	var cheapest *plan
	for i, rate := range rates {
		chosen, ok := p.with(rate, capacity)
		if !ok {
			continue
		}
		if cheapest == nil || chosen.Cost.Total < cheapest.Cost.Total {
			cheapest = &chosen
		}
		if chosen.Cost.Total > limit+cent {
			continue
		}
		if i > 0 {
			chosen = p.refine(chosen, rates[i-1], limit)
		}
		return p.simplify(chosen), nil
	}
	if cheapest == nil {
		return p.fastest(most, capacity)
	}
	return plan{}, p.tooDear(p.simplify(*cheapest))
}

// refine searches between a plan that can be afforded and a rate that cannot.
func (p *problem) refine(chosen plan, above int64, limit unit.USD) plan {
	for below := chosen.flows.rate; above-below > 1; {
		middle := below + (above-below)/2
		if next, ok := p.with(middle, chosen.capacity); ok && next.Cost.Total <= limit+cent {
			chosen, below = next, middle
		} else {
			above = middle
		}
	}
	return chosen
}

// affordable returns an Infeasible if the plan costs more than the job may.
func (p *problem) affordable(chosen plan) error {
	if p.job.MaxCost == nil || chosen.Cost.Total <= *p.job.MaxCost+cent {
		return nil
	}
	return p.tooDear(chosen)
}

func (p *problem) tooDear(nearest plan) *Infeasible {
	return &Infeasible{
		Goal:    fmt.Sprintf("--max-cost %v", float64(*p.job.MaxCost)),
		Nearest: fmt.Sprintf("the cheapest plan costs %s at %s", nearest.Cost.Total, gbits(nearest.Throughput)),
		Hint:    "allow more, or ask for less throughput or more time",
		Cost:    nearest.Cost.Total,
	}
}

func (p *problem) tooSlow(nearest plan, hint string) *Infeasible {
	t := nearest.Time.Total()
	return &Infeasible{
		Goal:    fmt.Sprintf("--max-time %s", p.job.MaxTime),
		Nearest: fmt.Sprintf("the nearest plan takes %s (%.0fs of it provisioning)", t.Round(time.Millisecond), nearest.Time.Provision),
		Hint:    hint,
		Time:    t,
	}
}

// because names the bottlenecks of the maximum, in parentheses.
func (p *problem) because(most int64, capacity []int64) string {
	f, _, _ := p.route(most, capacity)
	if names := p.bottlenecks(f); len(names) > 0 {
		return " (" + names[0] + ")"
	}
	return ""
}

// saturate returns a plan of few routes that carries most, or nearly.
func (p *problem) saturate(most int64, capacity []int64) (plan, error) {
	chosen, err := p.fastest(most, capacity)
	if err != nil {
		return plan{}, err
	}
	floor := most/all*enough + most%all*enough/all
	chosen = p.leaveOut(chosen, func(capacity []int64) (plan, bool) { return p.with(floor, capacity) })
	chosen, err = p.fastest(p.maximum(chosen.capacity), chosen.capacity)
	chosen.full = true
	return chosen, err
}

// fastest returns the plan for a rate that maximum returned.
func (p *problem) fastest(most int64, capacity []int64) (plan, error) {
	if chosen, ok := p.with(most, capacity); ok {
		return chosen, nil
	}
	return plan{}, fmt.Errorf("the planner found no plan for the %s that it found routes for", gbits(gbps(most)))
}
