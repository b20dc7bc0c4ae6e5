// Package stubtest builds the stub provider for tests. Only tests import it.
package stubtest

import (
	"fmt"
	"os/exec"
	"path/filepath"
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

// Config is Build's for one test.
func Config(t testing.TB) string {
	t.Helper()
	config, err := Build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return config
}
