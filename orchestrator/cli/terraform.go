package cli

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/skyctl/skyctl/orchestrator/rundir"
)

type terraformCmd struct {
	ID   string   `arg:"" name:"run" help:"The run, as skyctl runs lists it."`
	Args []string `arg:"" optional:"" name:"args" help:"Terraform's arguments, behind --: skyctl terraform RUN -- state list"`
}

// Help implements kong.HelpProvider.
func (c *terraformCmd) Help() string {
	return "Standard output and the exit code are Terraform's; with --json the document has both."
}

type terraformRunDoc struct {
	Run    rundir.ID `json:"run"`
	Exit   int       `json:"exit"`
	Output string    `json:"output"`
	outcome
}

func (c *terraformCmd) Run(ctx context.Context, s service, home rundir.Home, g *globals, out *console) error {
	id, err := knownRun(home, c.ID)
	if err != nil {
		return err
	}
	if !g.JSON {
		exit, err := s.Terraform(ctx, id, os.Stdout, c.Args)
		if err != nil {
			return err
		}
		return passthrough(exit)
	}
	var said strings.Builder
	exit, err := s.Terraform(ctx, id, &said, c.Args)
	if err != nil {
		return err
	}
	doc := &terraformRunDoc{Run: id, Exit: exit, Output: said.String(), outcome: outcome{Success: exit == 0}}
	if exit != 0 {
		doc.fail(&errorDoc{Code: "terraform", Message: fmt.Sprintf("Terraform ended with exit code %d", exit)})
	}
	out.answer(doc, nil)
	return passthrough(exit)
}
