// Package stubtest builds the stub provider for tests. Only tests import it.
package stubtest

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/skyctl/skyctl/terraform/stubprovider"
)

// Build builds the stub, lays out a mirror of it in dir, and returns the
// configuration that makes Terraform use nothing else: the value for
// TF_CLI_CONFIG_FILE.
func Build(dir string) (config string, err error) {
	binary := filepath.Join(dir, "stubprovider")
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", binary, "github.com/skyctl/skyctl/terraform/stubprovider/cmd/stubprovider")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the stub provider: %w\n%s", err, out)
	}
	return stubprovider.Mirror(filepath.Join(dir, "mirror"), binary)
}

// Once returns what gives tests one configuration of Build's for all, built below
// in's directory when the first of them asks.
func Once(in func() string) func(testing.TB) string {
	build := sync.OnceValues(func() (string, error) { return Build(filepath.Join(in(), "stub")) })
	return func(t testing.TB) string {
		t.Helper()
		config, err := build()
		if err != nil {
			t.Fatal(err)
		}
		return config
	}
}

// Config is Build's for one test.
func Config(t testing.TB) string {
	t.Helper()
	config, err := Build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return config
}
