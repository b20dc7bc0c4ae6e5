package orchestrator

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/journal"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/region"
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
	r.Routes = a.routes(l, carried)
	r.Cost = Cost{Estimated: a.saved.Overlay.Cost.Total, Actual: a.cost(l, carried, time.Duration(rented)) + unit.USD(float64(joined)/nanoUSD)}
	if r.Objects > 0 {
		r.Cost.Actual += a.saved.Overlay.Cost.Requests * unit.USD(r.Done) / unit.USD(r.Objects)
	}
	return r, nil
}

// routes sums what arrived by paths of regions.
func (a *attempt) routes(l *layout.Layout, carried map[journal.RouteKey]int64) []RouteBytes {
	out := []RouteBytes{}
	for key, bytes := range carried {
		path := l.Path(key.Reader, key.Route, key.Dest)
		if len(l.Gateways) == 0 {
			path = a.insidePath(key.Dest)
		}
		i := slices.IndexFunc(out, func(r RouteBytes) bool { return slices.Equal(r.Path, path) })
		if i < 0 {
			i, out = len(out), append(out, RouteBytes{Path: path})
		}
		out[i].Bytes += bytes
	}
	slices.SortFunc(out, func(a, b RouteBytes) int { return slices.Compare(a.Path, b.Path) })
	return out
}

// insidePath is the way through the engine inside skyctl, as it was planned.
func (a *attempt) insidePath(dest route.Dest) []region.Region {
	for _, r := range a.saved.Overlay.Routes {
		if r.Dest == int(dest) {
			return r.Path
		}
	}
	return []region.Region{}
}

// cost is what the bytes on each edge and the time of each of the plan's machines
// cost by its prices.
func (a *attempt) cost(l *layout.Layout, carried map[journal.RouteKey]int64, rented time.Duration) unit.USD {
	usd := 0.0
	sent := sent(l, carried)
	for _, e := range a.saved.Overlay.Edges {
		usd += float64(sent[e.Pair()]) / 1e9 * float64(e.USDPerGB)
	}
	planned, _ := hourly(&a.saved.Overlay)
	return unit.USD(usd + float64(planned)*rented.Hours())
}

// sent returns the bytes that passed each edge. What a route brought to several
// destinations passed the edges that they share once.
func sent(l *layout.Layout, carried map[journal.RouteKey]int64) map[grid.Pair]int64 {
	type shared struct {
		reader route.Gateway
		route  int
		pair   grid.Pair
	}
	once := map[shared]int64{}
	for key, bytes := range carried {
		path := l.Path(key.Reader, key.Route, key.Dest)
		for i := 1; i < len(path); i++ {
			on := shared{key.Reader, key.Route, grid.Pair{From: path[i-1], To: path[i]}}
			once[on] = max(once[on], bytes)
		}
	}
	sent := map[grid.Pair]int64{}
	for on, bytes := range once {
		sent[on.pair] += bytes
	}
	return sent
}
