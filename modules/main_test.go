package modules_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/skyctl/skyctl/terraform/stubprovider/stubtest"
)

var (
	// agentPath is a stand-in for skyagent, testdata/fakeagent: these tests are
	// of the scripts. The real one is started by the end-to-end tests.
	agentPath string
	// terraformConfig makes Terraform take the stub for the clouds' providers.
	terraformConfig string
)

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "skyctl-modules-test-*")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	agentPath = filepath.Join(dir, "skyagent")
	build := exec.Command("go", "build", "-o", agentPath, "./testdata/fakeagent")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		panic(err)
	}
	if terraformConfig, err = stubtest.Build(dir); err != nil {
		panic(err)
	}
	return m.Run()
}

// root is a root module that Terraform works in.
type root struct {
	dir string
	env []string
}

func newRoot(dir string, env ...string) root {
	return root{dir, append(slices.Clip(env), "CHECKPOINT_DISABLE=1", "TF_CLI_ARGS=", "TF_CLI_CONFIG_FILE="+terraformConfig)}
}

// try runs Terraform and returns what it printed on its standard output.
func (r root) try(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "terraform", args...)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), r.env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("terraform %s: %w\n%s%s", strings.Join(args, " "), err, stdout.Bytes(), stderr.Bytes())
	}
	return stdout.Bytes(), nil
}

func (r root) terraform(t *testing.T, args ...string) []byte {
	t.Helper()
	out, err := r.try(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
