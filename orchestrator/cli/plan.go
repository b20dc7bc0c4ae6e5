package cli

import (
	"context"
	"fmt"
)

type planCmd struct {
	transferFlags
	frontierFlags
}

func (c *planCmd) Run(ctx context.Context, s service, out *console) error {
	req, err := c.request()
	if err != nil {
		return err
	}
	if req.Pareto, err = c.wanted(); err != nil {
		return err
	}
	plan, err := s.Plan(ctx, req)
	if err != nil {
		return err
	}
	out.answer(plan, both(planView(plan, out.usable("skyctl apply "+string(plan.Run))), frontierView(plan.Pareto)))
	return c.write(plan.Pareto, fmt.Sprintf("Run %s: %s", plan.Run, plan.Bytes.Human()))
}
