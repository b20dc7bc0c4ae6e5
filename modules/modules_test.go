package modules_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/skyctl/skyctl/modules"
)

var update = flag.Bool("update", false, "write the generated parts of the modules' READMEs")

// moduleNames are the directories that are modules.
func moduleNames(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob("*/versions.tf")
	if err != nil || len(found) == 0 {
		t.Fatalf("no module: %v", err)
	}
	for i := range found {
		found[i] = filepath.Dir(found[i])
	}
	return found
}

func TestOpen(t *testing.T) {
	for _, name := range moduleNames(t) {
		module, err := modules.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		err = fs.WalkDir(module, ".", func(path string, entry fs.DirEntry, err error) error {
			if err == nil && strings.Contains(path, "tftest") {
				t.Errorf("%s embeds its test %s", name, path)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		for _, file := range []string{"main.tf", "variables.tf", "outputs.tf", "versions.tf", "README.md"} {
			if _, err := fs.Stat(module, file); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	for _, name := range []string{"testdata-gateway", "", "../modules", "modules.go"} {
		if _, err := modules.Open(name); err == nil {
			t.Errorf("there is a module %q", name)
		}
	}
}

// core is what DESIGN calls the uniform core of all modules.
var core = []string{
	"region", "run", "name", "gateways", "enrollment_tokens", "ca_certificate", "agent", "peers", "control_cidrs",
	"lifetime_seconds", "not_after", "enroll_within_seconds", "tags",
}

// TestUniformCore holds that a call of one module can become a call of another:
// the core's variables come first, in one order, and have the same types,
// defaults and descriptions everywhere, as has the output.
func TestUniformCore(t *testing.T) {
	var first []block
	for _, name := range moduleNames(t) {
		variables := blocks(t, filepath.Join(name, "variables.tf"), "variable")
		for i, want := range core {
			if i >= len(variables) || variables[i].name != want {
				t.Fatalf("%s: variable %d is not %s", name, i+1, want)
			}
		}
		for _, v := range variables {
			if v.attributes["type"] == "" || v.attributes["description"] == "" {
				t.Errorf("%s: variable %s lacks a type or a description", name, v.name)
			}
		}
		outputs := blocks(t, filepath.Join(name, "outputs.tf"), "output")
		if len(outputs) != 1 || outputs[0].name != "gateways" {
			t.Fatalf("%s has other outputs than gateways", name)
		}
		delete(outputs[0].attributes, "value")
		uniform := append(variables[:len(core):len(core)], outputs[0])
		if first == nil {
			first = uniform
		}
		for i := range uniform {
			if !maps.Equal(uniform[i].attributes, first[i].attributes) {
				t.Errorf("%s: %s is not as in other modules:\n%v\n%v", name, uniform[i].name, uniform[i].attributes, first[i].attributes)
			}
		}
	}
}

// TestCopies holds that what modules share is the same in each: a module that
// somebody copies out of here has to stand alone.
func TestCopies(t *testing.T) {
	for original, copies := range map[string][]string{
		"../images/boot.yaml.tftpl":      {"aws-gateway/boot.yaml.tftpl", "azure-gateway/boot.yaml.tftpl", "gcp-gateway/boot.yaml.tftpl"},
		"local-gateway/scripts/start.sh": {"ssh-gateway/scripts/start.sh"},
		"local-gateway/scripts/stop.sh":  {"ssh-gateway/scripts/stop.sh"},
	} {
		want, err := os.ReadFile(original)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range copies {
			got, err := os.ReadFile(path)
			if err != nil && !*update {
				t.Fatal(err)
			}
			switch {
			case bytes.Equal(got, want):
			case *update:
				if err := os.WriteFile(path, want, 0o644); err != nil {
					t.Fatal(err)
				}
			default:
				t.Errorf("%s is no copy of %s; run go test ./modules -update", path, original)
			}
		}
	}
}

const (
	startMark = "<!-- generated: go test ./modules -update -->\n"
	endMark   = "<!-- end of generated -->\n"
)

// TestReadme compares the tables in each module's README with the module.
func TestReadme(t *testing.T) {
	for _, name := range moduleNames(t) {
		path := filepath.Join(name, "README.md")
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		before, rest, ok := strings.Cut(string(content), startMark)
		_, after, ok2 := strings.Cut(rest, endMark)
		if !ok || !ok2 {
			t.Fatalf("%s has no generated part", path)
		}
		want := before + startMark + tables(t, name) + endMark + after
		if *update {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if want != string(content) {
			t.Errorf("%s is not what its module says; run go test ./modules -update", path)
		}
	}
}

func tables(t *testing.T, module string) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("## Variables\n\n| name | type | default | description |\n| --- | --- | --- | --- |\n")
	for _, v := range blocks(t, filepath.Join(module, "variables.tf"), "variable") {
		fallback := "required"
		if v.attributes["default"] != "" {
			fallback = "`" + v.attributes["default"] + "`"
		}
		if v.attributes["sensitive"] == "true" {
			fallback += ", sensitive"
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", v.name, v.attributes["type"], fallback, v.attributes["description"])
	}
	b.WriteString("\n## Outputs\n\n| name | description |\n| --- | --- |\n")
	for _, o := range blocks(t, filepath.Join(module, "outputs.tf"), "output") {
		fmt.Fprintf(&b, "| `%s` | %s |\n", o.name, o.attributes["description"])
	}
	return b.String()
}

// block is a variable or an output: its attributes as they are written, on one
// line, strings without quotes.
type block struct {
	name       string
	attributes map[string]string
}

func blocks(t *testing.T, path, kind string) []block {
	t.Helper()
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file, diags := hclsyntax.ParseConfig(source, path, hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(errors.Join(diags.Errs()...))
	}
	var found []block
	for _, b := range file.Body.(*hclsyntax.Body).Blocks {
		if b.Type != kind {
			continue
		}
		attributes := map[string]string{}
		for name, a := range b.Body.Attributes {
			text := bytes.TrimSpace(a.Expr.Range().SliceBytes(source))
			attributes[name] = strings.Trim(oneLine(string(text)), `"`)
		}
		found = append(found, block{b.Labels[0], attributes})
	}
	return found
}

// oneLine joins the lines of an expression with what HCL needs between them.
func oneLine(expression string) string {
	lines := slices.Collect(strings.Lines(expression))
	var b strings.Builder
	for i, line := range lines {
		line = strings.Join(strings.Fields(line), " ")
		switch {
		case i == 0 || strings.HasPrefix(line, "}") || strings.HasSuffix(b.String(), "{"):
			if i > 0 {
				b.WriteString(" ")
			}
		default:
			b.WriteString(", ")
		}
		b.WriteString(line)
	}
	return b.String()
}
