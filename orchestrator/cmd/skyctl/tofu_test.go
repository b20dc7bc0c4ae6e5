//go:build tofu

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skyctl/skyctl/terraform/tooltest"
)

// TestTofu copies with OpenTofu in the place of Terraform: gateways up, a
// transfer, gateways down. SKYCTL_TOFU is the program.
func TestTofu(t *testing.T) {
	tofu := tooltest.Path(t, "SKYCTL_TOFU", "test-tofu")
	w := filesOnly(t)
	w.append(fmt.Sprintf("terraform: {path: %q}\n", tofu))
	got := w.skyctl("cp", "-r", "east://data/", "west://data/", "--gateways", "1", "--yes", "--json")
	if content, err := os.ReadFile(filepath.Join(w.dir, "west/data/k")); got.exit != 0 || err != nil || string(content) != "k" {
		t.Fatalf("exit %d, %q, %v\n%s\n%s", got.exit, content, err, got.stdout, got.stderr)
	}
	if list := w.skyctl("terraform", string(got.Run), "--", "version"); list.exit != 0 || !strings.Contains(list.stdout, "OpenTofu v") {
		t.Errorf("exit %d\n%s\n%s", list.exit, list.stdout, list.stderr)
	}
	if left := w.processes(); len(left) > 0 {
		t.Errorf("left are the processes %v", left)
	}
}
