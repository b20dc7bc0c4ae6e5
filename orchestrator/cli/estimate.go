package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/skyctl/skyctl/orchestrator/basis"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/quote"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

type estimateCmd struct {
	From region.Region   `required:"" placeholder:"REGION" help:"Where the data is, such as aws:us-east-1."`
	To   []region.Region `required:"" placeholder:"REGION" help:"Where it is to go; several, with commas between them, all get it."`
	Size unit.Bytes      `required:"" placeholder:"SIZE" help:"How much, such as 1TB."`

	goalFlags
	frontierFlags

	Grid          string         `placeholder:"FILE" help:"Links: CSV with the columns src,dst,gbps and maybe rtt_ms, instead of what is imported and built in. Pairs that it does not have are none."`
	Prices        string         `placeholder:"FILE" help:"Egress: CSV with the columns src,dst,usd_per_gb, instead of list prices."`
	Machines      string         `placeholder:"FILE" help:"Machines: CSV with the columns cloud,type,egress_gbps,ingress_gbps,usd_per_hour, instead of the catalogue."`
	ProvisionTime *time.Duration `placeholder:"DURATION" help:"How long gateways take to come up, such as 90s. By default what is known of each cloud."`
}

func (c *estimateCmd) Run(ctx context.Context, s service, out *console) error {
	pareto, err := c.wanted()
	if err != nil {
		return err
	}
	goals, err := c.goals()
	if err != nil {
		return err
	}
	if c.ProvisionTime != nil && *c.ProvisionTime < 0 {
		return wrongUsage("--provision-time is a time from 0s")
	}
	e, err := s.Estimate(ctx, quote.Request{
		From: c.From, To: c.To, Size: c.Size, Pareto: pareto, Provision: c.ProvisionTime,
		Files: basis.Files{Grid: c.Grid, Prices: c.Prices, Machines: c.Machines},
		Goals: goals,
	})
	if err != nil {
		return err
	}
	title := fmt.Sprintf("%s from %s to %s", c.Size.Human(), c.From, regionsText(c.To))
	out.answer(e, both(estimateView(title, e.Overlay), frontierView(e.Pareto)))
	return c.write(e.Pareto, title)
}

func regionsText(regions []region.Region) string {
	var names []string
	for _, r := range regions {
		names = append(names, string(r))
	}
	return strings.Join(names, ", ")
}

// estimateView shows a plan of which nothing is kept.
func estimateView(title string, o overlay.Overlay) view {
	return func(w io.Writer) error {
		if _, err := fmt.Fprintf(w, "%s\n\n", title); err != nil {
			return err
		}
		return columns(w, func(w io.Writer) { overlayRows(w, o) })
	}
}

// both shows one text after the other.
func both(first, second view) view {
	return func(w io.Writer) error {
		if err := first(w); err != nil {
			return err
		}
		return second(w)
	}
}
