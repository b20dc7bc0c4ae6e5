package overlay

import (
	"fmt"
	"math"
	"slices"

	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// tolerance is the rounding that sums of rates may show, as a fraction.
const tolerance = 1e-6

// Validate checks that the overlay can be carried out and adds up: every region
// has gateways and is named once for each type, every destination has routes
// that carry the throughput, every route passes regions that have gateways over
// edges that exist, the routes of a tree are one, and every edge carries what
// its trees do.
func (o *Overlay) Validate() error {
	gateways := map[region.Region]bool{}
	types := map[Region]bool{}
	for _, r := range o.Regions {
		key := Region{Region: r.Region, Machine: r.Machine, Joined: r.Joined}
		switch {
		case r.Gateways < 1:
			return fmt.Errorf("overlay has %d gateways in %s", r.Gateways, r.Region)
		case types[key]:
			return fmt.Errorf("overlay names region %s twice", r.Region)
		}
		gateways[r.Region], types[key] = true, true
	}
	flows, err := o.routes(gateways)
	if err != nil {
		return err
	}
	return o.edges(gateways, flows)
}

// routes checks the routes and returns what they carry on each pair.
func (o *Overlay) routes(gateways map[region.Region]bool) (map[grid.Pair]unit.Gbps, error) {
	flows := map[grid.Pair]unit.Gbps{}
	var delivered []unit.Gbps
	trees := map[int]tree{}
	for _, r := range o.Routes {
		if len(r.Path) == 0 || r.Gbits <= 0 || r.Dest < 0 || r.Dest > math.MaxUint8 {
			return nil, fmt.Errorf("route %q carries %v to destination %d", r, r.Gbits, r.Dest)
		}
		for len(delivered) <= r.Dest {
			delivered = append(delivered, 0)
		}
		delivered[r.Dest] += r.Gbits
		if o.Inside() {
			if !slices.Equal(r.Path, []region.Region{region.Workstation}) {
				return nil, fmt.Errorf("route %q needs gateways, and the overlay has none", r)
			}
			continue
		}
		for i, hop := range r.Path {
			if !gateways[hop] {
				return nil, fmt.Errorf("route %q passes %s, which has no gateway", r, hop)
			}
			if slices.Contains(r.Path[:i], hop) {
				return nil, fmt.Errorf("route %q passes %s twice", r, hop)
			}
		}
		if trees[r.Tree] == nil {
			trees[r.Tree] = tree{}
		}
		if err := trees[r.Tree].add(r, flows); err != nil {
			return nil, err
		}
	}
	if len(delivered) == 0 {
		return nil, fmt.Errorf("overlay has no route")
	}
	for dest, got := range delivered {
		if !close(got, o.Throughput) {
			return nil, fmt.Errorf("routes carry %v to destination %d, not the %v of the overlay", got, dest, o.Throughput)
		}
	}
	return flows, nil
}

// tree is what the routes of one tree have shown of it: by region, where its
// bytes come from; the reader's has none.
type tree map[region.Region]hop

type hop struct {
	from  region.Region
	gbits unit.Gbps
}

// add adds a route, and what it carries to the flows of edges that the tree did
// not have yet.
func (t tree) add(r Route, flows map[grid.Pair]unit.Gbps) error {
	from := region.Region("")
	for _, at := range r.Path {
		known, ok := t[at]
		switch {
		case !ok && from == "" && len(t) > 0:
			return fmt.Errorf("route %q begins elsewhere than the others of tree %d", r, r.Tree)
		case !ok && from != "":
			flows[grid.Pair{From: from, To: at}] += r.Gbits
		case ok && (known.from != from || !close(known.gbits, r.Gbits)):
			return fmt.Errorf("route %q does not fit to the others of tree %d", r, r.Tree)
		}
		t[at] = hop{from, r.Gbits}
		from = at
	}
	return nil
}

// edges checks the edges against the regions and what the routes carry.
func (o *Overlay) edges(gateways map[region.Region]bool, flows map[grid.Pair]unit.Gbps) error {
	seen := map[grid.Pair]bool{}
	for _, e := range o.Edges {
		pair := e.Pair()
		switch {
		case e.From == e.To:
			return fmt.Errorf("edge %s joins a region to itself", pair)
		case seen[pair]:
			return fmt.Errorf("overlay names edge %s twice", pair)
		case e.Gbits <= 0 || e.USDPerGB < 0:
			return fmt.Errorf("edge %s carries %v at %v a GB", pair, e.Gbits, e.USDPerGB)
		}
		seen[pair] = true
		if o.Inside() {
			if e.Connections != 0 || (e.From != region.Workstation && e.To != region.Workstation) {
				return fmt.Errorf("edge %s needs gateways, and the overlay has none", pair)
			}
			continue
		}
		switch {
		case !gateways[e.From] || !gateways[e.To]:
			return fmt.Errorf("edge %s joins a region without gateways", pair)
		case e.Connections < 1:
			return fmt.Errorf("edge %s has %d connections", pair, e.Connections)
		case !close(flows[pair], e.Gbits):
			return fmt.Errorf("edge %s carries %v, its routes %v", pair, e.Gbits, flows[pair])
		}
	}
	for pair := range flows {
		if !seen[pair] {
			return fmt.Errorf("a route passes %s, which is no edge", pair)
		}
	}
	return nil
}

// close tells whether two rates are the same but for rounding.
func close(a, b unit.Gbps) bool {
	return math.Abs(float64(a-b)) <= tolerance*math.Max(float64(a), float64(b))
}
