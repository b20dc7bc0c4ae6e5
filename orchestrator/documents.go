package orchestrator

import (
	"github.com/skyctl/skyctl/orchestrator/fleet"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/quote"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/rundir"
	"github.com/skyctl/skyctl/orchestrator/unit"
	"github.com/skyctl/skyctl/terraform/engine"
)

// Plan is the document plan.json.
type Plan struct {
	Run     rundir.ID  `json:"run"`
	Objects int64      `json:"objects"`
	Bytes   unit.Bytes `json:"bytes"`
	overlay.Overlay
	Pareto    []quote.Point `json:"pareto,omitempty"` // with --pareto
	Terraform TerraformPlan `json:"terraform"`

	// Warnings are what the stores say about writing there, what listing the
	// source met that can be no object, what clouds did not tell of their room,
	// and whose credentials gateways get as they are.
	Warnings []string `json:"warnings,omitempty"`
}

// TerraformPlan is what Terraform would do, and where. Dir is empty where the
// plan needs no gateways.
type TerraformPlan struct {
	Dir string `json:"dir"`
	engine.Changes
}

// Result is the document of a carried out run: cp, apply, resume.
type Result struct {
	Run      rundir.ID `json:"run"`
	Success  bool      `json:"success"`
	Objects  int64     `json:"objects"` // listed = done + skipped + failed
	Bytes    int64     `json:"bytes"`   // of done objects, each once
	Done     int64     `json:"done"`
	Skipped  int64     `json:"skipped"`
	Failed   int64     `json:"failed"`
	Pending  int64     `json:"pending,omitempty"` // of a run that stopped: listed, and nothing of the three
	TotalS   float64   `json:"total_runtime_s"`
	Transfer float64   `json:"transfer_s"`       // first read to last commit
	Gbits    float64   `json:"throughput_gbits"` // bytes x 8 / transfer_s / 1e9
	Verified bool      `json:"verified"`         // every done object's digest was checked
	By       Verified  `json:"verified_by"`      // how
	Retries  int64     `json:"retries"`
	Resumed  int64     `json:"resumed_chunks"` // chunks that an earlier attempt had finished

	Cost      Cost          `json:"cost"`
	Routes    []RouteBytes  `json:"routes"`
	Gateways  int           `json:"gateways"`
	Transport string        `json:"transport"` // "quic", "tls", "quic+tls"; "none" where no gateway was used
	Errors    []ObjectError `json:"errors"`

	// NotCarried is metadata of done objects that a destination cannot keep,
	// one row a destination and field.
	NotCarried []NotCarried `json:"not_carried"`

	// Transports says of each pair of regions what was chosen, and why.
	Transports []fleet.TransportChoice `json:"transports"`

	// Bottleneck is what held the run back for most of this process's part in
	// its transfer: "writes to local:west". It is empty where that was too short
	// to tell.
	Bottleneck string `json:"bottleneck"`
	// Replanned says of each time that this process found the run off its
	// forecast by how much and what was done: other routes, or why none.
	Replanned []string `json:"replanned,omitempty"`
	// Warnings are what went wrong beside the transfer: in its logs.
	Warnings []string `json:"warnings,omitempty"`
	// BWLimit is the --bwlimit that the run was held to, 0 if there was none.
	BWLimit unit.Gbps `json:"bwlimit_gbits,omitempty"`

	// Destroy is the command that gives the gateways back, where they were
	// kept or could not be destroyed.
	Destroy string `json:"destroy,omitempty"`
	// Kept tells that gateways are left because the user asked for it.
	Kept bool `json:"-"`
	// Different counts failures in which a digest did not match.
	Different int `json:"-"`
}

// Cost compares the plan's total with what the run used, both in USD by the
// price book.
type Cost struct {
	Estimated unit.USD `json:"estimated_usd"`
	Actual    unit.USD `json:"actual_usd"`
}

// RouteBytes is what arrived along one path of regions, reader to writer.
type RouteBytes struct {
	Path  []region.Region `json:"path"`
	Bytes int64           `json:"bytes"`
}

// ObjectError is one object that failed at one destination.
type ObjectError struct {
	Object string `json:"object"`
	Dest   string `json:"dest"` // the destination as the user wrote it
	Error  string `json:"error"`
}

// Verified counts done objects, once a destination, by who checked their
// digests.
type Verified struct {
	Store int64 `json:"store"` // the destination's store compared a checksum
	Read  int64 `json:"read"`  // the object was read back
}

// NotCarried is a field of metadata that a destination cannot keep.
type NotCarried struct {
	Dest    string `json:"dest"`  // as the user wrote it
	Field   string `json:"field"` // "tags", "file mode", …
	Objects int64  `json:"objects"`
}

// Status is the document of status: what is known of a run now.
type Status struct {
	Run     rundir.ID `json:"run"`
	State   State     `json:"state"`
	Source  string    `json:"source"`
	Dests   []string  `json:"dests"`
	Created string    `json:"created"` // RFC 3339
	Objects int64     `json:"objects"`
	Bytes   int64     `json:"bytes"`
	Done    int64     `json:"done"`
	Skipped int64     `json:"skipped"`
	Failed  int64     `json:"failed"`
	Pending int64     `json:"pending"`
	Busy    bool      `json:"busy"` // a process works on the run

	// Error says why no more is known of a run, whose State is unreadable.
	Error string `json:"error,omitempty"`
}

// State is where a run stands.
type State string

const (
	StatePlanned     State = "planned"
	StateRunning     State = "running"     // a process works on it
	StateInterrupted State = "interrupted" // resumable
	StateCancelled   State = "cancelled"
	StateDone        State = "done"
	StateFailed      State = "failed"     // finished, and some objects failed
	StateUnreadable  State = "unreadable" // its files are damaged, or another version's
)
