package planner

import (
	"fmt"
	"math"
	"slices"

	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// EngineGbps is what one engine, in a gateway or inside skyctl, is assumed to
// read and write at once where no link is between it and the stores. It is what
// S3 server to S3 server reached on a machine of two cores.
const EngineGbps unit.Gbps = 1

// leg is traffic between a store's region and the workstation.
type leg struct {
	grid.Pair
	gbps    unit.Gbps
	usd     unit.USD
	assumed bool
}

// inside returns the overlay without gateways: skyctl itself reads the source
// and writes the destinations. A missing figure is an error. There is one such
// overlay for each region of the source, and the quickest is returned: among
// overlays without gateways its gap is none.
//
// Figures of the workstation's own links are taken as they are. Where they are
// only assumed, the way through the workstation is taken to be no better and no
// cheaper than the direct link between the two regions: without that, a
// workstation that nobody described would beat every link that somebody did.
func inside(job Job, g Grid, prices Prices) (overlay.Overlay, error) {
	var best overlay.Overlay
	var problem error
	for _, source := range job.Sources {
		o, err := insideFrom(source, job, g, prices)
		switch {
		case err != nil && problem == nil:
			problem = err
		case err == nil && o.Throughput > best.Throughput:
			best = o
		}
	}
	if best.Throughput == 0 {
		return overlay.Overlay{}, problem
	}
	if err := best.Settle(job.Bytes, 0); err != nil {
		return overlay.Overlay{}, err
	}
	return best, forecast(job, &best)
}

// insideFrom returns the overlay that reads in the given region.
func insideFrom(source region.Region, job Job, g Grid, prices Prices) (overlay.Overlay, error) {
	o := overlay.Overlay{Throughput: EngineGbps, Bottlenecks: []string{}}
	bottleneck := fmt.Sprintf("the engine inside skyctl (%s)", gbits(float64(EngineGbps)))
	var legs []leg
	linked := false
	for d, candidates := range job.Dests {
		way, err := through(source, candidates, g, prices)
		if err != nil {
			return overlay.Overlay{}, fmt.Errorf("without gateways: %w", err)
		}
		for _, l := range way {
			if !linked || l.gbps < o.Throughput {
				o.Throughput = l.gbps
				bottleneck = fmt.Sprintf("link %s (%s)", l.Pair, gbits(float64(l.gbps)))
			}
			linked = true
			legs = merge(legs, l)
		}
		o.Routes = append(o.Routes, overlay.Route{Path: []region.Region{region.Workstation}, Dest: d})
	}
	if job.MinThroughput > 0 && job.MinThroughput < o.Throughput {
		o.Throughput = job.MinThroughput
	} else {
		o.Bottlenecks = append(o.Bottlenecks, bottleneck)
	}
	o.Regions, o.Edges = []overlay.Region{}, []overlay.Edge{}
	for _, l := range legs {
		o.Edges = append(o.Edges, overlay.Edge{From: l.From, To: l.To, Gbits: o.Throughput, USDPerGB: l.usd, Assumed: l.assumed})
	}
	for d := range o.Routes {
		o.Routes[d].Gbits = o.Throughput
	}
	return o, nil
}

// through returns the legs from the source to the candidate that gets most.
func through(source region.Region, candidates []region.Region, g Grid, prices Prices) ([]leg, error) {
	var best []leg
	most, found := unit.Gbps(0), false
	var problem error
	for _, dest := range candidates {
		var way []leg
		least := unit.Gbps(math.Inf(1))
		var err error
		for _, pair := range []grid.Pair{{From: source, To: region.Workstation}, {From: region.Workstation, To: dest}} {
			if pair.From == pair.To || err != nil {
				continue
			}
			var l leg
			if l, err = legOf(pair, grid.Pair{From: source, To: dest}, g, prices); err == nil {
				way, least = append(way, l), min(least, l.gbps)
			}
		}
		switch {
		case err != nil && problem == nil:
			problem = err
		case err == nil && (!found || least > most):
			best, most, found = way, least, true
		}
	}
	if !found {
		return nil, problem
	}
	return best, nil
}

// legOf returns the figures of a leg; direct is the pair that it is a part of
// the way of.
func legOf(pair, direct grid.Pair, g Grid, prices Prices) (leg, error) {
	link, err := g.Link(pair.From, pair.To)
	if err != nil {
		return leg{}, err
	}
	usd, err := prices.Egress(pair.From, pair.To)
	if err != nil {
		return leg{}, err
	}
	l := leg{Pair: pair, gbps: link.Gbps, usd: usd.USD, assumed: link.Assumed}
	if direct.From == direct.To {
		return l, nil
	}
	if figures, err := g.Link(direct.From, direct.To); link.Assumed && err == nil {
		l.gbps = min(l.gbps, figures.Gbps)
	}
	if figure, err := prices.Egress(direct.From, direct.To); usd.Assumed && err == nil && pair.From == direct.From {
		l.usd = max(l.usd, figure.USD)
	}
	return l, nil
}

// merge adds a leg; one that several destinations share is used once, at its
// least throughput and highest price.
func merge(legs []leg, l leg) []leg {
	i := slices.IndexFunc(legs, func(other leg) bool { return other.Pair == l.Pair })
	if i < 0 {
		return append(legs, l)
	}
	legs[i].gbps, legs[i].usd = min(legs[i].gbps, l.gbps), max(legs[i].usd, l.usd)
	return legs
}
