package places

import (
	"context"
	"fmt"
	"slices"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/open"
	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/rundir"
)

// Delegate is how an agent of a run opens one of the places: with credentials for
// the run's keys alone, as far as its store gives some. whole says why they are
// not.
func (p *Places) Delegate(ctx context.Context, run rundir.ID, l config.Location, write bool) (_ objstore.Config, whole string, err error) {
	l.Config.Run = string(run)
	cfg, whole, err := open.Delegate(ctx, l.Config, objstore.Scope{Prefix: l.Key, Exact: !p.asked.Recursive, Write: write, Role: p.role})
	if err != nil {
		return cfg, "", Refused(err, l)
	}
	return cfg, whole, nil
}

// Entrusted warns of stores whose credentials would leave this machine as they are
// found here, if the copy took some routes. It makes them as a run does, so that
// what cannot be made is known before anything is created.
func (p *Places) Entrusted(ctx context.Context, run rundir.ID, routes []overlay.Route) (warnings []string, err error) {
	for i, l := range append([]config.Location{p.Source}, p.Dests...) {
		elsewhere := slices.ContainsFunc(routes, func(r overlay.Route) bool {
			end := r.Path[0] // reads
			if i > 0 {
				end = r.Path[len(r.Path)-1]
			}
			return end.Cloud() != region.Local && (i == 0 || r.Dest == i-1)
		})
		if !elsewhere {
			continue
		}
		_, whole, err := p.Delegate(ctx, run, l, i > 0)
		if err != nil {
			return nil, err
		}
		if whole != "" {
			warnings = append(warnings, fmt.Sprintf("%s: the gateways get credentials that are not limited to this transfer: %s", l.URL, whole))
		}
	}
	return warnings, nil
}
