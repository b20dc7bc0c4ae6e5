// Package grid knows how much regions can send to each other, and what their
// machines can.
//
// A Grid asks several sources, in this order: the links that the configuration
// states, tables in the order in which they were given (what skyctl measured of
// late, what was imported, what it measured before that), and the built-in model.
// New has the first alone; WithTable and WithModel add the others. A pair of
// owned regions (local or ssh) of which none knows is assumed, and says so; for
// every other pair a missing figure is an UnknownError, never a guess. Each
// Link says which source it is from.
package grid

import (
	"fmt"
	"maps"
	"slices"
	"strings"
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

// MarshalText lets a pair be a key in JSON.
func (p Pair) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (p *Pair) UnmarshalText(text []byte) error {
	from, to, ok := strings.Cut(string(text), " > ")
	if !ok {
		return fmt.Errorf("%q is no pair of regions", text)
	}
	*p = Pair{region.Region(from), region.Region(to)}
	return nil
}

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

	// Measured is when skyctl measured it, zero if it did not; Spread how far a
	// second of that was from the median at most, as a fraction.
	Measured time.Time
	Spread   float64
}

// Figures of an owned pair that no link names.
const (
	AssumedGbps        unit.Gbps = 1
	AssumedRTT                   = time.Millisecond
	DefaultConnections           = 8
)

// MachineConnections are what one gateway may have open on all its links
// together. Measured tables and the model state what a pair of machines carries
// with so many.
const MachineConnections = 64

// Sources of links, but for SourceMeasured, and for tables that somebody
// brought, which have names of their own.
const (
	SourceAssumed = "assumed"
	SourceModel   = "model" // the built-in model of 2022; not a measurement of the pair
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
	tables   []*Table
	model    bool
	only     bool                       // nothing is assumed
	machines map[region.Cloud][]Machine // nil: the catalogue's
}

// New makes a grid of what the configuration states.
func New(links map[Pair]Link, gateways map[region.Region]Gateway) *Grid {
	return &Grid{links: links, gateways: gateways}
}

// WithTable returns a grid that asks a table for pairs that it knows nothing of.
func (g *Grid) WithTable(t *Table) *Grid {
	with := *g
	with.tables = append(slices.Clone(g.tables), t)
	return &with
}

// WithOnly returns a grid that asks a table for pairs that it knows nothing of, and
// nothing after that: what is not in it is no link, between owned regions neither.
func (g *Grid) WithOnly(t *Table) *Grid {
	with := g.WithTable(t)
	with.only = true
	return with
}

// WithModel returns a grid that asks the built-in model for pairs that it knows
// nothing of.
func (g *Grid) WithModel() *Grid {
	with := *g
	with.model = true
	return &with
}

// Link returns the figures of a pair of different regions, or an UnknownError.
func (g *Grid) Link(from, to region.Region) (Link, error) {
	pair := Pair{from, to}
	if l, ok := g.links[pair]; ok {
		return l, nil
	}
	for _, t := range g.tables {
		if l, ok := t.links[pair]; ok {
			return l, nil
		}
	}
	if g.model {
		if l, ok := model(pair); ok {
			return l, nil
		}
	}
	if g.only || !from.Cloud().Owned() || !to.Cloud().Owned() {
		return Link{}, &UnknownError{Pair: pair}
	}
	return Link{
		Gbps:        AssumedGbps,
		RTT:         AssumedRTT,
		Connections: DefaultConnections,
		Total:       true,
		Assumed:     true,
		Source:      SourceAssumed,
	}, nil
}

// Gateway returns the configured caps of one gateway in the region.
func (g *Grid) Gateway(r region.Region) Gateway { return g.gateways[r] }

// Regions returns every region of which the grid knows a link, or its caps, in
// the order of their names.
func (g *Grid) Regions() []region.Region {
	known := map[region.Region]bool{}
	for pair := range g.links {
		known[pair.From], known[pair.To] = true, true
	}
	for r := range g.gateways {
		known[r] = true
	}
	for _, t := range g.tables {
		for pair := range t.links {
			known[pair.From], known[pair.To] = true, true
		}
	}
	if g.model {
		for _, p := range region.Places() {
			known[p.Region] = true
		}
	}
	return slices.Sorted(maps.Keys(known))
}

// UnknownError tells that nobody said how much a pair carries.
type UnknownError struct {
	Pair Pair
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("throughput %s is unknown: add {from: %q, to: %q, gbps: …, usd_per_gb: …} to links in the configuration",
		e.Pair, e.Pair.From, e.Pair.To)
}
