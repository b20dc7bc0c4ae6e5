package planner

import (
	"time"

	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/price"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// Job is what is to be moved and what the user asks of the plan.
type Job struct {
	// Sources are the regions in which gateways may read the source; Dests[i]
	// those in which they may write destination i. Most have one.
	Sources []region.Region
	Dests   [][]region.Region

	Bytes   unit.Bytes // to every destination
	Objects int64

	// ReadGbps is what the source's store gives, WriteGbps[i] what the store of
	// destination i takes; 0 or nil where nothing is known to limit them.
	ReadGbps  unit.Gbps
	WriteGbps []unit.Gbps
	Limit     unit.Gbps // that the run is held to; 0: none

	MinThroughput unit.Gbps     // solve for exactly this; 0: no such goal
	MaxCost       *unit.USD     // total of the plan; nil: no such goal
	MaxTime       time.Duration // provisioning and transfer; 0: no such goal

	Mode Mode

	// Gateways is what the user said: nil leaves it to the planner, 0 wants
	// the engine inside skyctl, N >= 1 wants gateways, at most N a region.
	Gateways *int
}

// Mode says which routes may be taken.
type Mode string

const (
	Overlay Mode = "overlay" // over relays where they help; the zero Mode too
	Direct  Mode = "direct"  // no relays
)

// Limits are what the plan must stay within, whatever the job asks.
type Limits struct {
	Gateways int             // a region; Job.Gateways takes precedence
	Relays   []region.Region // where relays may be
	Allow    []region.Region // where any gateway may be; empty: everywhere
	Machines []string        // types that gateways in clouds may be of; empty: all

	// Most are how many gateways of a type a region may have where a cloud gives
	// no more: 0 for none. A kind without a machine is all types together.
	Most map[region.Kind]int

	// Standing are the gateways of each type that a region has already and that
	// are paid for whatever the plan is: they cost nothing and are up at once.
	// Further ones cost their price, and are marked as joined in the overlay.
	Standing map[region.Kind]int

	// Provision is the forecast of how long it takes to bring up (and take
	// down) the gateways of a cloud; they come up at the same time.
	Provision map[region.Cloud]time.Duration
}

// most returns how many gateways of a kind there may be, of those given.
func (l Limits) most(k region.Kind, gateways int) int {
	if n, ok := l.Most[k]; ok {
		return min(gateways, n)
	}
	return gateways
}

// Grid is what the planner asks about throughput; *grid.Grid answers it.
type Grid interface {
	Link(from, to region.Region) (grid.Link, error)
	Machines(r region.Region) []grid.Machine
}

// Prices is what the planner asks about money; *price.Book answers it.
type Prices interface {
	Egress(from, to region.Region) (price.Price, error)
	Machine(r region.Region, machine string) (price.Price, error)
}
