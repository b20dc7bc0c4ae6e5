package modules_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	tfjson "github.com/hashicorp/terraform-json"
)

// copyModule copies a module with its tests and examples, so that nothing is
// left in the tree.
func copyModule(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(name)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// examples are the standalone roots of a module, by their paths in it.
func examples(t *testing.T, module string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(module, "examples/*/main.tf"))
	if err != nil || len(found) == 0 {
		t.Fatalf("%s has no example: %v", module, err)
	}
	for i := range found {
		found[i], err = filepath.Rel(module, filepath.Dir(found[i]))
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// TestTerraform has the real Terraform judge form, validity and the modules'
// own tests.
func TestTerraform(t *testing.T) {
	for _, name := range moduleNames(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoot(copyModule(t, name))
			r.terraform(t, "fmt", "-check", "-recursive", "-diff")
			r.terraform(t, "init", "-no-color", "-backend=false")
			r.terraform(t, "test", "-no-color")
			if slices.Contains(clouds, name) {
				return // TestExamples applies these
			}
			for _, path := range examples(t, name) {
				e := newRoot(filepath.Join(r.dir, path))
				e.terraform(t, "init", "-no-color")
				e.terraform(t, "validate", "-no-color")
			}
		})
	}
}

// TestEveryValidationIsTested counts: a validation that no test of the module
// fails is one that may not work.
func TestEveryValidationIsTested(t *testing.T) {
	for _, name := range moduleNames(t) {
		content, err := os.ReadFile(filepath.Join(name, "variables.tf"))
		if err != nil {
			t.Fatal(err)
		}
		tests, err := os.ReadFile(filepath.Join(name, "tests/gateways.tftest.hcl"))
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range strings.Split(string(content), "\nvariable \"")[1:] {
			variable, _, _ := strings.Cut(v, "\"")
			has := strings.Count(v, "\n  validation {")
			failed := strings.Count(string(tests), "expect_failures = [var."+variable)
			if failed < has {
				t.Errorf("%s: %d validations of variable %s, and %d tests that expect one to fail", name, has, variable, failed)
			}
		}
	}
}

// example prepares an example of a cloud's module with values for its
// variables.
func example(t *testing.T, module, path string) root {
	t.Helper()
	dir := filepath.Join(copyModule(t, module), path)
	cloud := strings.TrimSuffix(module, "-gateway")
	slug := map[string]string{"aws": "aws-us-east-1", "gcp": "gcp-us-central1", "azure": "azure-westus2"}[cloud]
	binary := map[string]string{"url": "https://example.org/skyagent", "sha256": strings.Repeat("0", 64)}
	values := map[string]any{
		"agent_binary": binary, "agent_binaries": map[string]any{"amd64": binary, "arm64": binary},
		"control_cidr": "203.0.113.7/32", "ca_certificate_file": filepath.Join(dir, "ca.pem"), "not_after": "2030-01-01T00:00:00Z",
		"enrollment_tokens": map[string]string{slug + "-0": "token-0", slug + "-1": "token-1"},
		"project":           "example", "subscription_id": "123456789012",
	}
	declared, err := os.ReadFile(filepath.Join(dir, "variables.tf"))
	if err != nil {
		t.Fatal(err)
	}
	for name := range values {
		if !strings.Contains(string(declared), "\nvariable \""+name+"\"") && !strings.HasPrefix(string(declared), "variable \""+name+"\"") {
			delete(values, name)
		}
	}
	content, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"terraform.tfvars.json": content, "ca.pem": []byte("certificate\n")} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return newRoot(dir)
}

var clouds = []string{"aws-gateway", "gcp-gateway", "azure-gateway"}

// TestExamples applies every example of the clouds' modules to the stub.
func TestExamples(t *testing.T) {
	for _, module := range clouds {
		for _, path := range examples(t, module) {
			t.Run(filepath.Join(module, path), func(t *testing.T) {
				t.Parallel()
				example(t, module, path).comesAndGoes(t)
			})
		}
	}
}

// comesAndGoes applies a root and destroys it again: what is planned and what then
// exists passes the checks, a second plan shows no change, and nothing is left.
func (r root) comesAndGoes(t *testing.T) {
	t.Helper()
	r.terraform(t, "init", "-no-color")
	r.terraform(t, "plan", "-no-color", "-input=false", "-out=plan")
	report(t, "the plan", check(planned(t, r, "plan")))
	r.terraform(t, "apply", "-no-color", "-input=false", "plan")
	state := &tfjson.State{}
	if err := state.UnmarshalJSON(r.terraform(t, "show", "-json")); err != nil {
		t.Fatal(err)
	}
	report(t, "the state", check(state.Values))
	r.terraform(t, "plan", "-no-color", "-input=false", "-detailed-exitcode")
	r.terraform(t, "destroy", "-no-color", "-input=false", "-auto-approve")
	if left := r.terraform(t, "state", "list"); len(left) != 0 {
		t.Errorf("destroy leaves in the state\n%s", left)
	}
}

// planned is what a saved plan would have.
func planned(t *testing.T, r root, file string) *tfjson.StateValues {
	t.Helper()
	plan := &tfjson.Plan{}
	if err := plan.UnmarshalJSON(r.terraform(t, "show", "-json", file)); err != nil {
		t.Fatal(err)
	}
	return plan.PlannedValues
}

func report(t *testing.T, what string, violations []string) {
	t.Helper()
	for _, v := range violations {
		t.Errorf("%s: %s", what, v)
	}
}
