package orchestrator

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// floors are the packages of the control plane, from the ground up. A package
// imports those of lower floors, and none of its own.
var floors = [][]string{
	{"unit", "table", "rundir", "journal"},
	{"region", "transfer"},
	{"grid", "account", "failure"},
	{"price", "overlay"},
	{"config", "gc"},
	{"planner", "layout", "account/open", "places"},
	{"deploy", "fleet", "basis", "ledger", "midway", "setup"},
	{"room", "quote", "measure"},
	{""}, // the story
	{"cli"},
	{"cmd/skyctl"},
}

// TestFloors: data flows one way.
func TestFloors(t *testing.T) {
	const here = "github.com/skyctl/skyctl/orchestrator"
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	name := func(path string) (string, bool) {
		rest, ours := strings.CutPrefix(path, here)
		return strings.TrimPrefix(rest, "/"), ours
	}
	floor := map[string]int{}
	for i, names := range floors {
		for _, n := range names {
			floor[n] = i
		}
	}
	// What has a story of its own: the lab, one cloud's account, the solver.
	apart := func(n string) bool {
		return strings.HasPrefix(n, "lab") || strings.HasPrefix(n, "planner/") || strings.HasPrefix(n, "account/") && n != "account/open"
	}
	var found []string
	for line := range strings.Lines(string(out)) {
		paths := strings.Fields(line)
		from, _ := name(paths[0])
		found = append(found, from)
		if apart(from) {
			continue
		}
		at, known := floor[from]
		if !known {
			t.Errorf("%q is on no floor", from)
		}
		for _, path := range paths[1:] {
			if to, ours := name(path); ours && !apart(to) && floor[to] >= at {
				t.Errorf("%q imports %q, which is not below it", from, to)
			}
		}
	}
	for n := range floor {
		if !slices.Contains(found, n) {
			t.Errorf("there is no package %q", n)
		}
	}
}
