package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/skyctl/skyctl/orchestrator"
	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/measure"
	"github.com/skyctl/skyctl/orchestrator/region"
)

type gridMeasureCmd struct {
	Regions  []region.Region `arg:"" name:"region" help:"The regions, at least two: each is measured to each other."`
	Gateways int             `default:"1" placeholder:"N" help:"Gateways a region; the second of one is measured to the second of the other, and so on."`
	Duration time.Duration   `default:"5s" placeholder:"DURATION" help:"How long each pair is loaded, in whole seconds, 2 to 60."`
}

type measureDoc struct {
	orchestrator.MeasureResult
	outcome
}

// pairsError is a measurement that finished although pairs failed in it.
type pairsError struct{ failed, pairs int }

func (e *pairsError) Error() string {
	return fmt.Sprintf("%d of %s could not be measured", e.failed, quantity(e.pairs, "pair"))
}

func (c *gridMeasureCmd) Run(ctx context.Context, s service, g *globals, out *console) error {
	if c.Duration%time.Second != 0 {
		return wrongUsage("--duration is in whole seconds, such as 5s")
	}
	req := measure.Request{Regions: c.Regions, Gateways: c.Gateways, Seconds: int(c.Duration / time.Second)}
	plan, err := s.PlanMeasure(req)
	if err != nil {
		return err
	}
	if !g.Yes {
		if err := canAsk("add --yes"); err != nil {
			return err
		}
	}
	if !g.Yes || !g.JSON {
		if err := out.show(measurePlanView(plan)); err != nil {
			return err
		}
	}
	if !g.Yes {
		if err := confirm(ctx, "Measure?"); err != nil {
			return err
		}
	}
	res, err := s.Measure(ctx, req)
	if err == nil && len(res.Errors) > 0 {
		err = &pairsError{len(res.Errors), plan.Pairs}
	}
	out.answer(&measureDoc{res, outcome{Success: err == nil}}, func(w io.Writer) error { return measureView(w, res) })
	return err
}

func measurePlanView(p orchestrator.MeasurePlan) view {
	return func(w io.Writer) error {
		return columns(w, func(w io.Writer) {
			rows(w, "measures", []string{quantity(p.Pairs, "pair") + ", one after the other"})
			rows(w, "gateways", gatewayRows(p.Regions))
			rows(w, "time", []string{fmt.Sprintf("about %s: %s to provision, %s to measure", seconds(p.Time.Provision+p.Time.Transfer),
				seconds(p.Time.Provision), seconds(p.Time.Transfer))})
			rows(w, "cost", []string{fmt.Sprintf("about %s: egress %s, machines %s", p.Cost.Total, p.Cost.Egress, p.Cost.Machines)})
		})
	}
}

func measureView(w io.Writer, r orchestrator.MeasureResult) error {
	if len(r.Links)+len(r.Errors) == 0 {
		return nil
	}
	stated := false
	err := columns(w, func(w io.Writer) {
		fmt.Fprintln(w, "\nFROM\tTO\tRATE\tSPREAD\tRTT\tCONNECTIONS")
		for _, l := range r.Links {
			stated = stated || l.Stated
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%.4g ms\t%d %s\n", l.From, l.To, l.Gbits.Human(), spread(l.Spread), l.RTTMs, l.Connections, l.Transport)
		}
		for _, e := range r.Errors {
			fmt.Fprintf(w, "%s\t%s\t%s\n", e.From, e.To, printable(oneLine(e.Error)))
		}
		fmt.Fprintf(w, "\ncost\t%s (planned %s)\n", r.Cost.Actual, r.Cost.Estimated)
	})
	if err == nil && len(r.Links) > 0 {
		_, err = fmt.Fprintf(w, "\nKept in %s: for %d days plans believe it before what was imported.\n", r.File, grid.Fresh/(24*time.Hour))
	}
	if err == nil && stated {
		_, err = fmt.Fprintln(w, "What links: in the configuration states of a pair goes before all of it.")
	}
	return err
}

// spread is how far seconds of a measurement are from their median.
func spread(x float64) string { return fmt.Sprintf("± %.2g %%", 100*x) }

// measured says how old and how sure a measurement is.
func measured(at time.Time, off float64) string {
	return fmt.Sprintf("measured %s ago, %s", span(time.Since(at)), spread(off))
}

// span is a time span that people compare with days.
func span(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", max(0, d/time.Second))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}
