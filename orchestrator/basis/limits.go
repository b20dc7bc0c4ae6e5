package basis

import (
	"slices"
	"time"

	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/planner"
	"github.com/skyctl/skyctl/orchestrator/region"
)

// Provisioning is the forecast of how long it takes to bring gateways up.
// Local: measured with make bench. The clouds': a guess, from how long machines
// of theirs usually take to boot, until their modules are measured.
var Provisioning = map[region.Cloud]time.Duration{
	region.Local: 3 * time.Second,
	region.AWS:   90 * time.Second,
	region.GCP:   90 * time.Second,
	region.Azure: 150 * time.Second,
}

// Limits are what a plan between the regions must stay within.
func Limits(c *config.Config, ends []region.Region) planner.Limits {
	return planner.Limits{Gateways: c.Limits.GatewaysPerRegion, Relays: relays(c, ends),
		Allow: c.Allow.Regions, Machines: c.Allow.Machines, Provision: Provisioning}
}

// WithAgent leaves, of the machine types that a plan may rent, those that the
// configured agents run on. Where that leaves none, or no agent is configured,
// it changes nothing: deploying says what is missing.
func WithAgent(c *config.Config, allowed []string) []string {
	var run []string
	for _, m := range region.AllMachines() {
		if c.Agent.URLFor(m.Arch) != "" && (len(allowed) == 0 || slices.Contains(allowed, m.Type)) {
			run = append(run, m.Type)
		}
	}
	if len(run) == 0 {
		return allowed
	}
	return run
}

// relays returns where relays may be in a transfer between regions: those that
// the configuration declares and, of the clouds that the transfer is in or that
// the configuration has an account for, all regions that the catalogue has.
func relays(c *config.Config, ends []region.Region) []region.Region {
	clouds := c.Clouds.Configured()
	for _, r := range ends {
		clouds = append(clouds, r.Cloud())
	}
	all := c.Relays()
	for _, p := range region.Places() {
		if slices.Contains(clouds, p.Region.Cloud()) {
			all = append(all, p.Region)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
