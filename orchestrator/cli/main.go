package cli

import (
	"context"
	"errors"
	"os"

	"github.com/alecthomas/kong"
	kongcompletion "github.com/jotaen/kong-completion"

	"github.com/skyctl/skyctl/orchestrator"
	"github.com/skyctl/skyctl/orchestrator/rundir"
)

// Main runs skyctl with the arguments and returns its exit code. The program's
// main function has called supervise.Main.
func Main(ctx context.Context, args []string) int {
	return execute(ctx, args, newService)
}

// maker makes the service from the --config file, the home of runs, and what
// observes the run.
type maker func(configFile string, home rundir.Home, observe func(orchestrator.Progress)) (service, error)

func execute(ctx context.Context, args []string, newService maker) int {
	c := &console{
		json:     wantsJSON(args),
		stdout:   os.Stdout,
		stderr:   os.Stderr,
		progress: &progress{display: newDisplay(os.Stderr)},
	}
	ctx, watch := watchSignals(ctx, c)
	err := run(ctx, c, args, newService)
	if cause := context.Cause(ctx); cause != nil && err != nil && classify(err) == cancelled {
		err = cause // says more than what the signal made of the step it met
	}
	watch.stop()
	return c.finish(err)
}

func run(ctx context.Context, c *console, args []string, newService maker) error {
	var g grammar
	parser, err := newParser(&g, kong.Help(c.help))
	if err != nil {
		return err
	}
	kongcompletion.Register(parser)
	ignoreEmpty(parser.Model.Node)
	selected, err := parser.Parse(args)
	if errors.Is(err, errHelpShown) {
		return nil
	}
	if err != nil {
		return err
	}
	c.useJSON(g.JSON)
	c.useConfig(configFlag(selected))
	selected.Bind(c, &g.globals)
	selected.BindTo(ctx, (*context.Context)(nil))
	// Made for the commands that ask for them: the others work without a valid
	// configuration.
	err = errors.Join(
		selected.BindSingletonProvider(openHome),
		selected.BindSingletonProvider(func() (service, error) {
			home, err := openHome()
			if err != nil {
				return nil, err
			}
			return newService(g.Config, home, c.progress.observe)
		}))
	if err != nil {
		return err
	}
	return selected.Run()
}
