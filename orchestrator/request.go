package orchestrator

import (
	"cmp"
	"time"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/orchestrator/planner"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// Request is what a user asked for. It is kept in the run directory, so that a
// saved plan is applied, and a crashed run resumed, as it was asked for.
type Request struct {
	Source    string   `json:"source"` // URL or path, as written
	Dests     []string `json:"dests"`
	Recursive bool     `json:"recursive"`
	Filters   []Filter `json:"filters,omitempty"`

	MinThroughput unit.Gbps     `json:"min_throughput,omitempty"`
	MaxCost       *unit.USD     `json:"max_cost,omitempty"`
	MaxTime       time.Duration `json:"max_time,omitempty"`
	Mode          planner.Mode  `json:"mode,omitempty"`
	Gateways      *int          `json:"gateways,omitempty"` // nil: the planner decides; 0: none

	ChunkSize unit.Bytes     `json:"chunk_size,omitempty"` // 0: by size and routes
	Verify    control.Verify `json:"verify,omitempty"`
	Transport string         `json:"transport,omitempty"` // TransportAuto, which it is if empty, or a control.Transport…
}

func (r *Request) transport() string { return cmp.Or(r.Transport, TransportAuto) }

// Filter is one --include or --exclude, in the order given: the first whose
// pattern matches a key decides, and a key that none matches is taken, unless
// the first filter is an include.
type Filter struct {
	Exclude bool   `json:"exclude"`
	Pattern string `json:"pattern"`
}
