package orchestrator

import (
	"cmp"
	"slices"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/orchestrator/fleet"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/places"
	"github.com/skyctl/skyctl/orchestrator/quote"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// Request is what a user asked for. It is kept in the run directory, so that a
// saved plan is applied, and a crashed run resumed, as it was asked for.
type Request struct {
	places.Copy
	quote.Goals

	Pareto bool `json:"pareto,omitempty"` // show the frontier too
	Adapt  bool `json:"adapt,omitempty"`  // add gateways on the way where that pays off

	ChunkSize unit.Bytes     `json:"chunk_size,omitempty"` // 0: by size and routes
	Verify    control.Verify `json:"verify,omitempty"`
	Transport string         `json:"transport,omitempty"` // fleet.TransportAuto, which it is if empty, or a control.Transport…
	Compress  string         `json:"compress,omitempty"`  // a Compress…; CompressAuto if empty

	BWLimit unit.Gbps `json:"bwlimit,omitempty"` // that all readers together may read; 0: any rate
}

// When chunks are compressed. Those that do not shrink never are.
const (
	CompressAuto   = "auto" // where egress costs more than compressing does
	CompressAlways = "always"
	CompressNever  = "never"
)

// compressAbove is what a GB of egress must cost for compression to pay by
// itself, in USD: several times the two or three CPU seconds that it takes to
// compress and decompress one, on machines of 0.05 USD a vCPU and hour.
const compressAbove = 0.001

// compresses tells whether readers are to compress what goes over the edges.
func (r *Request) compresses(g *overlay.Graph) bool {
	switch r.Compress {
	case CompressAlways:
		return true
	case CompressNever:
		return false
	}
	return slices.ContainsFunc(g.Edges, func(e overlay.Edge) bool { return e.USDPerGB > compressAbove })
}

func (r *Request) transport() string { return cmp.Or(r.Transport, fleet.TransportAuto) }
