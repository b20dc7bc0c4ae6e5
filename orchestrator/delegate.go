package orchestrator

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

// delegate is how an agent of a run opens a place: with credentials for the
// run's keys alone, as far as its store gives some. whole says why they are not.
func (o *Orchestrator) delegate(ctx context.Context, run *rundir.Run, req Request, l config.Location, write bool) (_ objstore.Config, whole string, err error) {
	l.Config.Run = string(run.ID)
	cfg, whole, err := open.Delegate(ctx, l.Config, objstore.Scope{Prefix: l.Key, Exact: !req.Recursive, Write: write, Role: o.Config.Clouds.AWS.AssumeRole})
	if err != nil {
		return cfg, "", &PreconditionError{Err: err, Hint: hintFor(err, l)}
	}
	return cfg, whole, nil
}

// entrusted warns of stores whose credentials would leave this machine as they
// are found here. It makes them as a run does, so that what cannot be made is
// known before anything is created.
func (o *Orchestrator) entrusted(ctx context.Context, run *rundir.Run, p *places, s *saved) (warnings []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	for i, l := range append([]config.Location{p.source}, p.dests...) {
		elsewhere := slices.ContainsFunc(s.Overlay.Routes, func(r overlay.Route) bool {
			end := r.Path[0] // reads
			if i > 0 {
				end = r.Path[len(r.Path)-1]
			}
			return end.Cloud() != region.Local && (i == 0 || r.Dest == i-1)
		})
		if !elsewhere {
			continue
		}
		_, whole, err := o.delegate(ctx, run, s.Request, l, i > 0)
		if err != nil {
			return nil, err
		}
		if whole != "" {
			warnings = append(warnings, fmt.Sprintf("%s: the gateways get credentials that are not limited to this transfer: %s", l.URL, whole))
		}
	}
	return warnings, nil
}
