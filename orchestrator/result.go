package orchestrator

import (
	"context"
	"errors"
	"time"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/transfer"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// maxErrors bounds the document; the journal has all of them.
const maxErrors = 100

// result is the run so far, all attempts together, as the journal has it.
func (a *attempt) result(ctx context.Context, l *layout.Layout, moved transfer.Result) (Result, error) {
	if err := a.journal.Count(counterRuntime, int64(time.Since(a.start))); err != nil {
		return Result{}, err
	}
	if err := a.journal.Flush(ctx); err != nil {
		return Result{}, err
	}
	counts, cerr := a.journal.Counts(ctx)
	runtime, rerr := a.journal.Counter(ctx, counterRuntime)
	rented, nerr := a.journal.Counter(ctx, counterRented)
	joined, jerr := a.journal.Counter(ctx, counterJoined)
	failures, ferr := a.journal.Failures(ctx, -1)
	carried, oerr := a.journal.Routes(ctx)
	err := errors.Join(cerr, rerr, nerr, jerr, ferr, oerr)
	if err != nil {
		return Result{}, err
	}
	r := Result{Run: a.run.ID,
		Objects: counts.Listed, Bytes: counts.DoneBytes, Done: counts.Done, Skipped: counts.Skipped, Failed: counts.Failed,
		TotalS: time.Duration(runtime).Seconds(), Transfer: moved.Transfer.Seconds(),
		Verified: moved.Verified, By: Verified{Store: moved.VerifiedBy[control.VerifiedStore], Read: moved.VerifiedBy[control.VerifiedRead]},
		Retries: moved.Retries, Resumed: moved.ResumedChunks,
		Gateways: len(l.Gateways), Errors: []ObjectError{}, NotCarried: []NotCarried{}}
	if r.Transfer > 0 {
		r.Gbits = float64(r.Bytes) * 8 / r.Transfer / 1e9
	}
	if r.Transports, err = a.transports(ctx); err != nil {
		return Result{}, err
	}
	for _, l := range moved.Lost {
		r.NotCarried = append(r.NotCarried, NotCarried{Dest: a.saved.Request.Dests[l.Dest], Field: l.Field.String(), Objects: l.Objects})
	}
	r.Transport = oneWord(r.Transports)
	r.Bottleneck, r.Replanned, r.BWLimit = moved.Bottleneck, moved.Replanned, a.saved.Request.BWLimit
	for _, f := range failures {
		if f.Kind == objstore.KindCorrupt {
			r.Different++
		}
		if len(r.Errors) < maxErrors {
			r.Errors = append(r.Errors, ObjectError{Object: f.Key, Dest: a.saved.Request.Dests[f.Dest], Error: f.Message})
		}
	}
	p := planned{&a.saved.Overlay, l}
	perHour, _ := hourly(p.overlay)
	r.Routes = p.routes(carried)
	r.Cost = Cost{Estimated: p.overlay.Cost.Total,
		Actual: p.egress(carried) + perHour*unit.USD(time.Duration(rented).Hours()) + unit.USD(float64(joined)/nanoUSD)}
	if r.Objects > 0 {
		r.Cost.Actual += a.saved.Overlay.Cost.Requests * unit.USD(r.Done) / unit.USD(r.Objects)
	}
	return r, nil
}
