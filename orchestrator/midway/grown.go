package midway

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/planner"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// What a run that goes on is to the planner, and what its overlay becomes by the
// answer.

// standing is the job of moving what is left over an overlay's gateways, from
// where it is read to where it is written, and the limits that they are.
func standing(o *overlay.Overlay, left unit.Bytes) (planner.Job, planner.Limits) {
	job := planner.Job{Bytes: left}
	limits := planner.Limits{Most: map[region.Kind]int{}}
	for _, r := range o.Routes {
		for len(job.Dests) <= r.Dest {
			job.Dests = append(job.Dests, nil)
		}
		if from := r.Path[0]; !slices.Contains(job.Sources, from) {
			job.Sources = append(job.Sources, from)
		}
		if to := r.Path[len(r.Path)-1]; !slices.Contains(job.Dests[r.Dest], to) {
			job.Dests[r.Dest] = append(job.Dests[r.Dest], to)
		}
	}
	for _, r := range o.Regions {
		if r.Machine != "" && !slices.Contains(limits.Machines, r.Machine) {
			limits.Machines = append(limits.Machines, r.Machine)
		}
		if !slices.Contains(limits.Relays, r.Region) {
			limits.Relays = append(limits.Relays, r.Region)
		}
	}
	for _, at := range limits.Relays {
		for _, m := range limits.Machines {
			limits.Most[region.Kind{Region: at, Machine: m}] = 0
		}
		limits.Most[region.Kind{Region: at}] = 0
	}
	for _, r := range o.Regions {
		limits.Most[region.Kind{Region: r.Region}] += r.Gateways
		if r.Machine != "" {
			limits.Most[region.Kind{Region: r.Region, Machine: r.Machine}] += r.Gateways
		}
	}
	for _, at := range limits.Relays {
		limits.Gateways = max(limits.Gateways, limits.Most[region.Kind{Region: at}])
	}
	job.Gateways = &limits.Gateways
	return job, limits
}

// grown is an overlay after its run was planned anew: the trees that it has with
// the new rates, and those that it did not have, under higher numbers. One over
// regions that gateways have joined is another than before. What the plan was to
// cost and take stays what people were shown.
func grown(o, found *overlay.Overlay) (next overlay.Overlay, news []string) {
	next = *o
	next.Throughput, next.Routes = found.Throughput, slices.Clone(o.Routes)
	last := o.Joined("", allTimes)
	found.Routes = slices.Clone(found.Routes)
	for i := range found.Routes {
		found.Routes[i].Since = last
	}
	known, more := ways(&o.Graph, o.Routes), 0
	for _, r := range o.Routes {
		more = max(more, r.Tree+1)
	}
	for i := range next.Routes {
		next.Routes[i].Gbits = spare * found.Throughput / unit.Gbps(len(known))
	}
	anew := ways(&o.Graph, found.Routes)
	for _, way := range slices.SortedFunc(maps.Keys(anew), func(a, b string) int { return cmp.Compare(anew[a], anew[b]) }) {
		tree, old := known[way]
		if !old {
			tree, more = more, more+1
		}
		var paths []string
		var rate unit.Gbps
		for _, r := range found.Routes {
			if r.Tree != anew[way] {
				continue
			}
			paths, rate = append(paths, r.String()), r.Gbits
			r.Tree = tree
			if was := slices.IndexFunc(next.Routes, func(x overlay.Route) bool { return x.Tree == tree && x.Dest == r.Dest }); was >= 0 {
				r.Since = next.Routes[was].Since
				next.Routes[was] = r
			} else {
				next.Routes = append(next.Routes, r)
			}
		}
		text := strings.Join(paths, " and ") + " with " + rate.Human()
		if !old {
			text += " (new)"
		}
		news = append(news, text)
	}
	next.Edges = slices.Clone(o.Edges)
	for _, e := range found.Edges {
		was := slices.IndexFunc(next.Edges, func(x overlay.Edge) bool { return x.Pair() == e.Pair() })
		if was < 0 {
			next.Edges = append(next.Edges, e)
		} else if max(o.Joined(e.From, allTimes), o.Joined(e.To, allTimes)) > 0 { // there are more to connect
			next.Edges[was].Connections = max(next.Edges[was].Connections, e.Connections)
		}
	}
	return next, news
}

// ways are the numbers of the trees by the paths that they are made of, and by
// which of the gateways on them.
func ways(g *overlay.Graph, routes []overlay.Route) map[string]int {
	paths := map[int][]string{}
	for _, r := range routes {
		last := 0
		for _, at := range r.Path {
			last = max(last, g.Joined(at, r.Since))
		}
		paths[r.Tree] = append(paths[r.Tree], fmt.Sprintf("%d: %s, %d", r.Dest, r, last))
	}
	found := map[string]int{}
	for tree, all := range paths {
		slices.Sort(all)
		found[strings.Join(all, "; ")] = tree
	}
	return found
}
