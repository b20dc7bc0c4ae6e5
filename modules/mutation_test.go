package modules_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mutation is a mistake that somebody could make in a module, and what a check
// says to it.
type mutation struct {
	file, was, is string
	want          string
}

var mutations = map[string]map[string]mutation{
	"aws-gateway": {
		"open to the world":   {"firewall.tf", `prefix_list_id    = aws_ec2_managed_prefix_list.ingress[0].id`, `cidr_ipv4 = "0.0.0.0/0"`, "is open to 0.0.0.0/0"},
		"a list of the world": {"firewall.tf", `cidr = entry.value`, `cidr = "0.0.0.0/0"`, "ingress[0] is open to 0.0.0.0/0"},
		"everything out":      {"firewall.tf", `from_port         = 443`, `from_port = 0`, "lets out more than https"},
		"IMDSv1":              {"main.tf", `http_tokens                 = "required"`, `http_tokens = "optional"`, "answers IMDSv1"},
		"metadata for all":    {"main.tf", `http_put_response_hop_limit = 1`, `http_put_response_hop_limit = 2`, "answers IMDSv1"},
		"disk in the clear":   {"main.tf", `encrypted             = true`, `encrypted = false`, "is not encrypted"},
		"powered off bills":   {"main.tf", `instance_initiated_shutdown_behavior = "terminate"`, `instance_initiated_shutdown_behavior = "stop"`, "bills when it is powered off"},
		"action wildcard":     {"identity.tf", `"s3:GetObject", `, `"s3:*", `, "allows s3:*"},
		"every bucket":        {"identity.tf", `s3:::${bucket.name}/${bucket.prefix}*`, `s3:::*`, "allows it for arn:aws:s3:::*"},
		"every instance":      {"lifetime.tf", `[for instance in aws_instance.gateway : instance.arn]`, `"*"`, "allows it for *"},
		"untagged machine":    {"main.tf", `tags                                 = merge(local.tags, { Name = "${var.name}-${each.key}" })`, `tags = {}`, "is not tagged with skyctl-run"},
		"untagged disk":       {"main.tf", `tags                  = merge(local.tags, { Name = "${var.name}-${each.key}" })`, `tags = {}`, "is not tagged with skyctl-run"},
		"untagged network":    {"network.tf", "enable_dns_hostnames = false\n  tags                 = local.tags", "enable_dns_hostnames = false", "aws_vpc.this[0] is not tagged"},
		"no lifetime":         {"boot.yaml.tftpl", `systemd-run --unit=skyctl-lifetime`, `echo`, "no end that its guest sees to"},
		"boot waits for it":   {"boot.yaml.tftpl", `--timer-property=DefaultDependencies=no `, ``, "no end that its guest sees to"},
		"a lasting secret":    {"boot.tf", `token                 = var.enrollment_tokens[name]`, "token = var.enrollment_tokens[name]\nstore_key = \"x\"", "a lasting secret may be among it"},
		"an access key":       {"boot.tf", `"# EC2 terminates a machine that powers itself off."`, `"export AWS_SECRET_ACCESS_KEY=x"`, "a lasting secret in its boot data"},
	},
	"gcp-gateway": {
		"open to the world":  {"firewall.tf", `source_ranges = local.ingress[each.value]`, `source_ranges = ["0.0.0.0/0"]`, "is open to 0.0.0.0/0"},
		"everything out":     {"firewall.tf", `ports    = ["443"]`, `ports = ["1-65535"]`, "lets out more than https"},
		"no lifetime":        {"main.tf", `instance_termination_action = "DELETE"`, `instance_termination_action = "STOP"`, "no end that Compute Engine sees to"},
		"not shielded":       {"main.tf", `enable_secure_boot          = true`, `enable_secure_boot = false`, "is not shielded"},
		"unlabelled machine": {"main.tf", `labels              = local.labels`, `labels = {}`, "is not tagged with skyctl-run"},
		"unlabelled disk":    {"main.tf", `labels = local.labels`, `labels = {}`, "is not tagged with skyctl-run"},
		"whole bucket":       {"identity.tf", `/objects/${prefix}`, ``, "reaches beyond a prefix"},
	},
	"azure-gateway": {
		"open to the world": {"firewall.tf", `source_address_prefixes     = each.value.from`, `source_address_prefix = "Internet"`, "is open to Internet"},
		"everything out":    {"firewall.tf", `protocol                    = "Tcp"`, `protocol = "*"`, "lets out more than https"},
		"action wildcard":   {"identity.tf", `"Microsoft.Compute/virtualMachines/read"`, `"Microsoft.Compute/*"`, "allows Microsoft.Compute/*"},
		"untagged group":    {"main.tf", "location = local.location\n  tags     = var.tags", "location = local.location", "azurerm_resource_group.this[0] is not tagged"},
		"no identity":       {"identity.tf", `local.new_identity ? [azurerm_user_assigned_identity.this[0].id] : []`, `[]`, "no identity to delete itself by"},
	},
}

// TestMutations makes each mistake in a copy of the module and has the checks
// find it in the plan of the complete example: a check that finds nothing is
// none. Mistakes that are found in different words share a plan.
func TestMutations(t *testing.T) {
	for module, mistakes := range mutations {
		t.Run(module, func(t *testing.T) {
			t.Parallel()
			ready := example(t, module, "examples/complete")
			ready.terraform(t, "init", "-no-color")
			for _, round := range rounds(mistakes) {
				dir := filepath.Join(ready.dir, "../..")
				for _, name := range round {
					mutate(t, dir, mistakes[name])
				}
				ready.terraform(t, "plan", "-no-color", "-input=false", "-out=plan")
				found := strings.Join(check(planned(t, ready, "plan")), "\n")
				for _, name := range round {
					if !strings.Contains(found, mistakes[name].want) {
						t.Errorf("%s: the checks say %q, and not %q", name, found, mistakes[name].want)
					}
					restore(t, dir, module, mistakes[name])
				}
			}
		})
	}
}

// rounds divides mistakes so that none in a round could pass for another.
func rounds(mistakes map[string]mutation) (divided [][]string) {
	for _, name := range slices.Sorted(maps.Keys(mistakes)) {
		i := slices.IndexFunc(divided, func(round []string) bool {
			return !slices.ContainsFunc(round, func(other string) bool { return mistakes[other].want == mistakes[name].want })
		})
		if i < 0 {
			divided = append(divided, nil)
			i = len(divided) - 1
		}
		divided[i] = append(divided[i], name)
	}
	return divided
}

func mutate(t *testing.T, dir string, m mutation) {
	t.Helper()
	path := filepath.Join(dir, m.file)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(content), m.was) {
		t.Fatalf("%s has no %s: the mutation mutates nothing", m.file, m.was)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(content), m.was, m.is)), 0o644); err != nil {
		t.Fatal(err)
	}
}

func restore(t *testing.T, dir, module string, m mutation) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(module, m.file))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, m.file), content, 0o644); err != nil {
		t.Fatal(err)
	}
}
