package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestImports: the agent runs on other people's machines beside their data, so
// it links nothing that it does not need to move bytes.
func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range strings.Lines(string(out)) {
		pkg = strings.TrimSpace(pkg)
		for _, forbidden := range []string{
			"github.com/skyctl/skyctl/orchestrator", "github.com/skyctl/skyctl/terraform", "github.com/skyctl/skyctl/modules",
			"github.com/hashicorp/", "modernc.org/", "github.com/vbauerster/", "testing",
		} {
			if pkg == forbidden || strings.HasPrefix(pkg, strings.TrimSuffix(forbidden, "/")+"/") {
				t.Errorf("skyagent links %s", pkg)
			}
		}
	}
	if !strings.Contains(string(out), "github.com/skyctl/skyctl/agent/objstore/s3\n") {
		t.Error("the list of packages lacks what the agent certainly links: is this the right directory?")
	}
}
