package planner

import (
	"fmt"
	"slices"
	"time"

	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// perObject is what an object costs a gateway that reads, whatever its size:
// requests to two stores, a stream, an acknowledgement. Many are under way at
// once, so it is processor time and not the round trips: measured with objects of
// 4 KiB in the lab, whose two cores carry stores and gateways alike.
const perObject = 1750 * time.Microsecond

// forecast lengthens the time of an overlay to what the number of its objects
// needs where that is more than their bytes need, and pays the machines for it.
// A goal that the longer time misses is an *Infeasible.
func forecast(job Job, o *overlay.Overlay) error {
	readers := 0
	for _, r := range o.Regions {
		if slices.ContainsFunc(job.Sources, func(s region.Region) bool { return s == r.Region }) {
			readers += r.Gateways
		}
	}
	readers = max(readers, 1) // the engine inside skyctl
	needed := perObject.Seconds() * float64(job.Objects) / float64(readers)
	longer := needed - o.Time.Transfer
	if longer <= 0 {
		return nil
	}
	o.Time.Transfer = needed
	var machines unit.USD
	for _, r := range o.Regions {
		machines += unit.USD(float64(r.Gateways)*longer/3600) * r.USDPerHour
	}
	o.Cost.Machines += machines
	o.Cost.Total += machines
	o.Bottlenecks = []string{fmt.Sprintf("%d objects, about %.0f a second and reader", job.Objects, 1/perObject.Seconds())}

	e := &Infeasible{Hint: "ask for less, allow more gateways, or pack small objects together"}
	switch {
	case job.MaxTime > 0 && o.Time.Total() > job.MaxTime:
		e.Goal, e.Time = fmt.Sprintf("--max-time %s", job.MaxTime), o.Time.Total()
		e.Nearest = fmt.Sprintf("%d objects take %s", job.Objects, upTo(o.Time.Total(), time.Second))
	case job.MaxCost != nil && over(float64(o.Cost.Total), float64(*job.MaxCost)):
		e.Goal, e.Cost = fmt.Sprintf("--max-cost %v", float64(*job.MaxCost)), o.Cost.Total
		e.Nearest = fmt.Sprintf("for as long as %d objects take it costs %s", job.Objects, enoughFor(o.Cost.Total))
	default:
		return nil
	}
	return e
}
