package orchestrator

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/orchestrator/deploy"
	"github.com/skyctl/skyctl/orchestrator/fleet"
	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/journal"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/places"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/rundir"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// MeasureRequest asks what regions can send to each other.
type MeasureRequest struct {
	Regions  []region.Region `json:"regions"`  // each to each
	Gateways int             `json:"gateways"` // a region; the first to the first, then the second to the second
	Seconds  int             `json:"seconds"`  // of each measurement
}

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

// between is the time that a measurement takes beyond its seconds: dialing,
// the second that does not count, the choice of a transport.
const between = 4 * time.Second

// PlanMeasure says what Measure would rent and cost. Nothing is contacted or
// created. Every error is wrong usage.
func (o *Orchestrator) PlanMeasure(req MeasureRequest) (MeasurePlan, error) {
	p, err := o.planMeasure(req)
	if err != nil {
		return MeasurePlan{}, err
	}
	return MeasurePlan{p.Regions, len(p.Routes), p.Time, p.Cost}, nil
}

// planMeasure is the overlay by which gateways are made for a measurement: a
// route for each ordered pair.
func (o *Orchestrator) planMeasure(req MeasureRequest) (*overlay.Overlay, error) {
	f, err := o.Figures(FigureFiles{})
	if err != nil {
		return nil, err
	}
	if err := o.checkMeasure(req, f); err != nil {
		return nil, &UsageError{Err: err}
	}
	p := &overlay.Overlay{}
	machines := map[region.Region]grid.Machine{}
	for _, r := range req.Regions {
		m, usd, err := o.strongest(r, f)
		if err != nil {
			return nil, &UsageError{Err: err}
		}
		machines[r] = m
		p.Regions = append(p.Regions, overlay.Region{Region: r, Gateways: req.Gateways, Machine: m.Type, USDPerHour: usd})
		p.Time.Provision = max(p.Time.Provision, provisioning[r.Cloud()].Seconds())
	}
	for _, from := range req.Regions {
		for _, to := range req.Regions {
			if from == to {
				continue
			}
			usd, err := f.Prices.Egress(from, to)
			if err != nil {
				return nil, &UsageError{Err: err}
			}
			believed := grid.Least(machines[from].Egress, machines[to].Ingress)
			if l, err := f.Grid.Link(from, to); err == nil {
				believed = grid.Least(believed, l.Gbps)
			}
			believed = cmp.Or(believed, grid.AssumedGbps)
			gb := float64(believed) / 8 * float64((req.Seconds+1)*req.Gateways)
			p.Cost.Egress += usd.USD * unit.USD(gb)
			p.Routes = append(p.Routes, overlay.Route{Path: []region.Region{from, to}, Gbits: believed, Tree: len(p.Routes)})
			p.Edges = append(p.Edges, overlay.Edge{From: from, To: to, Gbits: believed, USDPerGB: usd.USD,
				Connections: req.Gateways * grid.MeasureConnections(grid.Pair{From: from, To: to})})
		}
	}
	p.Time.Transfer = float64(len(p.Routes)*req.Gateways) * (time.Duration(req.Seconds)*time.Second + between).Seconds()
	for _, r := range p.Regions {
		p.Cost.Machines += r.USDPerHour * unit.USD(float64(r.Gateways)*p.Time.Total().Hours())
	}
	p.Cost.Total = p.Cost.Egress + p.Cost.Machines
	if long := p.Time.Total(); long > deploy.MaxLifetime {
		return nil, &UsageError{Err: fmt.Errorf("measuring takes about %v, and no gateway lives longer than %v", long.Round(time.Hour), deploy.MaxLifetime),
			Hint: "name fewer regions or gateways"}
	}
	return p, nil
}

func (o *Orchestrator) checkMeasure(req MeasureRequest, f Figures) error {
	known := append(f.Regions(), o.Config.Relays()...)
	for i, r := range req.Regions {
		switch {
		case r != region.Workstation && !slices.Contains(known, r):
			return fmt.Errorf("region %s is unknown; skyctl regions lists those of clouds, regions in the configuration adds your own", r)
		case slices.Contains(req.Regions[:i], r):
			return fmt.Errorf("region %s is given twice, name each once", r)
		case len(o.Config.Allow.Regions) > 0 && !slices.Contains(o.Config.Allow.Regions, r):
			return fmt.Errorf("%s is not in allow.regions, add it", r)
		}
	}
	switch most := o.Config.Limits.GatewaysPerRegion; {
	case len(req.Regions) < 2:
		return errors.New("a link joins two regions, name at least two")
	case req.Gateways < 1 || req.Gateways > most:
		return fmt.Errorf("%d gateways a region are not within 1 and %d, which limits.gateways_per_region allows", req.Gateways, most)
	case req.Seconds < 2 || req.Seconds > control.MaxMeasureSeconds: // one has no spread
		return fmt.Errorf("a pair is measured for 2 to %d whole seconds", control.MaxMeasureSeconds)
	}
	return nil
}

