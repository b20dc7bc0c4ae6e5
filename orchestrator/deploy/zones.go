package deploy

import (
	"slices"

	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/region"
)

// zonesOf returns the zones in which a machine type may be, in the order in which
// they are tried. None: its module, or its cloud, chooses one.
func zonesOf(cfg Config, at region.Region, machine string) []string {
	offered, known := cfg.Zones[region.Kind{Region: at, Machine: machine}]
	switch clouds := cfg.Settings.Clouds; at.Cloud() {
	case region.AWS:
		if _, own := clouds.AWS.Networks[at.Name()]; own {
			return nil // its subnets are in the zones that there are
		}
		return offered
	case region.GCP:
		wanted := slices.Clone(clouds.GCP.Zones[at.Name()])
		if len(wanted) == 0 {
			return offered
		}
		return slices.DeleteFunc(wanted, func(zone string) bool { return known && !slices.Contains(offered, zone) })
	}
	return nil
}

// firstZones are where the gateways are tried first.
func firstZones(cfg Config) map[route.Gateway]string {
	zones := map[route.Gateway]string{}
	for _, g := range cfg.Layout.Gateways {
		if in := zonesOf(cfg, g.Region, g.Machine); len(in) > 0 {
			zones[g.Name] = in[0]
		}
	}
	return zones
}
