package orchestrator

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/measure"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/quote"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/rundir"
	"github.com/skyctl/skyctl/terraform/engine"
)

// saved is what a run keeps of its planning beside plan.json, which is for
// people: what a later process needs to carry the plan out.
type saved struct {
	Created     time.Time        `json:"created"`
	Request     Request          `json:"request"`
	Fingerprint string           `json:"fingerprint"` // of the source listing
	Overlay     overlay.Overlay  `json:"plan"`
	Pareto      []quote.Point    `json:"pareto,omitempty"`
	ChunkSize   int64            `json:"chunk_size"`
	PlanSum     string           `json:"plan_sum"` // SHA-256 of plan.json
	Warnings    []string         `json:"warnings,omitempty"`
	Preview     *engine.Plan     `json:"preview,omitempty"` // what Terraform would do
	Measure     *measure.Request `json:"measure,omitempty"` // the run moves nothing, but measures

	// Accounts are whose machines the plan rents: account, project,
	// subscription.
	Accounts map[region.Cloud]string `json:"accounts,omitempty"`
	// Zones are those that offer the machine types that were asked about.
	Zones map[region.Kind][]string `json:"zones,omitempty"`
	// Unasked is what the clouds did not tell of whether they have room.
	Unasked []string `json:"unasked,omitempty"`

	// Lacking is what the clouds have no room for, as planner.Limits has it.
	Lacking map[region.Kind]int `json:"lacking,omitempty"`

	// Shown is what the run has found out of its links. Who goes on with it would
	// otherwise believe again of a link that does not carry much what was first
	// believed of it.
	Shown map[grid.Pair]grid.Link `json:"shown,omitempty"`

	again int // how often this process made the plan anew for that
}

// keep has the run go on with what change makes of what is kept of it, also if
// another process does. Those who work on the run see it when it is over.
func (a *attempt) keep(change func(*saved)) error {
	next := *a.latest()
	change(&next)
	if err := rundir.WriteJSON(savedFile(a.run), &next); err != nil {
		return err
	}
	a.kept = &next
	return nil
}

// latest is what is kept of the run by now.
func (a *attempt) latest() *saved {
	if a.kept != nil {
		return a.kept
	}
	return a.saved
}

func savedFile(run *rundir.Run) string { return filepath.Join(run.Dir, "request.json") }

// planSum identifies what plan.json says, which whoever applies the plan has seen.
func planSum(run *rundir.Run) (string, error) {
	text, err := os.ReadFile(run.Plan())
	if err != nil {
		return "", fmt.Errorf("read the plan: %w", err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(text)), nil
}

func load(run *rundir.Run) (*saved, error) {
	var s saved
	if err := rundir.ReadJSON(savedFile(run), &s); err != nil {
		return nil, err
	}
	return &s, nil
}

// Keys of the journal that this package keeps, beside those of package ledger and
// of package journal.
const (
	keyState       = "state"      // a State, once something was applied
	keyTransports  = "transports" // []fleet.TransportChoice of the last attempt with gateways
	counterRuntime = "runtime_ns" // of all attempts, planning included
)
