package cli

import (
	"os"
	"slices"
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
	Settings   configCmd     `cmd:"" name:"config" help:"Show the configuration that is used: where it is, and what it says with defaults and variables."`
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
func newParser(g *grammar, more ...kong.Option) (*kong.Kong, error) {
	return kong.New(g, append([]kong.Option{
		kong.Name("skyctl"),
		kong.Description("Move bulk data between cloud regions: over an overlay of gateways that Terraform rents for it, verified to the last byte."),
		kong.DefaultEnvars("SKYCTL"),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
	}, more...)...)
}

// ignoreEmpty makes environment variables that are set to nothing as good as
// unset, as shells and pipelines leave them.
func ignoreEmpty(n *kong.Node) {
	for _, flag := range n.Flags {
		flag.Tag.Envs = slices.DeleteFunc(slices.Clone(flag.Tag.Envs), func(name string) bool {
			value, set := os.LookupEnv(name)
			return set && value == ""
		})
	}
	for _, child := range n.Children {
		ignoreEmpty(child)
	}
}

// configFlag is what --config was given on the command line. That the environment
// says so too is for every further command as it is for this one.
func configFlag(selected *kong.Context) (file string) {
	for _, at := range selected.Path {
		if at.Flag != nil && at.Flag.Name == "config" {
			file = selected.FlagValue(at.Flag).(string)
		}
	}
	return file
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
			return !given || !isFalse(value)
		}
	}
	value := os.Getenv("SKYCTL_JSON")
	return value != "" && !isFalse(value)
}

// isFalse tells whether kong takes s for false. What is neither that nor true is
// an error, which is better told in JSON too.
func isFalse(s string) bool { return slices.Contains([]string{"false", "0", "no"}, strings.ToLower(s)) }
