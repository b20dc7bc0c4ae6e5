package cli

import (
	"context"
	"fmt"
	"io"
)

type renderCmd struct {
	Out string `required:"" placeholder:"DIR" help:"Where to write it."`
	transferFlags
}

type renderDoc struct {
	Dir string `json:"dir"`
	outcome
}

func (c *renderCmd) Run(ctx context.Context, s service, out *console) error {
	req, err := c.request()
	if err != nil {
		return err
	}
	if err := s.Render(ctx, req, c.Out); err != nil {
		return err
	}
	out.answer(&renderDoc{c.Out, outcome{Success: true}}, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "The root module is in %s.\n", c.Out)
		return err
	})
	return nil
}
