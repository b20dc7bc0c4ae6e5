package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/planner"
	"github.com/skyctl/skyctl/orchestrator/price"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// EstimateRequest is a transfer between regions, without stores or objects.
type EstimateRequest struct {
	From  region.Region
	To    []region.Region
	Size  unit.Bytes
	Files FigureFiles
	Goals Goals

	// Provision is the forecast of how long gateways take to come up in any
	// cloud; nil: what is known of each.
	Provision *time.Duration
	Pareto    bool // the frontier too
}

// Goals are what is asked of a plan.
type Goals struct {
	MinThroughput unit.Gbps
	MaxCost       *unit.USD
	MaxTime       time.Duration
	Mode          planner.Mode
	Gateways      *int // nil: the planner decides; 0: none
}

// Estimate is the document of estimate: a plan without a run.
type Estimate struct {
	Bytes unit.Bytes `json:"bytes"`
	overlay.Overlay
	Pareto []Point `json:"pareto,omitempty"`
}

// Estimate plans a transfer and forgets it. Nothing is contacted.
//
// Goals that cannot be reached, and regions that no known link joins or for
// which there is no machine, are a *planner.Infeasible; every other error is
// wrong usage.
func (o *Orchestrator) Estimate(ctx context.Context, req EstimateRequest) (Estimate, error) {
	f, err := o.Figures(req.Files)
	if err != nil {
		return Estimate{}, err
	}
	if err := o.checkEstimate(req, f); err != nil {
		return Estimate{}, &UsageError{Err: err}
	}
	job := planner.Job{Sources: []region.Region{req.From}, Bytes: req.Size,
		MinThroughput: req.Goals.MinThroughput, MaxCost: req.Goals.MaxCost, MaxTime: req.Goals.MaxTime,
		Mode: req.Goals.Mode, Gateways: req.Goals.Gateways}
	for _, to := range req.To {
		job.Dests = append(job.Dests, []region.Region{to})
	}
	limits := o.limits(append(slices.Clone(req.To), req.From))
	if req.Files.Grid != "" {
		limits.Relays = f.Grid.Regions()
	}
	if req.Provision != nil {
		limits.Provision = map[region.Cloud]time.Duration{}
		for _, c := range region.Clouds {
			limits.Provision[c] = *req.Provision
		}
	}
	plan, err := planner.Solve(ctx, job, f.Grid, f.Prices, limits)
	if err != nil {
		return Estimate{}, unreachable(req, err)
	}
	e := Estimate{Bytes: req.Size, Overlay: plan}
	if req.Pareto {
		e.Pareto, err = frontier(ctx, job, f, limits)
	}
	return e, err
}

// checkEstimate refuses what makes no sense as a transfer.
func (o *Orchestrator) checkEstimate(req EstimateRequest, f Figures) error {
	if req.Size <= 0 {
		return errors.New("a size of 0 is nothing to transfer, give --size such as 1TB")
	}
	if left := req.Goals.MaxTime; left > 0 && req.Goals.MinThroughput > 0 {
		if req.Provision != nil {
			left -= *req.Provision
		}
		if req.Goals.MinThroughput.Time(req.Size) > left+time.Microsecond {
			return fmt.Errorf("--min-throughput %s and --max-time %s contradict each other for %s: ask for more throughput, or give it more time",
				req.Goals.MinThroughput, req.Goals.MaxTime, req.Size)
		}
	}
	known := f.Regions()
	for i, r := range append([]region.Region{req.From}, req.To...) {
		switch {
		case r != region.Workstation && !slices.Contains(known, r):
			return fmt.Errorf("region %s is unknown; skyctl regions lists those of clouds, regions in the configuration adds your own", r)
		case i > 0 && (r == req.From || slices.Contains(req.To[:i-1], r)):
			return fmt.Errorf("region %s is given twice, name each once", r)
		}
	}
	return nil
}

// unreachable tells what the planner's errors are of an estimate, where they
// are about figures that the user chose.
func unreachable(req EstimateRequest, err error) error {
	var infeasible *planner.Infeasible
	var link *grid.UnknownError
	var usd *price.UnknownError
	switch {
	case errors.As(err, &infeasible), errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &link), errors.As(err, &usd):
		return &planner.Infeasible{Goal: fmt.Sprintf("%s > %s", req.From, joined(req.To)), Nearest: err.Error(),
			Hint: "name other regions, or give figures that have them"}
	}
	return &UsageError{Err: err}
}

func joined(regions []region.Region) string {
	text := ""
	for i, r := range regions {
		if i > 0 {
			text += ", "
		}
		text += string(r)
	}
	return text
}
