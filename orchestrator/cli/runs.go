package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/skyctl/skyctl/orchestrator"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

type runsCmd struct{}

type runsDoc struct {
	Runs []orchestrator.Status `json:"runs"`
}

func (c *runsCmd) Run(ctx context.Context, s service, out *console) error {
	runs, err := s.Runs(ctx)
	if err != nil {
		return err
	}
	if runs == nil {
		runs = []orchestrator.Status{}
	}
	out.answer(runsDoc{runs}, func(w io.Writer) error { return runsView(w, runs) })
	return nil
}

func runsView(w io.Writer, runs []orchestrator.Status) error {
	if len(runs) == 0 {
		_, err := fmt.Fprintln(w, "There are no runs.")
		return err
	}
	return columns(w, func(w io.Writer) {
		fmt.Fprintln(w, "RUN\tSTATE\tOBJECTS\tDONE\tFAILED\tARRIVED\tFROM\tTO")
		for _, r := range runs {
			fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%s\t%s\t%s\n", r.Run, r.State, r.Objects, r.Done, r.Failed,
				unit.Bytes(r.Bytes).Human(), printable(r.Source), destsText(r.Dests))
		}
	})
}
