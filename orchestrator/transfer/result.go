package transfer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/orchestrator/journal"
)

// maxErrors is how many errors a Result carries. The journal has all.
const maxErrors = 100

// Result is what became of the run so far, over all its sessions, as the
// journal has it.
type Result struct {
	Counts        journal.Counts             // Listed = Done + Skipped + Failed + Pending
	Verified      bool                       // every done delivery's digest was checked
	VerifiedBy    map[control.Verified]int64 // those deliveries, by how
	Retries       int64                      // chunks sent again
	ResumedChunks int64                      // chunks that earlier sessions had finished, counted once a destination
	Transfer      time.Duration              // first read to last commit, pauses between sessions left out
	Routes        map[journal.RouteKey]int64
	Errors        []journal.FailedDelivery // the first 100
	Lost          []journal.Loss           // metadata that destinations could not keep

	// Bottleneck is what held this session back for most of its time: "writes
	// to local:west". It is empty where the session was too short to tell.
	Bottleneck string
	// Replanned are the reasons for which this session's routes were planned
	// anew, with what became of them.
	Replanned []string
}

// Interrupted says that the run stopped before its end for a reason that is no
// object's fault. Nothing was marked failed for it, and the run can be resumed.
type Interrupted struct {
	Reason string // for people, with what to do where there is something
	Err    error  // the cause, if there is more to it
}

func (e *Interrupted) Error() string { return "interrupted: " + e.Cause() }

// Cause is the error's text without the word that it was interrupted.
func (e *Interrupted) Cause() string {
	if e.Err == nil {
		return e.Reason
	}
	return fmt.Sprintf("%s: %v", e.Reason, e.Err)
}

func (e *Interrupted) Unwrap() error { return e.Err }

// Collect is the Result of a run in which nothing is left to be transferred.
func Collect(ctx context.Context, j *journal.Reader) (Result, error) {
	finished, err := j.FinishedChunks(ctx)
	if err != nil {
		return Result{}, err
	}
	return collect(ctx, j, finished)
}

// collect reads the result of the run from its journal.
func collect(ctx context.Context, j *journal.Reader, resumed int64) (Result, error) {
	r := Result{ResumedChunks: resumed}
	var errs [7]error
	var active int64
	var verified map[string]int64
	r.Counts, errs[0] = j.Counts(ctx)
	r.Retries, errs[1] = j.Counter(ctx, journal.CounterRetries)
	active, errs[2] = j.Counter(ctx, journal.CounterActive)
	verified, errs[3] = j.Verified(ctx)
	r.Routes, errs[4] = j.Routes(ctx)
	r.Errors, errs[5] = j.Failures(ctx, maxErrors)
	r.Lost, errs[6] = j.Lost(ctx)
	r.Transfer = time.Duration(active)
	r.Verified = verified[""] == 0
	r.VerifiedBy = map[control.Verified]int64{}
	for how, n := range verified {
		if how != "" {
			r.VerifiedBy[control.Verified(how)] = n
		}
	}
	return r, errors.Join(errs[:]...)
}
