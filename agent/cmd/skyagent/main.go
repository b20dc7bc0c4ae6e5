// Command skyagent is what runs on a gateway. It waits to be enrolled by the
// run's orchestrator, moves chunks as it is told, and ends itself when its
// time is up or nobody enrolls it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/skyctl/skyctl/agent/version"
)

func main() {
	var flags struct {
		Boot    string           `required:"" type:"existingfile" help:"Boot data: who the gateway is, and what it may trust."`
		ReadyFD int              `name:"ready-fd" placeholder:"N" help:"File descriptor that is told when the agent listens, or why it cannot."`
		Version kong.VersionFlag `help:"Print the version and leave."`
	}
	kong.Parse(&flags, kong.Name("skyagent"), kong.Description("The gateway's side of skyctl."), kong.Vars{"version": version.Version})

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, flags.Boot, readiness(flags.ReadyFD)); err != nil {
		fmt.Fprintln(os.Stderr, "skyagent:", err)
		os.Exit(1)
	}
}