// strongest returns the machine type by which a region is measured, so that it
// is the way and not the machine: of those that are allowed the one that sends
// and receives most, of equal ones the cheapest.
func (o *Orchestrator) strongest(r region.Region, f Figures) (best grid.Machine, usd unit.USD, err error) {
	allowed := o.withAgent(o.Config.Allow.Machines)
	found := false
	unknown := fmt.Errorf("there is no machine for a gateway in %s; allow.machines may leave none", r)
	for _, m := range f.Grid.Machines(r) {
		if m.Type != "" && len(allowed) > 0 && !slices.Contains(allowed, m.Type) {
			continue
		}
		price, err := f.Prices.Machine(r, m.Type)
		if err != nil {
			unknown = err
			continue
		}
		can, most := grid.Least(m.Egress, m.Ingress), grid.Least(best.Egress, best.Ingress)
		if !found || can > most || (can == most && price.USD < usd) {
			best, usd, found = m, price.USD, true
		}
	}
	if !found {
		return best, 0, unknown
	}
	return best, usd, nil
}

// Measure brings gateways up in the regions, has each pair of them loaded, one
// pair after the other, keeps what that finds for later plans, and takes the
// gateways down. What was measured is kept and returned also where another pair
// fails, or Measure does. A *LeftoverError is in the chain where gateways may be
// left.
func (o *Orchestrator) Measure(ctx context.Context, req MeasureRequest) (res MeasureResult, err error) {
	start := time.Now()
	res = MeasureResult{Links: []MeasuredLink{}, Errors: []MeasureError{}, File: o.measuredGrid()}
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
	bytes := map[grid.Pair]int64{}
	out := a.withGateways(ctx, cfg, ApplyOptions{}, up, func(ctx context.Context, d *deploy.Deployment) error {
		o.begin(a.run, PhaseMeasure, fmt.Sprintf("%d pairs, about %v", len(a.saved.Overlay.Routes), time.Duration(a.saved.Overlay.Time.Transfer)*time.Second))
		return a.measurePairs(ctx, d, cfg.Layout, res, bytes)
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

// measurePairs measures one pair after the other, so that none is in another's
// way, and keeps each result at once. It fails only where going on makes no
// sense.
func (a *attempt) measurePairs(ctx context.Context, d *deploy.Deployment, l *layout.Layout, res *MeasureResult, received map[grid.Pair]int64) error {
	stated := a.o.Config.Grid()
	for _, e := range a.saved.Overlay.Edges {
		m, bytes, err := a.measurePair(ctx, d, l, e.Pair())
		received[e.Pair()] += bytes
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			res.Errors = append(res.Errors, MeasureError{e.From, e.To, err.Error()})
			a.o.observe(a.run, Progress{Line: fmt.Sprintf("%s: %v", e.Pair(), err)})
			continue
		}
		if err := a.o.keepMeasurement(m); err != nil {
			return err
		}
		was, lerr := stated.Link(e.From, e.To)
		link := MeasuredLink{e.From, e.To, m.Gbps, m.Spread, m.RTT.Seconds() * 1000, m.Connections, m.Transport, m.At, lerr == nil && !was.Assumed}
		res.Links = append(res.Links, link)
		a.o.observe(a.run, Progress{Line: fmt.Sprintf("%s: %s ± %.0f %%, %s", e.Pair(), m.Gbps.Human(), 100*m.Spread, m.Transport)})
	}
	return nil
}

// measurePair loads the way between two regions, from their first gateways on,
// and returns what that found and how much arrived.
func (a *attempt) measurePair(ctx context.Context, d *deploy.Deployment, l *layout.Layout, pair grid.Pair) (m grid.Measurement, arrived int64, err error) {
	from, to := l.In(pair.From), l.In(pair.To)
	connections, transport := grid.MeasureConnections(pair), ""
	var gbps []float64
	var rtt time.Duration
	at := d.Addresses()
	for i := range from {
		if chosen := fleet.Probe(ctx, d.API(from[i]), at[from[i]], to[i], at[to[i]]); i == 0 {
			transport = chosen
		}
		found, err := d.API(from[i]).Measure(ctx, control.MeasureRequest{Peer: to[i], Address: at[to[i]],
			Transport: transport, Connections: connections, Seconds: a.saved.Measure.Seconds})
		if err != nil {
			return m, arrived, fmt.Errorf("%s to %s: %w", from[i], to[i], err)
		}
		arrived += found.Bytes
		gbps = append(gbps, found.Gbps...)
		if i == 0 || found.RTT < rtt {
			rtt = found.RTT.Round(time.Microsecond)
		}
	}
	m, err = grid.Summarise(pair, gbps, rtt, connections, transport, time.Now().UTC().Truncate(time.Second))
	return m, arrived, err
}

// keepMeasurement puts a measurement in the place of the pair's earlier one.
func (o *Orchestrator) keepMeasurement(m grid.Measurement) error {
	return o.Home.Exclusive("measured", func() error {
		all, err := o.measurements()
		if err != nil {
			return err
		}
		all[m.Pair] = m
		var text bytes.Buffer
		if err := all.Write(&text); err != nil {
			return err
		}
		return rundir.WriteFile(o.measuredGrid(), text.Bytes())
	})
}
