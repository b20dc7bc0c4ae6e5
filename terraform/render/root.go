package render

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// mainFile says what the root is, which Terraform it takes, where its state is,
// and what everything is tagged with.
func mainFile(d Deployment) ([]byte, error) {
	f := hclwrite.NewEmptyFile()
	body := f.Body()
	comment(body, "Rendered by skyctl: the gateways of one bulk transfer, destroyed after it.\n"+
		"One region_*.tf a region. Any Terraform command works here.")
	body.AppendNewline()

	terraform := body.AppendNewBlock("terraform", nil).Body()
	set(terraform, "required_version", ">= 1.11, < 2")
	requiredProviders(terraform, d)
	if d.Backend != nil {
		terraform.AppendNewline()
		if err := backendBlock(terraform, *d.Backend); err != nil {
			return nil, err
		}
	}
	body.AppendNewline()

	locals := body.AppendNewBlock("locals", nil).Body()
	comment(locals, "On everything that can carry tags or labels. The run's own win.")
	locals.SetAttributeRaw("tags", expression(`merge(var.tags, {
    skyctl-run = var.run
    skyctl-owner = var.owner
    skyctl-expires = var.not_after
  })`))
	return finish(f), nil
}

func backendBlock(terraform *hclwrite.Body, b Backend) error {
	if !hclsyntax.ValidIdentifier(b.Type) {
		return fmt.Errorf("%q is no type of a Terraform backend", b.Type)
	}
	backend := terraform.AppendNewBlock("backend", []string{b.Type}).Body()
	for _, name := range slices.Sorted(maps.Keys(b.Config)) {
		if !hclsyntax.ValidIdentifier(name) {
			return fmt.Errorf("backend %s: %q is no name of a setting", b.Type, name)
		}
		value, err := ctyValue(b.Config[name])
		if err != nil {
			return fmt.Errorf("backend %s: %s: %w", b.Type, name, err)
		}
		backend.SetAttributeValue(name, value)
	}
	return nil
}

// variable is one variable of the root.
type variable struct {
	name, kind, description string
	sensitive               bool
	when                    func(Deployment) bool // nil: always
}

var rootVariables = []variable{
	{name: "run", kind: "string", description: "Id of the run."},
	{name: "owner", kind: "string", description: "Who answers for what is created here."},
	{name: "tags", kind: "map(string)", description: "Tags for everything that can carry tags or labels."},
	{name: "agent", kind: "object({\n path = optional(string)\n binaries = optional(map(object({ url = string, sha256 = string })), {})\n})",
		description: "The skyagent binary on this machine, and where machines of a cloud fetch it, by architecture."},
	{name: "ca_certificate", kind: "string", description: "Certificate of the run's certificate authority in PEM."},
	{name: "enrollment_tokens", kind: "map(string)", description: "One-time enrollment token of each gateway, by name.", sensitive: true},
	{name: "ports", kind: "map(number)", description: "Port, UDP and TCP, of each gateway that is a process of this machine or of a host of yours, by name.", when: Deployment.hasHosts},
	{name: "identity_files", kind: "map(string)", description: "Private key on this machine that logs in to the host of each gateway, by name.", when: Deployment.hasIdentities},
	{name: "control_cidrs", kind: "list(string)", description: "Networks that may reach the control port."},
	{name: "lifetime_seconds", kind: "number", description: "Seconds after its start at which a gateway ends itself."},
	{name: "not_after", kind: "string", description: "Moment at which a gateway ends itself whatever its lifetime, in RFC 3339."},
	{name: "enroll_within_seconds", kind: "number", description: "Seconds after its start at which an agent that nobody enrolled ends itself."},
}

// variablesFile declares what VariablesFile sets.
func variablesFile(d Deployment) []byte {
	f := hclwrite.NewEmptyFile()
	comment(f.Body(), "Set in "+VariablesFile+", which Terraform loads by itself.")
	for _, v := range rootVariables {
		if v.when != nil && !v.when(d) {
			continue
		}
		f.Body().AppendNewline()
		block := f.Body().AppendNewBlock("variable", []string{v.name}).Body()
		block.SetAttributeRaw("type", expression(v.kind))
		set(block, "description", v.description)
		if v.sensitive {
			block.SetAttributeRaw("sensitive", expression("true"))
		}
	}
	return finish(f)
}

// outputsFile gathers the gateways of all regions.
func outputsFile(d Deployment) []byte {
	var value strings.Builder
	value.WriteString("merge(\n")
	for _, r := range d.Regions {
		fmt.Fprintf(&value, "{ for name, gateway in module.%s.gateways : name => merge(gateway, { region = %q }) },\n", moduleName(r), r.Name)
	}
	value.WriteString(")")

	f := hclwrite.NewEmptyFile()
	block := f.Body().AppendNewBlock("output", []string{"gateways"}).Body()
	set(block, "description", "Every gateway by name: address (host:port), private_address, id, zone, region.")
	block.SetAttributeRaw("value", expression(value.String()))
	return finish(f)
}

// finish lays the file out as terraform fmt does.
func finish(f *hclwrite.File) []byte { return hclwrite.Format(f.Bytes()) }
