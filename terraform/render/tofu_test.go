//go:build tofu

package render

import (
	"os"
	"os/exec"
	"testing"

	"github.com/skyctl/skyctl/terraform/stubprovider/stubtest"
	"github.com/skyctl/skyctl/terraform/tooltest"
)

// TestTofu has OpenTofu plan, apply, plan again and destroy a root over all
// clouds with the stub. SKYCTL_TOFU is the program.
func TestTofu(t *testing.T) {
	tofu := tooltest.Path(t, "SKYCTL_TOFU", "test-tofu")
	stub := stubtest.Config(t)
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
