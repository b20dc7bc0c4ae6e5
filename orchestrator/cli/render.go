package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/skyctl/skyctl/orchestrator"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

type renderCmd struct {
	Out string `required:"" placeholder:"DIR" help:"Where to write it."`
	transferFlags

	SrcRegion region.Region   `placeholder:"REGION" help:"Where SRC is, such as aws:us-east-1. With --dst-region no store is asked anything, and no credentials are needed."`
	DstRegion []region.Region `placeholder:"REGION" help:"Where each DST is, in their order, with commas between them."`
	Size      unit.Bytes      `default:"1TB" placeholder:"SIZE" help:"How much to plan for where the regions are given."`
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
	switch {
	case c.Size == 0:
		return wrongUsage("--size is a size above 0B")
	case (c.SrcRegion == "") != (len(c.DstRegion) == 0):
		return wrongUsage("--src-region and --dst-region go together")
	case c.SrcRegion != "" && len(c.DstRegion) != len(c.Dests):
		return wrongUsage("--dst-region names one region for each DST")
	}
	what := orchestrator.RenderRequest{Request: req, Dir: c.Out, From: c.SrcRegion, To: c.DstRegion, Size: c.Size}
	if err := s.Render(ctx, what); err != nil {
		return err
	}
	out.answer(&renderDoc{c.Out, outcome{Success: true}}, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "The root module is in %s.\n", c.Out)
		return err
	})
	return nil
}
