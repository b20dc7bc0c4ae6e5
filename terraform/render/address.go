package render

import "fmt"

// GatewayAddress is the address, in a rendered root's state, of the resource
// that is a gateway: what -replace wants. Of the region only the names count.
func GatewayAddress(r Region, gateway string) string {
	return fmt.Sprintf("%s.%s.gateway[%q]", ModuleAddress(r), kinds[r.cloud()].resource, gateway)
}

// ModuleAddress is the address of a region's module.
func ModuleAddress(r Region) string { return "module." + moduleName(r) }
