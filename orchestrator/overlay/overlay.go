// Package overlay describes a planned transfer: which regions get gateways,
// what flows on each edge between them, which routes the chunks take, and what
// that costs and lasts.
//
// An Overlay is plain data. Its JSON is the part of the plan document that the
// planner answers for; a document embeds it.
package overlay

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// Overlay is the planned graph with its cost and time.
type Overlay struct {
	Graph `json:"overlay"`

	// Throughput is what every destination receives: of several destinations
	// each gets all bytes, at this rate.
	Throughput unit.Gbps `json:"throughput_gbits"`
	Time       Time      `json:"time_s"`
	Cost       Cost      `json:"cost"`

	// Gap is how far the plan may be from the best one, as a fraction: the best
	// has been proven not to be better by more. Package planner says in which
	// respect.
	Gap float64 `json:"optimality_gap"`

	// Bottlenecks say what keeps the throughput from being higher; empty when
	// nothing does but the goal.
	Bottlenecks []string `json:"bottlenecks"`

	// Direct is what the job would take and cost without relays; nil where
	// there is no direct way, or no gateways.
	Direct *Direct `json:"direct,omitempty"`
}

// Direct is a plan without relays, to compare with: at the throughput of the
// plan, or at the most that is possible.
type Direct struct {
	Throughput unit.Gbps `json:"throughput_gbits"`
	Time       float64   `json:"time_s"` // provisioning included
	Cost       unit.USD  `json:"cost_usd"`
}

// Graph is the overlay proper. Without regions nothing is provisioned: the
// engine runs inside skyctl, every route is the workstation alone, and the
// edges are the traffic between it and the stores, with no connections of ours.
type Graph struct {
	Regions []Region `json:"regions"`
	Edges   []Edge   `json:"edges"`
	Routes  []Route  `json:"routes"`
}

// Region is a number of equal gateways in one region, which may be named once
// for each type of machine and each time that gateways joined the run.
type Region struct {
	Region     region.Region `json:"region"`
	Gateways   int           `json:"gateways"`
	Machine    string        `json:"machine"` // type; empty in owned regions, which have none
	USDPerHour unit.USD      `json:"usd_per_hour"`

	// Joined is when the gateways were added to the run: 0 at its start, then 1,
	// 2 and so on.
	Joined int `json:"joined,omitempty"`

	// Gbits is what each is planned to pass, the larger of what it receives and
	// sends. It tells the types of one region apart; 0 where there is one.
	Gbits unit.Gbps `json:"gbits,omitempty"`
}

// Edge is the traffic between two regions, of all their gateways together.
type Edge struct {
	From        region.Region `json:"from"`
	To          region.Region `json:"to"`
	Gbits       unit.Gbps     `json:"gbits"`
	Connections int           `json:"connections"` // of all gateways together
	USDPerGB    unit.USD      `json:"usd_per_gb"`
	Assumed     bool          `json:"assumed,omitempty"` // the figures are grid's assumption
	Source      string        `json:"source,omitempty"`  // where the throughput is from, for people

	// Measured is when skyctl measured the throughput, and Spread how far a
	// second of that was from it at most, as a fraction.
	Measured time.Time `json:"measured,omitzero"`
	Spread   float64   `json:"spread,omitempty"`
}

// Pair returns the regions that the edge joins.
func (e Edge) Pair() grid.Pair { return grid.Pair{From: e.From, To: e.To} }

// Route is a path from the reader's region to the writer's. A path of one
// region is a gateway that reads and writes itself.
//
// Of several destinations each share of the bytes has a path to every one.
// Those paths make up a tree: they have the same number, and where they pass
// the same edge the bytes are sent once.
type Route struct {
	Path  []region.Region `json:"path"`
	Gbits unit.Gbps       `json:"gbits"`          // planned rate: the route's weight
	Dest  int             `json:"dest,omitempty"` // number of the destination, from 0
	Tree  int             `json:"tree,omitempty"` // number of the tree, from 0

	// Since is when the tree was made: it uses the gateways of its regions that
	// had joined by then.
	Since int `json:"since,omitempty"`
}

// String returns "local:east > local:mid > local:west".
func (r Route) String() string {
	names := make([]string, len(r.Path))
	for i, p := range r.Path {
		names[i] = string(p)
	}
	return strings.Join(names, " > ")
}

// Time is how long the plan takes, in seconds.
type Time struct {
	Provision float64 `json:"provision"`
	Transfer  float64 `json:"transfer"`
}

// Total returns both together; what takes longer than a Duration can hold, some 292
// years, is that.
func (t Time) Total() time.Duration {
	ns := (t.Provision + t.Transfer) * float64(time.Second)
	if ns >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(ns)
}

// Cost is what the plan costs.
type Cost struct {
	Egress   unit.USD `json:"egress_usd"`
	Machines unit.USD `json:"machines_usd"`
	Requests unit.USD `json:"requests_usd"`
	Total    unit.USD `json:"total_usd"`
}

// Inside tells that the engine runs inside skyctl, without any gateway.
func (g *Graph) Inside() bool { return len(g.Regions) == 0 }

// Gateways returns the number of gateways of all regions.
func (g *Graph) Gateways() int {
	n := 0
	for _, r := range g.Regions {
		n += r.Gateways
	}
	return n
}

// Places returns the number of regions with gateways.
func (g *Graph) Places() int {
	names := map[region.Region]bool{}
	for _, r := range g.Regions {
		names[r.Region] = true
	}
	return len(names)
}

// Joined returns when gateways last joined a region, of those that had by since,
// or any region if at is empty.
func (g *Graph) Joined(at region.Region, since int) (last int) {
	for _, r := range g.Regions {
		if (at == "" || r.Region == at) && r.Joined <= since {
			last = max(last, r.Joined)
		}
	}
	return last
}

// Edge returns the traffic from one region to another, if there is any.
func (g *Graph) Edge(from, to region.Region) (Edge, bool) {
	for _, e := range g.Edges {
		if e.From == from && e.To == to {
			return e, true
		}
	}
	return Edge{}, false
}

// Assumed returns the pairs whose figures nobody stated, in the order of the
// edges.
func (g *Graph) Assumed() []grid.Pair {
	var pairs []grid.Pair
	for _, e := range g.Edges {
		if e.Assumed {
			pairs = append(pairs, e.Pair())
		}
	}
	return pairs
}

// Settle computes Time and Cost of moving size bytes to every destination at
// Throughput, after provisioning. Requests stays as it is.
//
// Bytes are spread over the edges as the flow is; machines are paid from the
// start of provisioning to the end of the transfer.
func (o *Overlay) Settle(size unit.Bytes, provision time.Duration) error {
	if o.Throughput <= 0 {
		return fmt.Errorf("overlay has a throughput of %v", o.Throughput)
	}
	o.Time = Time{
		Provision: provision.Seconds(),
		Transfer:  float64(size) * 8 / 1e9 / float64(o.Throughput),
	}
	if o.Inside() {
		o.Time.Provision = 0
	}
	gb := float64(size) / float64(unit.GB)
	hours := (o.Time.Provision + o.Time.Transfer) / 3600
	o.Cost.Egress, o.Cost.Machines = 0, 0
	for _, e := range o.Edges {
		o.Cost.Egress += unit.USD(float64(e.Gbits/o.Throughput)*gb) * e.USDPerGB
	}
	for _, r := range o.Regions {
		o.Cost.Machines += unit.USD(float64(r.Gateways)*hours) * r.USDPerHour
	}
	o.Cost.Total = o.Cost.Egress + o.Cost.Machines + o.Cost.Requests
	return nil
}
