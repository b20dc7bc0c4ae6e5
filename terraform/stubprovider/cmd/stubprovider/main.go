// Command stubprovider stands in for the providers of the clouds. Terraform
// starts it under a provider's name; started with a directory, it lays out a
// mirror of itself there.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/skyctl/skyctl/terraform/stubprovider"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "stubprovider:", err)
		os.Exit(1)
	}
}

func run() error {
	name, isProvider := strings.CutPrefix(filepath.Base(os.Args[0]), "terraform-provider-")
	if isProvider {
		name, _, _ = strings.Cut(name, "_")
		return stubprovider.Serve(name)
	}
	if len(os.Args) != 2 {
		return errors.New("give the directory to lay out a mirror in")
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	config, err := stubprovider.Mirror(os.Args[1], self)
	if err != nil {
		return err
	}
	_, err = fmt.Println(config)
	return err
}
