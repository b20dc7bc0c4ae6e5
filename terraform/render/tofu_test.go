//go:build tofu

package render

import (
	"os"
	"os/exec"
	"testing"

	"github.com/skyctl/skyctl/terraform/stubprovider/stubtest"
)

// TestTofu has OpenTofu plan, apply, plan again and destroy a root over all
// clouds with the stub. SKYCTL_TOFU is the program.
func TestTofu(t *testing.T) {
	tofu := os.Getenv("SKYCTL_TOFU")
	if tofu == "" {
		t.Fatal("SKYCTL_TOFU names no OpenTofu: make test-tofu does")
	}
	stub, err := stubtest.Build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	d := withBinaries(twoRegions())
	dir := t.TempDir()
	writeDeployment(t, dir, d)
	for _, args := range [][]string{{"init"}, {"validate"}, {"fmt", "-check", "-diff"}, {"apply", "-auto-approve"}, {"plan", "-detailed-exitcode"}, {"destroy", "-auto-approve"}} {
		cmd := exec.CommandContext(t.Context(), tofu, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "CHECKPOINT_DISABLE=1", "TF_CLI_CONFIG_FILE="+stub, "NO_COLOR=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("tofu %v: %v\n%s", args, err, out)
		}
	}
}
