package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/skyctl/skyctl/orchestrator"
	"github.com/skyctl/skyctl/orchestrator/rundir"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

type statusCmd struct {
	ID string `arg:"" name:"run" help:"The run, as skyctl runs lists it."`
}

func (c *statusCmd) Run(ctx context.Context, s service, home rundir.Home, out *console) error {
	id, err := knownRun(home, c.ID)
	if err != nil {
		return err
	}
	status, err := s.Status(ctx, id)
	if err != nil {
		return err
	}
	out.answer(status, func(w io.Writer) error { return statusView(w, status) })
	return nil
}

func statusView(w io.Writer, s orchestrator.Status) error {
	return columns(w, func(w io.Writer) {
		fmt.Fprintf(w, "run\t%s\n", s.Run)
		fmt.Fprintf(w, "state\t%s\n", s.State)
		fmt.Fprintf(w, "created\t%s\n", s.Created)
		fmt.Fprintf(w, "from\t%s\n", printable(s.Source))
		fmt.Fprintf(w, "to\t%s\n", destsText(s.Dests))
		fmt.Fprintf(w, "objects\t%d: %d done, %d skipped, %d failed, %d pending\n", s.Objects, s.Done, s.Skipped, s.Failed, s.Pending)
		fmt.Fprintf(w, "arrived\t%s\n", unit.Bytes(s.Bytes).Human())
	})
}

func destsText(dests []string) string {
	var texts []string
	for _, d := range dests {
		texts = append(texts, printable(d))
	}
	return strings.Join(texts, ", ")
}
