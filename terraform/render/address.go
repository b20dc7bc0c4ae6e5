package render

import (
	"fmt"
	"strings"
)

// GatewayAddress is the address, in a rendered root's state, of the resource
// that is a gateway: what -replace wants. The region is given by its slug.
func GatewayAddress(slug, gateway string) string {
	return fmt.Sprintf("module.%s.terraform_data.gateway[%q]", strings.ReplaceAll(slug, "-", "_"), gateway)
}
