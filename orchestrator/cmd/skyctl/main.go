// Command skyctl moves bulk data between cloud regions: it plans an overlay,
// rents gateways with Terraform, relays the objects, proves that every byte
// arrived and gives the gateways back.
package main

import (
	"context"
	"os"

	"github.com/skyctl/skyctl/orchestrator/cli"
	"github.com/skyctl/skyctl/terraform/engine/supervise"
)

func main() {
	supervise.Main() // does not return in a process that is to look after Terraform
	os.Exit(cli.Main(context.Background(), os.Args[1:]))
}
