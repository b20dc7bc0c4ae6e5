package cli

import "context"

type planCmd struct {
	transferFlags
}

func (c *planCmd) Run(ctx context.Context, s service, out *console) error {
	req, err := c.request()
	if err != nil {
		return err
	}
	plan, err := s.Plan(ctx, req)
	if err != nil {
		return err
	}
	out.answer(plan, planView(plan, true))
	return nil
}
