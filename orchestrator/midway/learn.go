package midway

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/planner"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/transfer"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// What a run has shown of its links, and what that says of what was believed of
// them.

// watched is a grid that knows what a run has shown of links. What it once found
// stays believed when the link carries less, or the run would go back and forth.
type watched struct {
	planner.Grid
	shown map[grid.Pair]grid.Link
}

func (w watched) Link(from, to region.Region) (grid.Link, error) {
	if l, ok := w.shown[grid.Pair{From: from, To: to}]; ok {
		return l, nil
	}
	return w.Grid.Link(from, to)
}

// flow is what passed between two regions.
type flow struct {
	all    unit.Gbps
	limits unit.Gbps // of that, where the way was the limit
}

// flows sums what passed between gateways by their regions.
func flows(links []transfer.Carried, home map[route.Gateway]region.Region) map[grid.Pair]flow {
	sum := map[grid.Pair]flow{}
	for _, l := range links {
		pair := grid.Pair{From: home[l.From], To: home[l.To]}
		f, gbps := sum[pair], unit.Gbps(l.Rate*8/1e9)
		f.all += gbps
		if l.Limit {
			f.limits += gbps
		}
		sum[pair] = f
	}
	return sum
}

// learn takes what a run has shown of its links, and returns what of that is
// other than what was believed, for people. A link that was the limit carries
// what it carried. Of another it is only known that it carries no less.
func (w watched) learn(o *overlay.Overlay, seen map[grid.Pair]flow) (news []string, err error) {
	full := fullMachines(w, o, seen)
	for _, pair := range slices.SortedFunc(maps.Keys(seen), func(a, b grid.Pair) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	}) {
		l, err := w.Link(pair.From, pair.To)
		if err != nil {
			return nil, err
		}
		f, connections := seen[pair], 1
		if e, ok := o.Edge(pair.From, pair.To); ok {
			connections = e.Connections
		}
		able := l.Gbps // with the connections that there are
		if !l.Total {
			able *= unit.Gbps(float64(connections) / grid.MachineConnections)
		}
		switch {
		case 2*f.limits > f.all && !full[pair]:
			l.Gbps, l.Total, l.Connections = max(f.all, able/100), true, connections
		case f.all > able:
			l.Gbps *= f.all / able
		default:
			continue
		}
		l.Assumed, l.Source, l.Measured, l.Spread = false, "measured on the way", time.Time{}, 0
		w.shown[pair] = l
		if f.all*surprising < able || f.all > surprising*able {
			news = append(news, fmt.Sprintf("%s carries %s instead of %s", pair, f.all.Human(), able.Human()))
		}
	}
	return news, nil
}

// fullMachines are the pairs of regions between which it is the machines of one
// that are the limit.
func fullMachines(g planner.Grid, o *overlay.Overlay, seen map[grid.Pair]flow) map[grid.Pair]bool {
	sends, receives := map[region.Region]unit.Gbps{}, map[region.Region]unit.Gbps{}
	for pair, f := range seen {
		sends[pair.From] += f.all
		receives[pair.To] += f.all
	}
	full := map[grid.Pair]bool{}
	for pair := range seen {
		egress, _ := caps(g, o, pair.From)
		_, ingress := caps(g, o, pair.To)
		full[pair] = sends[pair.From] >= nearly*egress || receives[pair.To] >= nearly*ingress
	}
	return full
}

// caps are what all gateways of a region can send and receive together, infinite
// where nothing limits them.
func caps(g planner.Grid, o *overlay.Overlay, at region.Region) (egress, ingress unit.Gbps) {
	types := g.Machines(at)
	for _, r := range o.Regions {
		i := slices.IndexFunc(types, func(m grid.Machine) bool { return m.Type == r.Machine })
		if r.Region != at {
			continue
		}
		if i < 0 || types[i].Egress == 0 {
			egress = unit.Gbps(math.Inf(1))
		} else {
			egress += types[i].Egress * unit.Gbps(r.Gateways)
		}
		if i < 0 || types[i].Ingress == 0 {
			ingress = unit.Gbps(math.Inf(1))
		} else {
			ingress += types[i].Ingress * unit.Gbps(r.Gateways)
		}
	}
	return egress, ingress
}
