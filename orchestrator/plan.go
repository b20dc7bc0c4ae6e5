package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/skyctl/skyctl/agent"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/deploy"
	"github.com/skyctl/skyctl/orchestrator/journal"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/rundir"
	"github.com/skyctl/skyctl/orchestrator/transfer"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// Plan lists the source, solves for an overlay, renders it, and asks Terraform
// what it would do. The run is saved for Apply. Nothing is created but the run
// directory, and that not either if Plan fails.
func (o *Orchestrator) Plan(ctx context.Context, req Request) (plan Plan, err error) {
	start := time.Now()
	run, s, err := o.prepare(ctx, req, o.fit)
	if err != nil {
		return Plan{}, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(run.Dir))
		}
	}()
	lock, err := run.Lock()
	if err != nil {
		return Plan{}, err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	j, err := journal.Open(ctx, run.Journal())
	if err != nil {
		return Plan{}, err
	}
	defer func() { err = errors.Join(err, j.Close()) }()

	if plan, err = o.settle(ctx, run, j, s); err != nil {
		return Plan{}, err
	}
	o.fresh = run.ID
	return plan, j.Count(counterRuntime, int64(time.Since(start)))
}

// settle has Terraform plan what was solved, asks whoever may refuse it, and
// keeps it for who applies it.
func (o *Orchestrator) settle(ctx context.Context, run *rundir.Run, j *journal.Journal, s *saved) (Plan, error) {
	if !s.Overlay.Inside() {
		if err := o.preview(ctx, run, s); err != nil {
			return Plan{}, err
		}
	}
	counts, err := j.Counts(ctx)
	if err != nil {
		return Plan{}, err
	}
	plan := Plan{Run: run.ID, Objects: counts.Listed, Bytes: unit.Bytes(counts.ListedBytes), Overlay: s.Overlay, Pareto: s.Pareto,
		Warnings: slices.Concat(s.Warnings, s.Unasked)}
	if s.Preview != nil {
		plan.Terraform = TerraformPlan{Dir: run.Terraform(), Changes: s.Preview.Changes}
	}
	s.Created = time.Now().UTC()
	if err := rundir.WriteJSON(run.Plan(), plan); err != nil {
		return Plan{}, err
	}
	if err := o.afterPlan(ctx, run.Plan()); err != nil {
		return Plan{}, err
	}
	return plan, rundir.WriteJSON(savedFile(run), s)
}

// fitting changes an overlay until it fits, nil where it need not.
type fitting func(context.Context, *places, transfer.Listing, *rundir.Run, *saved) error

// prepare makes a run with its listing and its overlay. It leaves no run
// behind if it fails.
func (o *Orchestrator) prepare(ctx context.Context, req Request, fit fitting) (run *rundir.Run, s *saved, err error) {
	p, err := o.resolve(req)
	if err != nil {
		return nil, nil, err
	}
	if err := o.open(ctx, p); err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	if run, err = o.Home.Create(time.Now()); err != nil {
		return nil, nil, &PreconditionError{Err: err, Hint: "set SKYCTL_HOME to a directory that can be written"}
	}
	defer func(dir string) {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}(run.Dir)
	s = &saved{Request: req, Warnings: p.warnings}
	listing, err := o.list(ctx, run, req, p)
	if err != nil {
		return nil, nil, err
	}
	s.Fingerprint = listing.Fingerprint
	s.Warnings = append(s.Warnings, p.omitted()...)
	o.begin(run, PhaseSolve, "")
	if err := o.solve(ctx, p, listing, s); err != nil || fit == nil {
		return run, s, err
	}
	if err := fit(ctx, p, listing, run, s); err != nil {
		return run, s, err
	}
	whole, err := o.entrusted(ctx, run, p, s)
	s.Warnings = append(s.Warnings, whole...)
	return run, s, err
}

