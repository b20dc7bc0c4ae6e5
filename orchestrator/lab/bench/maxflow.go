package main

import (
	"math"
	"slices"
	"time"

	"github.com/skyctl/skyctl/orchestrator/lab/labfile"
)

// ideal is how long the job takes at the network's max-flow, by what IP and TCP
// headers leave of it. With several destinations it is the least of their
// max-flows: a bound that spreading over trees need not reach. A change of the
// network counts from the byte at which it comes.
func ideal(l *labfile.Lab) time.Duration {
	bits := float64(l.Job.Size) * float64(l.Job.Objects) * 8
	now := *l
	now.Links = slices.Clone(l.Links)
	var done, seconds float64
	for _, c := range l.Job.Changes {
		seconds += (c.At - done) * bits / rate(&now)
		done = c.At
		whole := slices.Clone(now.Links)
		for i := range now.Links {
			k := &now.Links[i]
			if (k.From == c.From && (c.To == "" || k.To == c.To)) || (k.To == c.From && (c.To == "" || k.From == c.To)) {
				if c.Mbit > 0 {
					k.Mbit = c.Mbit
				}
				k.Down = k.Down || c.Down
			}
		}
		if c.Resume > 0 {
			done += c.Resume * rate(&now) / bits
			seconds += c.Resume
			now.Links = whole
		}
	}
	seconds += max(0, 1-done) * bits / rate(&now)
	return time.Duration(seconds * float64(time.Second))
}

// rate is the least of the max-flows to the destinations, in bit/s of data.
func rate(l *labfile.Lab) float64 {
	least := math.Inf(1)
	for _, to := range l.Job.To {
		least = min(least, maxFlow(l, l.Job.From, to))
	}
	return least * 1e6 * labfile.Goodput
}

// node is what goes into a region's hosts, or what comes out of them: between the
// two are the hosts' caps.
type node struct {
	region string
	out    bool
}

// maxFlow is by augmenting along shortest paths, in Mbit/s of packets. Stores have
// no caps, only the gateways that read and write them.
func maxFlow(l *labfile.Lab, from, to string) float64 {
	left := map[[2]node]float64{}
	uncapped := func(mbit float64, hosts int) float64 {
		if mbit == 0 {
			return math.Inf(1)
		}
		return mbit * float64(hosts)
	}
	for name, r := range l.Regions {
		egress, ingress := uncapped(r.EgressMbit, r.Hosts), uncapped(r.IngressMbit, r.Hosts)
		through := min(egress, ingress)
		switch name {
		case from:
			through = egress
		case to:
			through = ingress
		}
		left[[2]node{{name, false}, {name, true}}] = through
	}
	for i := range l.Links {
		k := &l.Links[i]
		if k.Down {
			continue
		}
		left[[2]node{{k.From, true}, {k.To, false}}] = k.Mbit
		if !k.OneWay {
			left[[2]node{{k.To, true}, {k.From, false}}] = k.Mbit
		}
	}
	source, sink := node{from, false}, node{to, true}
	var flow float64
	for {
		path := shortest(left, source, sink)
		if path == nil {
			return flow
		}
		most := math.Inf(1)
		for _, edge := range path {
			most = min(most, left[edge])
		}
		for _, edge := range path {
			left[edge] -= most
			left[[2]node{edge[1], edge[0]}] += most
		}
		flow += most
	}
}

// shortest finds a path with something left on every edge, or nil.
func shortest(left map[[2]node]float64, source, sink node) [][2]node {
	const nothing = 1e-9
	came := map[node]node{source: source}
	for queue := []node{source}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if at == sink {
			var path [][2]node
			for at != source {
				path = append(path, [2]node{came[at], at})
				at = came[at]
			}
			return path
		}
		for edge, c := range left {
			if _, seen := came[edge[1]]; edge[0] == at && c > nothing && !seen {
				came[edge[1]] = at
				queue = append(queue, edge[1])
			}
		}
	}
	return nil
}
