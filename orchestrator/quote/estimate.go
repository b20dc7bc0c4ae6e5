package quote

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/skyctl/skyctl/orchestrator/basis"
	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/failure"
	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/planner"
	"github.com/skyctl/skyctl/orchestrator/price"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// Request is a transfer between regions, without stores or objects.
type Request struct {
	From  region.Region
	To    []region.Region
	Size  unit.Bytes
	Files basis.Files
	Goals Goals

	// Provision is the forecast of how long gateways take to come up in any
	// cloud; nil: what is known of each.
	Provision *time.Duration
	Pareto    bool // the frontier too
}

// Estimate is the document of estimate: a plan without a run.
type Estimate struct {
	Bytes unit.Bytes `json:"bytes"`
	overlay.Overlay
	Pareto []Point `json:"pareto,omitempty"`
}

// Between plans a transfer between regions and forgets it. Nothing is contacted.
//
// Goals that cannot be reached, and regions that no known link joins or for
// which there is no machine, are a *planner.Infeasible; every other error is
// wrong usage.
func Between(ctx context.Context, c *config.Config, f basis.Figures, req Request) (Estimate, error) {
	if err := check(req, f); err != nil {
		return Estimate{}, &failure.UsageError{Err: err}
	}
	job := req.Goals.job()
	job.Sources, job.Bytes = []region.Region{req.From}, req.Size
	for _, to := range req.To {
		job.Dests = append(job.Dests, []region.Region{to})
	}
	limits := basis.Limits(c, append(slices.Clone(req.To), req.From))
	if req.Files.Grid != "" {
		limits.Relays = f.Grid.Regions()
	}
	if req.Provision != nil {
		limits.Provision = map[region.Cloud]time.Duration{}
		for _, cloud := range region.Clouds {
			limits.Provision[cloud] = *req.Provision
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

// check refuses what makes no sense as a transfer.
func check(req Request, f basis.Figures) error {
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
func unreachable(req Request, err error) error {
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
	return &failure.UsageError{Err: err}
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