// list streams the source's listing into the run's new journal.
func (o *Orchestrator) list(ctx context.Context, run *rundir.Run, req Request, p *places) (l transfer.Listing, err error) {
	o.begin(run, PhaseList, req.Source)
	j, err := journal.Create(ctx, run.Journal())
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	cfg := transfer.ListConfig{Journal: j, Source: p.sourceBucket, Events: o.events(run, nil)}
	if req.Recursive {
		cfg.Prefix = p.source.Key
	} else {
		cfg.Key = p.source.Key
	}
	for i, m := range p.mappings {
		if err := j.SetDestination(route.Dest(i), req.Dests[i]); err != nil {
			return l, err
		}
		cfg.Dests = append(cfg.Dests, transfer.ListDest{Map: mapping(m, req.Filters), Limits: held(p.destBuckets[i].Limits(), int64(o.Config.Limits.Memory))})
	}
	l, err = transfer.List(ctx, cfg)
	if err != nil && (req.Recursive || objstore.KindOf(err) != objstore.KindNotFound) {
		return l, &PreconditionError{Err: err, Hint: hintFor(err, p.source)}
	}
	if l.Objects == 0 {
		hint := "check the prefix, and --include and --exclude"
		if !req.Recursive {
			hint = "check the key; add -r to take everything below it"
		}
		return l, &PreconditionError{Err: fmt.Errorf("nothing was found at %s", req.Source), Hint: hint}
	}
	return l, nil
}

// held bounds the parts of a store that wants them whole by what an agent has
// room for, so that an object which needs larger ones is refused when it is
// listed, and not when gateways wait for it.
func held(l objstore.Limits, memory int64) objstore.Limits {
	if most := agent.PartShare(memory); l.Buffered && (l.MaxPart == 0 || l.MaxPart > most) {
		l.MaxPart = most
	}
	return l
}

// chunkSize is what the user asked for, or the default, within what an agent's
// memory has room for at a store that wants whole parts: for two. By default it is
// for two of each reader, or they would wait for each other, once the layout is
// known; until then it is nil.
func (o *Orchestrator) chunkSize(req Request, bytes int64, routes int, l *layout.Layout, dests []objstore.Bucket) (int64, error) {
	room := agent.PartShare(int64(o.Config.Limits.Memory))
	most := room / 2
	size := int64(req.ChunkSize)
	if size == 0 {
		size = transfer.DefaultChunkSize(bytes, routes)
		if l != nil {
			most = max(l.Part(room)/2, transfer.MinChunk)
		}
	}
	for _, b := range dests {
		if !b.Limits().Buffered || size <= most {
			continue
		}
		if req.ChunkSize != 0 {
			return 0, &UsageError{Err: fmt.Errorf("chunks of %v do not fit into agents with %v of memory", req.ChunkSize, o.Config.Limits.Memory),
				Hint: "raise limits.memory to four times the chunk size, or lower --chunk-size"}
		}
		size = most
	}
	return size, nil
}

// preview renders the run's root module and has Terraform plan it.
func (o *Orchestrator) preview(ctx context.Context, run *rundir.Run, s *saved) error {
	cfg, err := o.deployment(run, s)
	if err != nil {
		return err
	}
	o.begin(run, PhaseRender, strconv.Itoa(s.Overlay.Places())+" regions")
	d, err := deploy.New(ctx, cfg)
	if err != nil {
		return &PreconditionError{Err: err}
	}
	o.begin(run, PhasePreview, "")
	if s.Preview, err = d.Preview(ctx); err != nil {
		err = &PreconditionError{Err: err}
	}
	return errors.Join(err, d.Close())
}

func (o *Orchestrator) deployment(run *rundir.Run, s *saved) (deploy.Config, error) {
	l, err := layout.Build(&s.Overlay, len(s.Request.Dests))
	if err != nil {
		return deploy.Config{}, err
	}
	return deploy.Config{Run: run, Layout: l, Settings: o.Config, AgentPath: o.AgentPath,
		CacheDir: o.terraformCache(), Lock: filepath.Join(o.Home.Dir(), "providers.lock.hcl"), Lifetime: deploy.Lifetime(s.Overlay.Time.Total()), Zones: s.Zones, Grows: s.Request.Adapt,
		Say: func(note string) { o.begin(run, PhaseProvision, note) }}, nil
}

// Discard forgets a run that was planned and nothing more.
func (o *Orchestrator) Discard(id rundir.ID) (err error) {
	run, err := o.Home.Open(string(id))
	if err != nil {
		return err
	}
	lock, err := run.Lock()
	if err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(run.Dir), lock.Unlock())
}
