//go:build tflint

package render

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/skyctl/skyctl/terraform/tooltest"
)

// TestTflint has tflint judge, by all its rules for Terraform, a rendered root
// with the modules in it, and the modules' examples. Its rules for the clouds are
// plugins that it fetches, and are not asked. SKYCTL_TFLINT is the program.
func TestTflint(t *testing.T) {
	tflint := tooltest.Path(t, "SKYCTL_TFLINT", "tflint")
	const rules = "plugin \"terraform\" {\n  enabled = true\n  preset  = \"all\"\n}\n"
	// An example is one file, to be read from top to bottom.
	const oneFile = rules + "rule \"terraform_standard_module_structure\" {\n  enabled = false\n}\n"
	lint := func(t *testing.T, dir, rules string, args ...string) {
		t.Helper()
		config := filepath.Join(t.TempDir(), "tflint.hcl")
		if err := os.WriteFile(config, []byte(rules), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), tflint, append(args, "--config="+config, "--format=compact", "--no-color")...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", dir, err, out)
		}
	}
	for name, d := range map[string]Deployment{"six regions": sixRegions(), "three regions": threeRegions()} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			writeDeployment(t, dir, d)
			lint(t, dir, rules, "--recursive")
		})
	}
	examples, err := filepath.Glob("../../modules/*/examples/*")
	if err != nil || len(examples) < 5 {
		t.Fatalf("there are examples %q, %v", examples, err)
	}
	for _, dir := range examples {
		lint(t, dir, oneFile, "--call-module-type=none")
	}
	t.Run("what is wrong is found", func(t *testing.T) {
		dir := t.TempDir()
		writeDeployment(t, dir, threeRegions())
		if err := os.WriteFile(filepath.Join(dir, "unused.tf"), []byte("variable \"x\" {}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), tflint, "--call-module-type=none", "--config=/dev/null")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err == nil {
			t.Errorf("nothing is found\n%s", out)
		}
	})
}
