package terraform_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestImports holds that the packages below this directory know the modules,
// the terraform binary and each other, and nothing else of skyctl: they can be
// read, tested and reused without it.
func TestImports(t *testing.T) {
	const ours = "github.com/skyctl/skyctl/"
	allowed := map[string][]string{ // beside packages of one's own directory
		"terraform/binary":           nil,
		"terraform/engine":           {"terraform/engine/supervise"},
		"terraform/engine/supervise": nil,
		"terraform/render":           {"modules"},
		"terraform/stubprovider":     nil,

		"terraform/stubprovider/cmd/stubprovider": {"terraform/stubprovider"},
		"terraform/stubprovider/stubtest":         {"terraform/stubprovider"},
		"terraform/statetest":                     nil,
		"terraform/tooltest":                      nil,
	}
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, "./...").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	seen := 0
	for line := range strings.Lines(string(out)) {
		packages := strings.Fields(line)
		name := strings.TrimPrefix(packages[0], ours)
		if name == "terraform" {
			continue // this test
		}
		known, ok := allowed[name]
		if !ok {
			t.Errorf("%s is new: say here what it may import", name)
		}
		seen++
		for _, imported := range packages[1:] {
			if path, mine := strings.CutPrefix(imported, ours); mine && !slices.Contains(known, path) {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
	if seen != len(allowed) {
		t.Errorf("go list names %d packages, this test %d", seen, len(allowed))
	}
}
