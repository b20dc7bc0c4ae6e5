package render

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// mark starts each region's file, so that Write knows its own.
const mark = "# Rendered by skyctl: "

// moduleName is the region's name in HCL: "local_east".
func moduleName(r Region) string { return strings.ReplaceAll(r.Slug, "-", "_") }

func regionPath(r Region) string { return "region_" + moduleName(r) + ".tf" }

// maxPrefix is the longest name that every cloud takes.
const maxPrefix = 30

// resourcePrefix is what the names of a region's resources start with. A slug
// that is too long keeps its start and gets a few digits that tell it from
// others with the same.
func resourcePrefix(run, slug string) (string, error) {
	const digits = 4
	room := maxPrefix - len("skyctl-"+run+"-")
	if len(slug) > room {
		if room < digits+2 {
			return "", fmt.Errorf("run id %s leaves no room for a region in names of %d characters", run, maxPrefix)
		}
		sum := fmt.Sprintf("%x", sha256.Sum256([]byte(slug)))
		slug = strings.TrimRight(slug[:room-digits-1], "-") + "-" + sum[:digits]
	}
	return "skyctl-" + run + "-" + slug, nil
}

// regionFile calls the region's module.
func regionFile(d Deployment, r Region) ([]byte, error) {
	f := hclwrite.NewEmptyFile()
	comment(f.Body(), strings.TrimPrefix(mark, "# ")+"the gateways in "+r.Name+".")
	f.Body().AppendNewline()

	module := f.Body().AppendNewBlock("module", []string{moduleName(r)}).Body()
	set(module, "source", "./modules/"+kinds[r.cloud()].module)
	module.AppendNewline()

	prefix, _ := resourcePrefix(d.Run, r.Slug) // validated
	refer(module, "run", "var.run")
	set(module, "region", r.Name)
	set(module, "name", prefix)
	module.AppendNewline()

	module.SetAttributeRaw("gateways", gatewaysObject(r))
	if kinds[r.cloud()].hosts {
		module.SetAttributeRaw("hosts", hostsObject(r))
	}
	module.SetAttributeRaw("peers", peersObject(d, r))
	module.AppendNewline()

	for _, name := range slices.Sorted(maps.Keys(r.Arguments)) {
		if !hclsyntax.ValidIdentifier(name) {
			return nil, fmt.Errorf("%q is no argument of a module", name)
		}
		tokens, err := valueTokens(r.Arguments[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		module.SetAttributeRaw(name, tokens)
	}
	if len(r.Arguments) > 0 {
		module.AppendNewline()
	}

	refer(module, "agent", "var.agent")
	refer(module, "ca_certificate", "var.ca_certificate")
	refer(module, "enrollment_tokens", "var.enrollment_tokens")
	refer(module, "control_cidrs", "var.control_cidrs")
	refer(module, "lifetime_seconds", "var.lifetime_seconds")
	refer(module, "not_after", "var.not_after")
	refer(module, "enroll_within_seconds", "var.enroll_within_seconds")
	refer(module, "tags", "local.tags")
	return finish(f), nil
}

// gatewaysObject writes only what differs from the module's defaults.
func gatewaysObject(r Region) hclwrite.Tokens {
	var gateways object
	for _, g := range r.sorted() {
		var attributes object
		if g.Machine != "" {
			attributes.value("machine_type", cty.StringVal(g.Machine))
		}
		if g.Zone != "" {
			attributes.value("zone", cty.StringVal(g.Zone))
		}
		if g.Spot {
			attributes.value("spot", cty.True)
		}
		gateways.add(g.Name, attributes.tokens())
	}
	return gateways.tokens()
}

// hostsObject leaves to the variables what is so on one machine at one moment:
// which ports are free, and where keys are.
func hostsObject(r Region) hclwrite.Tokens {
	var hosts object
	for _, g := range r.sorted() {
		var host object
		host.value("address", cty.StringVal(g.Host.Address))
		if g.Host.Netns != "" {
			host.value("netns", cty.StringVal(g.Host.Netns))
		}
		host.add("port", byName("ports", g.Name))
		if g.Host.User != "" {
			host.value("user", cty.StringVal(g.Host.User))
		}
		if g.Host.IdentityFile != "" {
			host.add("identity_file", byName("identity_files", g.Name))
		}
		hosts.add(g.Name, host.tokens())
	}
	return hosts.tokens()
}

// byName refers to the value that a variable has for a gateway.
func byName(variable, gateway string) hclwrite.Tokens {
	return hclwrite.TokensForTraversal(hcl.Traversal{
		hcl.TraverseRoot{Name: "var"}, hcl.TraverseAttr{Name: variable}, hcl.TraverseIndex{Key: cty.StringVal(gateway)},
	})
}

// peersObject refers to the outputs of other modules. Its keys are known
// before anything exists, which is what lets modules refer to each other.
func peersObject(d Deployment, r Region) hclwrite.Tokens {
	home := map[string]string{}
	for _, other := range d.Regions {
		for _, g := range other.Gateways {
			home[g.Name] = moduleName(other)
		}
	}
	var peers object
	for _, peer := range slices.Sorted(slices.Values(r.Peers)) {
		peers.add(peer, hclwrite.TokensForTraversal(hcl.Traversal{
			hcl.TraverseRoot{Name: "module"}, hcl.TraverseAttr{Name: home[peer]}, hcl.TraverseAttr{Name: "gateways"},
			hcl.TraverseIndex{Key: cty.StringVal(peer)}, hcl.TraverseAttr{Name: "address"},
		}))
	}
	return peers.tokens()
}
