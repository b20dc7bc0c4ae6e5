package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/skyctl/skyctl/orchestrator/basis"
	"github.com/skyctl/skyctl/orchestrator/deploy"
	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/journal"
	"github.com/skyctl/skyctl/orchestrator/measure"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/places"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/rundir"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// MeasurePlan is what measuring needs.
type MeasurePlan struct {
	Regions []overlay.Region `json:"regions"`
	Pairs   int              `json:"pairs"`
	Time    overlay.Time     `json:"time_s"`
	Cost    overlay.Cost     `json:"cost"` // at the rates that are believed now
}

// MeasureResult is what measuring found. It has a Run, with a directory, only
// where something went wrong.
type MeasureResult struct {
	Run    rundir.ID      `json:"run,omitempty"`
	Links  []MeasuredLink `json:"links"`
	Errors []MeasureError `json:"errors"`
	Cost   Cost           `json:"cost"`
	TotalS float64        `json:"total_runtime_s"`
	File   string         `json:"file"` // where the links are kept
}

// MeasuredLink is one pair that was measured.
type MeasuredLink struct {
	From        region.Region `json:"from"`
	To          region.Region `json:"to"`
	Gbits       unit.Gbps     `json:"gbits"` // the median of all seconds
	Spread      float64       `json:"spread"`
	RTTMs       float64       `json:"rtt_ms"` // under load
	Connections int           `json:"connections"`
	Transport   string        `json:"transport"`
	Measured    time.Time     `json:"measured"`
	// Stated tells that the configuration states this link: plans believe that.
	Stated bool `json:"stated"`
}

// MeasureError is one pair that could not be measured.
type MeasureError struct {
	From  region.Region `json:"from"`
	To    region.Region `json:"to"`
	Error string        `json:"error"`
}

// PlanMeasure says what Measure would rent and cost. Nothing is contacted or
// created. Every error is wrong usage.
func (o *Orchestrator) PlanMeasure(req measure.Request) (MeasurePlan, error) {
	p, err := o.planMeasure(req)
	if err != nil {
		return MeasurePlan{}, err
	}
	return MeasurePlan{p.Regions, len(p.Routes), p.Time, p.Cost}, nil
}

func (o *Orchestrator) planMeasure(req measure.Request) (*overlay.Overlay, error) {
	f, err := o.Figures(basis.Files{})
	if err != nil {
		return nil, err
	}
	return measure.Plan(req, o.Config, f)
}

// Measure brings gateways up in the regions, has each pair of them loaded, one
// pair after the other, keeps what that finds for later plans, and takes the
// gateways down. What was measured is kept and returned also where another pair
// fails, or Measure does. A *LeftoverError is in the chain where gateways may be
// left.
func (o *Orchestrator) Measure(ctx context.Context, req measure.Request) (res MeasureResult, err error) {
	start := time.Now()
	res = MeasureResult{Links: []MeasuredLink{}, Errors: []MeasureError{}, File: basis.MeasuredFile(o.Home)}
	plan, err := o.planMeasure(req)
	if err != nil {
		return res, err
	}
	res.Cost.Estimated = plan.Cost.Total
	run, err := o.Home.Create(start)
	if err != nil {
		return res, &PreconditionError{Err: err, Hint: "set SKYCTL_HOME to a directory that can be written"}
	}
	lock, err := run.Lock()
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	defer func() {
		res.TotalS = time.Since(start).Seconds()
		if (err == nil && len(res.Errors) == 0) || !rendered(run) {
			err = errors.Join(err, os.RemoveAll(run.Dir)) // it has nothing that is not in res
			return
		}
		res.Run = run.ID
	}()
	j, err := journal.Create(ctx, run.Journal())
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	s := &saved{Created: start.UTC(), Overlay: *plan, Measure: &req, Request: Request{Copy: places.Copy{Source: "grid measure"}}}
	for _, r := range req.Regions {
		s.Request.Dests = append(s.Request.Dests, string(r))
	}
	err = o.measure(ctx, &attempt{o: o, run: run, saved: s, journal: j, start: start}, &res)
	return res, err
}

func (o *Orchestrator) measure(ctx context.Context, a *attempt, res *MeasureResult) error {
	cfg, err := o.deployment(a.run, a.saved)
	if err != nil {
		return err
	}
	a.saved.Accounts = o.accounts(cfg.Layout)
	if err := rundir.WriteJSON(savedFile(a.run), a.saved); err != nil {
		return err
	}
	up := func(ctx context.Context, d *deploy.Deployment) error {
		if err := d.Apply(ctx, nil); err != nil && ctx.Err() == nil {
			return &PreconditionError{Err: fmt.Errorf("the gateways did not come up: %w", err), Hint: "what Terraform and the agents wrote is in " + a.run.Logs()}
		} else if err != nil {
			return context.Cause(ctx)
		}
		return nil
	}
	var bytes map[grid.Pair]int64
	out := a.withGateways(ctx, cfg, ApplyOptions{}, up, func(ctx context.Context, d *deploy.Deployment) (err error) {
		o.begin(a.run, PhaseMeasure, fmt.Sprintf("%d pairs, about %v", len(a.saved.Overlay.Routes), time.Duration(a.saved.Overlay.Time.Transfer)*time.Second))
		bytes, err = measure.Pairs(ctx, d, cfg.Layout, a.saved.Measure.Seconds, a.toldOf(res))
		return err
	})
	ended := context.WithoutCancel(ctx)
	rented, cerr := a.ledger().TimeRented(ended)
	// The run stays only where something failed.
	cerr = errors.Join(cerr, a.journal.Set(keyState, string(StateFailed)))
	for _, r := range a.saved.Overlay.Regions {
		res.Cost.Actual += r.USDPerHour * unit.USD(float64(r.Gateways)*rented.Hours())
	}
	for _, e := range a.saved.Overlay.Edges {
		res.Cost.Actual += e.USDPerGB * unit.USD(float64(bytes[e.Pair()])/float64(unit.GB))
	}
	return errors.Join(out.err, out.down, out.untidy, cerr)
}

// toldOf puts what becomes of each pair in the result, and keeps what was found at
// once.
func (a *attempt) toldOf(res *MeasureResult) measure.Told {
	stated := a.o.Config.Grid()
	return measure.Told{
		Found: func(m grid.Measurement) error {
			if err := basis.Keep(a.o.Home, m); err != nil {
				return err
			}
			was, err := stated.Link(m.Pair.From, m.Pair.To)
			res.Links = append(res.Links, MeasuredLink{m.Pair.From, m.Pair.To, m.Gbps, m.Spread, m.RTT.Seconds() * 1000, m.Connections, m.Transport, m.At, err == nil && !was.Assumed})
			a.o.observe(a.run, Progress{Line: fmt.Sprintf("%s: %s ± %.0f %%, %s", m.Pair, m.Gbps.Human(), 100*m.Spread, m.Transport)})
			return nil
		},
		Failed: func(p grid.Pair, err error) {
			res.Errors = append(res.Errors, MeasureError{p.From, p.To, err.Error()})
			a.o.observe(a.run, Progress{Line: fmt.Sprintf("%s: %v", p, err)})
		},
	}
}
