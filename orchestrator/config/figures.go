package config

import (
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/price"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// Source is what the figures of a configuration say they are from.
const Source = "configuration"

// Relays returns the regions in which relays may be, sorted: those that the
// configuration declares. The workstation is one only if it is declared.
func (c *Config) Relays() []region.Region {
	return slices.Sorted(maps.Keys(c.Regions))
}

// places returns all regions that exist by this configuration, sorted.
func (c *Config) places() []region.Region {
	all := append(c.Relays(), region.Workstation)
	for _, s := range c.Stores {
		all = append(all, s.Region...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Grid returns the throughput figures of links and regions.
func (c *Config) Grid() *grid.Grid {
	links := map[grid.Pair]grid.Link{}
	for _, l := range c.Links {
		if l.Gbps == nil {
			continue
		}
		figures := grid.Link{
			Gbps:        unit.Gbps(*l.Gbps),
			RTT:         grid.AssumedRTT,
			Connections: grid.DefaultConnections,
			Total:       true,
			Source:      Source,
		}
		if l.RTTMs != nil {
			figures.RTT = time.Duration(*l.RTTMs * float64(time.Millisecond))
		}
		if l.Connections != nil {
			figures.Connections = *l.Connections
		}
		for _, pair := range l.pairs() {
			links[pair] = figures
		}
	}
	gateways := map[region.Region]grid.Gateway{}
	for name, r := range c.Regions {
		var g grid.Gateway
		if r.EgressGbps != nil {
			g.Egress = unit.Gbps(*r.EgressGbps)
		}
		if r.IngressGbps != nil {
			g.Ingress = unit.Gbps(*r.IngressGbps)
		}
		gateways[name] = g
	}
	return grid.New(links, gateways)
}

// Prices returns the prices of links and regions.
func (c *Config) Prices() *price.Book {
	egress := map[grid.Pair]price.Price{}
	for _, l := range c.Links {
		if l.USDPerGB == nil {
			continue
		}
		for _, pair := range l.pairs() {
			egress[pair] = price.Price{USD: unit.USD(*l.USDPerGB), Source: Source}
		}
	}
	machines := map[region.Region]price.Price{}
	for name, r := range c.Regions {
		if r.USDPerHour != nil {
			machines[name] = price.Price{USD: unit.USD(*r.USDPerHour), Source: Source}
		}
	}
	return price.New(egress, machines)
}

// Configured returns the clouds for which the configuration has an account.
func (c Clouds) Configured() []region.Cloud {
	var clouds []region.Cloud
	for cloud, account := range map[region.Cloud]any{region.AWS: c.AWS, region.GCP: c.GCP, region.Azure: c.Azure} {
		if !reflect.ValueOf(account).IsZero() {
			clouds = append(clouds, cloud)
		}
	}
	slices.Sort(clouds)
	return clouds
}
