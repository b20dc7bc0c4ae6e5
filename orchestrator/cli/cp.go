package cli

import (
	"context"
	"errors"

	"github.com/skyctl/skyctl/orchestrator"
)

type cpCmd struct {
	transferFlags
	applyFlags
	DryRun bool `help:"Plan, print the plan, and forget it."`
}

func (c *cpCmd) Run(ctx context.Context, s service, g *globals, out *console) error {
	req, err := c.request()
	if err != nil {
		return err
	}
	if c.Adapt && c.Gateways != nil && *c.Gateways == 0 {
		return wrongUsage("--adapt adds gateways, and --gateways 0 wants none")
	}
	ask := !g.Yes && !c.DryRun
	if ask {
		if err := canAsk("add --yes, or look at the plan first: skyctl plan, then skyctl apply"); err != nil {
			return err
		}
	}
	plan, err := s.Plan(ctx, req)
	if err != nil {
		return err
	}
	if c.DryRun {
		out.answer(plan, planView(plan, ""))
		return s.Discard(plan.Run)
	}
	if err := c.agree(ctx, ask, plan, g, out); err != nil {
		return errors.Join(err, s.Discard(plan.Run))
	}
	return out.result(s.Apply(ctx, plan.Run, c.options()))
}

// agree shows the plan to whoever may be watching, and asks.
func (c *cpCmd) agree(ctx context.Context, ask bool, plan orchestrator.Plan, g *globals, out *console) error {
	if ask || !g.JSON {
		if err := out.show(planView(plan, "")); err != nil {
			return err
		}
	}
	if !ask {
		return nil
	}
	return confirm(ctx, "Carry it out?")
}
