// Package grid knows how much regions can send to each other.
//
// Its figures are those that the configuration's links state. A pair of owned
// regions (local or ssh) that no link names is assumed, and says so; for every
// other pair a missing figure is an UnknownError, never a guess.
package grid

import (
	"fmt"
	"time"

	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// Pair is an ordered pair of regions: traffic flows from From to To.
type Pair struct {
	From, To region.Region
}

// String returns "local:east > local:west".
func (p Pair) String() string { return string(p.From) + " > " + string(p.To) }

// Link is what the planner believes of a pair.
type Link struct {
	Gbps unit.Gbps
	RTT  time.Duration

	// Connections are what it takes to carry Gbps, and what that then uses of
	// the budget of a gateway.
	Connections int

	// Total tells that Gbps is all that the pair carries, whatever the number
	// of gateways. Otherwise it is what each pair of gateways carries.
	Total bool

	// Assumed tells that nobody stated or measured the figure; users are told.
	Assumed bool

	Source string // where the figure is from, for people
}

// Figures of an owned pair that no link names.
const (
	AssumedGbps        unit.Gbps = 1
	AssumedRTT                   = time.Millisecond
	DefaultConnections           = 8
)

// Gateway is what one gateway of a region can send and receive, whatever its
// links would carry. Zero means no limit.
type Gateway struct {
	Egress, Ingress unit.Gbps
}

// Grid holds the figures. It does not change once it is made.
type Grid struct {
	links    map[Pair]Link
	gateways map[region.Region]Gateway
}

// New makes a grid of what the configuration states.
func New(links map[Pair]Link, gateways map[region.Region]Gateway) *Grid {
	return &Grid{links: links, gateways: gateways}
}

// Link returns the figures of a pair of different regions, or an UnknownError.
func (g *Grid) Link(from, to region.Region) (Link, error) {
	pair := Pair{from, to}
	if l, ok := g.links[pair]; ok {
		return l, nil
	}
	if !from.Cloud().Owned() || !to.Cloud().Owned() {
		return Link{}, &UnknownError{Pair: pair}
	}
	return Link{
		Gbps:        AssumedGbps,
		RTT:         AssumedRTT,
		Connections: DefaultConnections,
		Total:       true,
		Assumed:     true,
		Source:      "assumed",
	}, nil
}

// Gateway returns the caps of one gateway in the region.
func (g *Grid) Gateway(r region.Region) Gateway { return g.gateways[r] }

// UnknownError tells that nobody said how much a pair carries.
type UnknownError struct {
	Pair Pair
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("throughput %s is unknown: add {from: %q, to: %q, gbps: …, usd_per_gb: …} to links in the configuration",
		e.Pair, e.Pair.From, e.Pair.To)
}
