package cli

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
)

// grammar is the command line.
type grammar struct {
	globals

	Plan       planCmd       `cmd:"" help:"Plan a transfer and save it as a run; create nothing in a cloud."`
	Apply      applyCmd      `cmd:"" help:"Carry out a saved plan: provision, transfer, verify, destroy."`
	Cp         cpCmd         `cmd:"" help:"Plan and apply in one."`
	Resume     resumeCmd     `cmd:"" help:"Go on with a run that was interrupted."`
	Cancel     cancelCmd     `cmd:"" help:"Give up a run: remove unfinished writes, destroy its gateways, keep its journal."`
	Destroy    destroyCmd    `cmd:"" aliases:"deprovision" help:"Destroy the gateways of runs."`
	Gc         gcCmd         `cmd:"" help:"Find what earlier runs left in the clouds, without any state; delete it with --delete."`
	Runs       runsCmd       `cmd:"" help:"List the runs."`
	Status     statusCmd     `cmd:"" help:"Show where a run stands."`
	Ls         lsCmd         `cmd:"" help:"List objects."`
	Terraform  terraformCmd  `cmd:"" help:"Run Terraform in the directory of a run."`
	Render     renderCmd     `cmd:"" help:"Write the Terraform root module alone, to keep elsewhere."`
	Estimate   estimateCmd   `cmd:"" help:"Plan between regions, without buckets or credentials."`
	Regions    regionsCmd    `cmd:"" help:"List the regions of clouds that are known."`
	Prices     pricesCmd     `cmd:"" help:"Show the prices that plans rest on, each with its date and source."`
	Grid       gridCmd       `cmd:"" help:"Show, import, or measure what regions can send to each other."`
	Lab        labCmd        `cmd:"" help:"Build an Internet in a box on this machine, for demos, tests and comparisons (root, Linux)."`
	Init       initCmd       `cmd:"" help:"Check Terraform, credentials and permissions; say what is missing."`
	Completion completionCmd `cmd:"" help:"Set up tab completion in a shell."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
}

// globals are the flags of every command.
type globals struct {
	Config string `placeholder:"FILE" help:"Configuration file. By default skyctl.yaml here, else in $$XDG_CONFIG_HOME/skyctl."`
	JSON   bool   `name:"json" help:"Print one JSON document on standard output, whatever happens."`
	Yes    bool   `env:"-" help:"Do not ask for confirmation."`
}

// newParser makes the parser. Every flag can be given by an environment
// variable, except those that say yes to something or delete.
func newParser(g *grammar) (*kong.Kong, error) {
	return kong.New(g,
		kong.Name("skyctl"),
		kong.Description("Move bulk data between cloud regions: over an overlay of gateways that Terraform rents for it, verified to the last byte."),
		kong.DefaultEnvars("SKYCTL"),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.Help(printHelp),
	)
}

// printHelp is kong's help, and for the program as a whole the exit codes.
func printHelp(options kong.HelpOptions, ctx *kong.Context) error {
	if err := kong.DefaultHelpPrinter(options, ctx); err != nil || ctx.Selected() != nil {
		return err
	}
	var text strings.Builder
	text.WriteString("\nExit codes, and the codes of errors with --json; of several the first decides:\n  0  done\n")
	for _, k := range kinds {
		fmt.Fprintf(&text, "  %d  %-11s  %s\n", k.exit, k.word, k.help)
	}
	_, err := fmt.Fprint(ctx.Stdout, text.String())
	return err
}

// wantsJSON finds --json in arguments that may not parse: what is wrong with
// them is then told in JSON too.
func wantsJSON(args []string) bool {
	for _, arg := range args {
		if arg == "--" {
			break
		}
		name, value, given := strings.Cut(arg, "=")
		if name == "--json" {
			return !given || isTrue(value)
		}
	}
	return isTrue(os.Getenv("SKYCTL_JSON"))
}

func isTrue(s string) bool {
	v, err := strconv.ParseBool(s)
	return err == nil && v
}
