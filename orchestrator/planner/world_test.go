package planner

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/price"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// world is a made-up set of figures. Regions of one letter are regions of aws,
// where nothing is assumed; others are written in full.
type world struct {
	links    map[grid.Pair]grid.Link
	egress   map[grid.Pair]price.Price
	gateways map[region.Region]grid.Gateway
	machines map[region.Region]price.Price
}

func newWorld() *world {
	return &world{
		map[grid.Pair]grid.Link{}, map[grid.Pair]price.Price{},
		map[region.Region]grid.Gateway{}, map[region.Region]price.Price{},
	}
}

func named(s string) region.Region {
	if strings.Contains(s, ":") {
		return region.Region(s)
	}
	return region.Region("aws:" + s)
}

func regions(names ...string) []region.Region {
	var rs []region.Region
	for _, n := range names {
		rs = append(rs, named(n))
	}
	return rs
}

// link adds "a>b" of the given total Gbit/s and USD/GB.
func (w *world) link(pair string, gbps unit.Gbps, usd unit.USD) *world {
	from, to, _ := strings.Cut(pair, ">")
	p := grid.Pair{From: named(from), To: named(to)}
	w.links[p] = grid.Link{Gbps: gbps, Connections: 8, Total: true}
	w.egress[p] = price.Price{USD: usd}
	for _, r := range []region.Region{p.From, p.To} {
		if _, ok := w.machines[r]; !ok {
			w.machines[r] = price.Price{}
		}
	}
	return w
}

// gateway sets what a gateway can send and receive, and costs an hour.
func (w *world) gateway(r string, egress, ingress unit.Gbps, usd unit.USD) *world {
	w.gateways[named(r)] = grid.Gateway{Egress: egress, Ingress: ingress}
	w.machines[named(r)] = price.Price{USD: usd}
	return w
}

// connections sets how many connections saturate a link.
func (w *world) connections(pair string, n int) *world {
	from, to, _ := strings.Cut(pair, ">")
	p := grid.Pair{From: named(from), To: named(to)}
	l := w.links[p]
	l.Connections = n
	w.links[p] = l
	return w
}

func (w *world) limits(n int) Limits {
	l := Limits{Gateways: n}
	for r := range w.machines {
		l.Relays = append(l.Relays, r)
	}
	return l
}

func (w *world) solve(t testing.TB, job Job, limits Limits) (overlay.Overlay, error) {
	t.Helper()
	return Solve(context.Background(), job, w.grid(), price.New(w.egress, w.machines), limits)
}

// grid has machines without a name in aws, which the regions' own figures cap.
func (w *world) grid() *grid.Grid {
	return grid.New(w.links, w.gateways).WithMachines(map[region.Cloud][]grid.Machine{region.AWS: {{}}})
}

// from is a job of 100 GB from one region to others.
func from(source string, dests ...string) Job {
	job := Job{Sources: regions(source), Bytes: 100 * unit.GB, Objects: 1}
	for _, d := range dests {
		job.Dests = append(job.Dests, regions(d))
	}
	return job
}

// show writes an overlay so that a table can state it.
func show(o overlay.Overlay) string {
	var parts []string
	for _, r := range o.Routes {
		parts = append(parts, fmt.Sprintf("%d: %s %.4g", r.Dest, strings.ReplaceAll(r.String(), "aws:", ""), float64(r.Gbits)))
	}
	for _, r := range o.Regions {
		parts = append(parts, fmt.Sprintf("%s x%d", strings.TrimPrefix(string(r.Region), "aws:"), r.Gateways))
	}
	return strings.Join(parts, "; ")
}

// withoutUnknown makes "no link" a statement instead of an omission, by moving
// every region to a cloud of links that carry next to nothing.
func (w *world) withoutUnknown() *world {
	zero := grid.Link{Connections: 8, Total: true}
	for a := range w.machines {
		for b := range w.machines {
			p := grid.Pair{From: a, To: b}
			if _, ok := w.links[p]; !ok && a != b {
				w.links[p], w.egress[p] = zero, price.Price{}
			}
		}
	}
	return w
}
