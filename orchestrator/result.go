package orchestrator

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/orchestrator/fleet"
	"github.com/skyctl/skyctl/orchestrator/journal"
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
	failures, ferr := a.journal.Failures(ctx, -1)
	carried, oerr := a.journal.Routes(ctx)
	usd, uerr := a.ledger().Actual(ctx, l, carried)
	err := errors.Join(cerr, rerr, uerr, ferr, oerr)
	if err != nil {
		return Result{}, err
	}
	r := Result{Run: a.run.ID,
		Objects: counts.Listed, Bytes: counts.DoneBytes, Done: counts.Done, Skipped: counts.Skipped, Failed: counts.Failed, Pending: counts.Pending,
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
	r.Routes = arrived(l, carried)
	r.Cost = Cost{Estimated: a.saved.Overlay.Cost.Total, Actual: usd}
	if r.Objects > 0 {
		r.Cost.Actual += a.saved.Overlay.Cost.Requests * unit.USD(r.Done) / unit.USD(r.Objects)
	}
	return r, nil
}

// arrived sums what arrived by paths of regions.
func arrived(l *layout.Layout, carried map[journal.RouteKey]int64) []RouteBytes {
	out := []RouteBytes{}
	for key, bytes := range carried {
		path := l.Path(key.Reader, key.Route, key.Dest)
		i := slices.IndexFunc(out, func(r RouteBytes) bool { return slices.Equal(r.Path, path) })
		if i < 0 {
			i, out = len(out), append(out, RouteBytes{Path: path})
		}
		out[i].Bytes += bytes
	}
	slices.SortFunc(out, func(a, b RouteBytes) int { return slices.Compare(a.Path, b.Path) })
	return out
}

// keepTransports records the choices, for the result of this attempt or of one
// that has nothing left to send.
func (a *attempt) keepTransports() error {
	b, err := json.Marshal(a.fleet.Choices())
	if err != nil {
		return err
	}
	return a.journal.Set(keyTransports, string(b))
}

// transports are the choices of the attempt that last had gateways.
func (a *attempt) transports(ctx context.Context) ([]fleet.TransportChoice, error) {
	kept, err := a.journal.Value(ctx, keyTransports)
	choices := []fleet.TransportChoice{}
	if err != nil || kept == "" {
		return choices, err
	}
	if err := json.Unmarshal([]byte(kept), &choices); err != nil {
		return nil, fmt.Errorf("the journal's record of transports: %w", err)
	}
	return choices, nil
}

// oneWord names the transports of a result: the only one, or all of them.
func oneWord(choices []fleet.TransportChoice) string {
	word := ""
	for _, t := range []string{control.TransportQUIC, control.TransportTLS} {
		if !slices.ContainsFunc(choices, func(c fleet.TransportChoice) bool { return c.Transport == t }) {
			continue
		}
		if word != "" {
			word += "+"
		}
		word += t
	}
	return cmp.Or(word, "none")
}
