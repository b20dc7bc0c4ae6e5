//go:build conftest

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skyctl/skyctl/terraform/tooltest"
)

// TestPolicy has conftest judge plans by the example of policies, as a hook of
// skyctl. SKYCTL_CONFTEST is the program.
func TestPolicy(t *testing.T) {
	conftest := tooltest.Path(t, "SKYCTL_CONFTEST", "test-policy")
	policy, err := filepath.Abs("../../policy")
	if err != nil {
		t.Fatal(err)
	}
	const example = "skyctl.rego"
	for what, c := range map[string]struct {
		edit   func(rego string) string // of the example, so that a small plan meets its limits
		config func(config string) string
		want   string // empty: it passes
	}{
		"a plan within the limits": {},
		"too dear": {config: func(s string) string {
			return strings.Replace(s, "local:west: {}", "local:west: {usd_per_hour: 900000}", 1)
		},
			want: "it costs $"},
		"too many gateways": {edit: func(s string) string { return strings.Replace(s, "max_gateways := 16", "max_gateways := 1", 1) },
			want: "it rents 2 gateways, and the most is 1"},
		"a region that is not allowed": {edit: func(s string) string { return strings.Replace(s, `"local:", `, `"local:east", `, 1) },
			want: "data would pass local:west"},
	} {
		t.Run(what, func(t *testing.T) {
			w := filesOnly(t)
			rules := filepath.Join(w.dir, "policy")
			rego, err := os.ReadFile(filepath.Join(policy, example))
			if err != nil {
				t.Fatal(err)
			}
			text := string(rego)
			if c.edit != nil {
				text = c.edit(text)
			}
			if err := os.Mkdir(rules, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(rules, example), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(w.dir, "skyctl.yaml")
			config, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			settings := string(config) + fmt.Sprintf("hooks: {after_plan: [%q, test, --no-color, --policy, %q]}\n", conftest, rules)
			if c.config != nil {
				settings = c.config(settings)
			}
			if err := os.WriteFile(path, []byte(settings), 0o600); err != nil {
				t.Fatal(err)
			}
			got := w.skyctl("plan", "-r", "east://data/", "west://data/", "--gateways", "1", "--json")
			switch {
			case c.want == "" && got.exit != 0:
				t.Errorf("exit %d\n%s", got.exit, got.stderr)
			case c.want != "" && (got.exit != 1 || !strings.Contains(got.stderr, c.want)):
				t.Errorf("exit %d, want 1 and %q\n%s", got.exit, c.want, got.stderr)
			}
		})
	}
}
