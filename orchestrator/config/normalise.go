package config

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"regexp"
	"slices"

	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// minMemory is the least budget with which an agent can hold a part and the
// windows of its connections.
const minMemory = 32 * unit.MiB

var sha256Hex = regexp.MustCompile(`^[0-9a-f]{64}$`)

// normalise checks what was read, key by key, and replaces short forms by long
// ones. Errors begin with the path of the key.
func (c *Config) normalise() error {
	for _, check := range []func() error{
		c.normaliseRegions, c.normaliseStores, c.checkLinks, c.checkPolicy, c.checkTools,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// checkPolicy checks what says who may do what.
func (c *Config) checkPolicy() error {
	for key := range sorted(c.Tags) {
		if key == "" {
			return fmt.Errorf("tags: a tag has no name, give it one")
		}
	}
	for i, r := range c.Allow.Regions {
		if _, err := region.Parse(string(r)); err != nil {
			return fmt.Errorf("allow.regions[%d]: %w", i, err)
		}
	}
	if c.Addresses != Public && c.Addresses != Private {
		return fmt.Errorf("addresses: %q is neither public nor private", c.Addresses)
	}
	for _, cidr := range c.Control.CIDRs {
		if _, err := netip.ParsePrefix(cidr); err != nil {
			return fmt.Errorf("control.cidrs: %q is neither auto nor a CIDR such as 192.0.2.0/24", cidr)
		}
	}
	if c.Limits.GatewaysPerRegion < 1 {
		return fmt.Errorf("limits.gateways_per_region: %d is less than 1; for no gateways use --gateways 0", c.Limits.GatewaysPerRegion)
	}
	if c.Limits.Memory < minMemory {
		return fmt.Errorf("limits.memory: %s is less than an agent needs, give it at least %s", c.Limits.Memory, minMemory)
	}
	return nil
}

// checkTools checks what says which programs are used.
func (c *Config) checkTools() error {
	if err := c.Agent.normalise(); err != nil {
		return err
	}
	if len(c.Hooks.AfterPlan) > 0 && c.Hooks.AfterPlan[0] == "" {
		return fmt.Errorf("hooks.after_plan: the command is empty, name a program")
	}
	return c.Terraform.checkBackend()
}

// sorted yields a map in the order of its keys, so that the same file always
// has the same first error.
func sorted[K cmp.Ordered, V any](m map[K]V) func(yield func(K, V) bool) {
	return func(yield func(K, V) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}

// figure checks an optional number: at least zero, and above it if positive is
// set.
func figure(path string, v *float64, positive bool) error {
	switch {
	case v == nil:
		return nil
	case math.IsNaN(*v) || math.IsInf(*v, 0):
		return fmt.Errorf("%s: %v is not a finite number", path, *v)
	case *v < 0:
		return fmt.Errorf("%s: %v is negative", path, *v)
	case positive && *v == 0:
		return fmt.Errorf("%s: 0 is no figure; leave the key out, or remove what it belongs to", path)
	case *v > 1e6:
		return fmt.Errorf("%s: %v is too large", path, *v)
	}
	return nil
}
