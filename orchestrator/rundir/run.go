package rundir

import "path/filepath"

// Run is the directory of one run.
type Run struct {
	ID  ID
	Dir string // absolute
}

// The files and directories of a run. Create makes the directories.

// Plan is the plan as skyctl plan printed it.
func (r *Run) Plan() string { return filepath.Join(r.Dir, "plan.json") }

// Terraform is the directory of the root module and its state.
func (r *Run) Terraform() string { return filepath.Join(r.Dir, "terraform") }

// CA is the directory of the run's certificate authority.
func (r *Run) CA() string { return filepath.Join(r.Dir, "ca") }

// Journal is the run's database.
func (r *Run) Journal() string { return filepath.Join(r.Dir, "journal.db") }

// Events is the log of progress events, one JSON document a line.
func (r *Run) Events() string { return filepath.Join(r.Dir, "events.jsonl") }

// Logs is the directory of what gateways and Terraform wrote.
func (r *Run) Logs() string { return filepath.Join(r.Dir, "logs") }
