//go:build azurerm

package modules_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/skyctl/skyctl/orchestrator/account/azure"
	"github.com/skyctl/skyctl/terraform/tooltest"
)

// azurermVersion is what the program of make test-azurerm calls itself in its
// changelog.
const azurermVersion = "5.2.0"

// realAzurerm is an example of azure-gateway over the real provider, which takes
// a fake for Azure.
func realAzurerm(t *testing.T, example root) (root, *arm) {
	t.Helper()
	mirror := t.TempDir()
	place := filepath.Join(mirror, "registry.terraform.io/hashicorp/azurerm", azurermVersion, runtime.GOOS+"_"+runtime.GOARCH)
	if err := os.MkdirAll(place, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(tooltest.Path(t, "SKYCTL_AZURERM", "test-azurerm"), filepath.Join(place, "terraform-provider-azurerm_v"+azurermVersion)); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(mirror, "terraform.rc")
	if err := os.WriteFile(config, fmt.Appendf(nil, "provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", mirror), 0o644); err != nil {
		t.Fatal(err)
	}
	fake, env := startARM(t, filepath.Join(mirror, "ca.pem"))
	example.env = append(example.env, append(env, "TF_CLI_CONFIG_FILE="+config, "TF_VAR_subscription_id="+armSubscription)...)
	variables := filepath.Join(example.dir, "terraform.tfvars.json")
	content, err := os.ReadFile(variables)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(variables, []byte(strings.ReplaceAll(string(content), `"123456789012"`, `"`+armSubscription+`"`)), 0o600); err != nil {
		t.Fatal(err)
	}
	return example, fake
}

// TestAzurerm applies every example of azure-gateway with the real provider, and
// destroy leaves nothing. SKYCTL_AZURERM is the provider.
//
// To delete the definition of a role the provider takes more than three minutes,
// against any API: it looks twenty times, ten seconds apart, whether it is gone.
func TestAzurerm(t *testing.T) {
	for _, path := range examples(t, "azure-gateway") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			r, fake := realAzurerm(t, example(t, "azure-gateway", path))
			r.comesAndGoes(t)
			if left := fake.left(); len(left) > 0 {
				t.Errorf("destroy leaves in Azure\n%s", strings.Join(left, "\n"))
			}
			for _, p := range fake.permissions() {
				if !granted(t, p) {
					t.Errorf("the policy that skyctl init writes lacks %s", p)
				}
			}
			if odd := fake.unanswered(); len(odd) > 0 {
				t.Errorf("the fake has no answer to\n%s", strings.Join(odd, "\n"))
			}
		})
	}
}

// granted tells whether the role for administrators has the permission. Azure
// writes the same in several ways.
func granted(t *testing.T, permission string) bool {
	t.Helper()
	var role struct{ Actions []string }
	policy, err := azure.Policy(armSubscription)
	if err == nil {
		err = json.Unmarshal(policy.Document, &role)
	}
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(role.Actions, func(a string) bool { return strings.EqualFold(a, permission) })
}

// refusedValues are mistakes in what a value may be that the provider refuses when
// it plans. A schema has them all right: the stub takes them.
var refusedValues = map[string]mutation{
	"a priority that no rule has":  {"firewall.tf", "priority = 200, from", "priority = 99, from", `priority to be in the range \(100 - 4096\)`},
	"an access of another cloud":   {"firewall.tf", `"Deny"`, `"Drop"`, `access to be one of \["Allow" "Deny"\]`},
	"a protocol of two":            {"firewall.tf", `protocol                    = "Tcp"`, `protocol = "TCP,UDP"`, `protocol to be one of`},
	"a direction of another cloud": {"firewall.tf", `"Outbound"`, `"EGRESS"`, `direction to be one of \["Inbound" "Outbound"\]`},
	"a disk that there is none of": {"main.tf", `"StandardSSD_LRS"`, `"gp3"`, `storage_account_type to be one of`},
	"a cache of a disk":            {"main.tf", `"ReadOnly"`, `"WriteThrough"`, `caching to be one of`},
	"a priority of a machine":      {"main.tf", `"Spot" : "Regular"`, `"Preemptible" : "OnDemand"`, `priority to be one of \["Regular" "Spot"\]`},
	"what eviction does":           {"main.tf", `eviction_policy                 = each.value.spot ? "Delete"`, `eviction_policy = each.value.spot ? "Terminate"`, `eviction_policy to be one of \["Deallocate" "Delete"\]`},
	"a name that nobody may have":  {"main.tf", `"nobody-logs-in"`, `"root"`, `admin_username to not be any of`},
	"an address that lasts":        {"network.tf", `"Static"`, `"Reserved"`, `allocation_method to be one of \["Static" "Dynamic"\]`},
	"who a role is for":            {"identity.tf", `"ServicePrincipal"`, `"Machine"`, `principal_type to be one of`},
}

// TestAzurermRefuses makes each mistake in a copy of the module: by the schemas it
// is none, and the real provider does not plan it.
func TestAzurermRefuses(t *testing.T) {
	stub := example(t, "azure-gateway", "examples/complete")
	real, _ := realAzurerm(t, example(t, "azure-gateway", "examples/complete"))
	for _, r := range []root{stub, real} {
		r.terraform(t, "init", "-no-color")
	}
	for name, m := range refusedValues {
		t.Run(name, func(t *testing.T) {
			for _, r := range []root{stub, real} {
				dir := filepath.Join(r.dir, "../..")
				mutate(t, dir, m)
				defer restore(t, dir, "azure-gateway", m)
			}
			stub.terraform(t, "validate", "-no-color")
			_, err := real.try(t.Context(), "plan", "-no-color", "-input=false")
			// Terraform breaks lines, and the quoting differs between messages.
			if err == nil || !regexp.MustCompile(m.want).MatchString(strings.Join(strings.Fields(strings.ReplaceAll(err.Error(), "│", "")), " ")) {
				t.Errorf("got %v, want %s", err, m.want)
			}
		})
	}
}
