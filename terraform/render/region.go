package render

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
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
func regionFile(d Deployment, r Region) []byte {
	f := hclwrite.NewEmptyFile()
	comment(f.Body(), strings.TrimPrefix(mark, "# ")+"the gateways in "+r.Name+".")
	f.Body().AppendNewline()

	module := f.Body().AppendNewBlock("module", []string{moduleName(r)}).Body()
	set(module, "source", "./modules/"+moduleOf[r.cloud()])
	module.AppendNewline()

	prefix, _ := resourcePrefix(d.Run, r.Slug) // validated
	refer(module, "run", "var.run")
	set(module, "region", r.Name)
	set(module, "name", prefix)
	module.AppendNewline()

	module.SetAttributeRaw("gateways", gatewaysObject(r))
	module.SetAttributeRaw("hosts", hostsObject(r))
	module.SetAttributeRaw("peers", peersObject(d, r))
	module.AppendNewline()

	refer(module, "agent", "var.agent")
	refer(module, "ca_certificate", "var.ca_certificate")
	refer(module, "enrollment_tokens", "var.enrollment_tokens")
	refer(module, "control_cidrs", "var.control_cidrs")
	refer(module, "lifetime_seconds", "var.lifetime_seconds")
	refer(module, "not_after", "var.not_after")
	refer(module, "enroll_within_seconds", "var.enroll_within_seconds")
	refer(module, "tags", "local.tags")
	return finish(f)
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

// hostsObject leaves the ports to the variables: they are free on one machine
// at one moment.
func hostsObject(r Region) hclwrite.Tokens {
	var hosts object
	for _, g := range r.sorted() {
		var host object
		host.value("address", cty.StringVal(g.Host.Address))
		if g.Host.Netns != "" {
			host.value("netns", cty.StringVal(g.Host.Netns))
		}
		host.add("port", hclwrite.TokensForTraversal(hcl.Traversal{
			hcl.TraverseRoot{Name: "var"}, hcl.TraverseAttr{Name: "ports"}, hcl.TraverseIndex{Key: cty.StringVal(g.Name)},
		}))
		hosts.add(g.Name, host.tokens())
	}
	return hosts.tokens()
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
