package stubprovider

import (
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// Account is the account, project and subscription that the stub is logged in
// to.
const Account = "123456789012"

// VPC is the network that every subnet of AWS is in that the stub is asked for.
const VPC = "vpc-0123"

// answers are what data sources and resources say that a module depends on and
// that cannot be made up.
func answers(resource string, config cty.Value) map[string]cty.Value {
	text := func(name string) string {
		if config.IsNull() || !config.Type().HasAttribute(name) {
			return ""
		}
		if v := config.GetAttr(name); v.IsKnown() && !v.IsNull() {
			return v.AsString()
		}
		return ""
	}
	strs := func(values ...string) cty.Value {
		var out []cty.Value
		for _, v := range values {
			out = append(out, cty.StringVal(v))
		}
		return cty.ListVal(out)
	}
	switch resource {
	case "aws_availability_zones":
		at := text("region")
		return map[string]cty.Value{"names": strs(at+"a", at+"b", at+"c")}
	case "aws_ec2_instance_type":
		architecture := "x86_64"
		if family, _, _ := strings.Cut(text("instance_type"), "."); strings.Contains(family, "g") {
			architecture = "arm64" // c7gn, m6g, t4g
		}
		return map[string]cty.Value{"supported_architectures": strs(architecture)}
	case "aws_subnet":
		return map[string]cty.Value{"vpc_id": cty.StringVal(VPC)}
	case "aws_partition":
		return map[string]cty.Value{"partition": cty.StringVal("aws")}
	case "google_compute_zones":
		at := text("region")
		return map[string]cty.Value{"names": strs(at+"-a", at+"-b", at+"-c")}
	case "azurerm_platform_image":
		return map[string]cty.Value{"version": cty.StringVal("24.04.202611010")}
	case "azurerm_subscription", "azurerm_client_config":
		return map[string]cty.Value{"subscription_id": cty.StringVal(Account)}
	}
	return nil
}
