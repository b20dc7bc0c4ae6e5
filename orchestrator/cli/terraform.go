package cli

import (
	"context"

	"github.com/skyctl/skyctl/orchestrator/rundir"
)

type terraformCmd struct {
	ID   string   `arg:"" name:"run" help:"The run, as skyctl runs lists it."`
	Args []string `arg:"" optional:"" name:"args" help:"Terraform's arguments, behind --: skyctl terraform RUN -- state list"`
}

// Help implements kong.HelpProvider.
func (c *terraformCmd) Help() string {
	return "Standard output and the exit code are Terraform's. --json concerns only what goes wrong before Terraform runs."
}

func (c *terraformCmd) Run(ctx context.Context, s service, home rundir.Home) error {
	id, err := knownRun(home, c.ID)
	if err != nil {
		return err
	}
	exit, err := s.Terraform(ctx, id, c.Args)
	if err != nil {
		return err
	}
	return passthrough(exit)
}
