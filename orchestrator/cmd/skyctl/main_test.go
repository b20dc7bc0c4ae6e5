package main

import (
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/skyctl/skyctl/"

// imports lists what packages need, with everything that in turn needs.
func imports(t *testing.T, packages ...string) map[string][]string {
	t.Helper()
	args := append([]string{"list", "-f", `{{.ImportPath}} {{join .Deps " "}}`}, packages...)
	out, err := exec.Command("go", args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	needed := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		needed[fields[0]] = fields[1:]
	}
	return needed
}

// What must not come into the binary, and which layer must not know which.
func TestForbiddenImports(t *testing.T) {
	rules := []struct{ pkg, forbidden, reason string }{
		{module + "orchestrator/cmd/skyctl", "testing", "a program is not a test"},
		{module + "orchestrator/cmd/skyctl", module + "agent/objstore/objstoretest", "a program is not a test"},
		{module + "orchestrator/cmd/skyctl", module + "agent/agenttest", "a program is not a test"},
		{module + "orchestrator/planner", "gonum.org/v1/plot", "the planner draws nothing"},
		{module + "orchestrator", module + "orchestrator/lab", "a transfer does not know that its regions are in a box"},
		{module + "orchestrator", module + "orchestrator/cli", "the command line is one user of the orchestrator among others"},
		{module + "orchestrator", "github.com/alecthomas/kong", "flags are the command line's"},
		{module + "terraform/engine", module + "orchestrator", "terraform/ knows Terraform and nothing else of ours"},
		{module + "terraform/render", module + "agent", "terraform/ knows Terraform and nothing else of ours"},
		{module + "terraform/stubprovider", module + "orchestrator", "terraform/ knows Terraform and nothing else of ours"},
		{module + "orchestrator/planner", module + "orchestrator/config", "the planner is pure: it is told everything"},
		{module + "agent", module + "orchestrator", "the data plane knows no plans"},
		{module + "agent", module + "terraform", "the data plane knows no Terraform"},
	}
	var packages []string
	for _, c := range rules {
		packages = append(packages, c.pkg)
	}
	needed := imports(t, packages...)
	for _, c := range rules {
		if len(needed[c.pkg]) == 0 {
			t.Errorf("%s imports nothing: this test tests nothing", c.pkg)
		}
		for _, dep := range needed[c.pkg] {
			if dep == c.forbidden || strings.HasPrefix(dep, c.forbidden+"/") {
				t.Errorf("%s imports %s: %s", c.pkg, dep, c.reason)
			}
		}
	}
}
