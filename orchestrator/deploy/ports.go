package deploy

import (
	"fmt"

	"github.com/skyctl/skyctl/agent/port"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/region"
)

// firstPort is that of the first gateway on a host of its own, where no free
// port can be asked for from here.
const firstPort = 7443

// hostOf returns the host of a region's gateway with the given index: more
// gateways than hosts share them. A cloud's machines have none.
func hostOf(settings *config.Config, g layout.Gateway, index int) config.Host {
	hosts := settings.Regions[g.Region].Hosts
	switch {
	case !g.Region.Cloud().Owned():
		return config.Host{}
	case len(hosts) == 0:
		return config.Host{Address: "127.0.0.1"}
	}
	return hosts[index%len(hosts)]
}

// eachHost calls do with every gateway, its index in its region, and its host.
func eachHost(l *layout.Layout, settings *config.Config, do func(layout.Gateway, config.Host) error) error {
	next := map[string]int{}
	for _, g := range l.Gateways {
		i := next[string(g.Region)]
		next[string(g.Region)]++
		if err := do(g, hostOf(settings, g, i)); err != nil {
			return err
		}
	}
	return nil
}

// choosePorts finds a port for each gateway of an owned region that is free for
// TCP and UDP. On a host in a network namespace, or that is logged in to, it is
// counted up from firstPort: what is free there cannot be seen from here, and if
// it is not, the agent says so. Machines of a cloud have their module's port.
func choosePorts(l *layout.Layout, settings *config.Config) (map[route.Gateway]int, error) {
	ports := map[route.Gateway]int{}
	counted := map[string]int{}
	var held []*port.Held // so that no port is found twice
	defer func() {
		for _, h := range held {
			h.Close()
		}
	}()
	err := eachHost(l, settings, func(g layout.Gateway, h config.Host) error {
		switch {
		case !g.Region.Cloud().Owned():
			return nil
		case h.NetNS != "" || g.Region.Cloud() == region.SSH:
			ports[g.Name] = firstPort + counted[h.Address]
			counted[h.Address]++
			return nil
		}
		free, err := port.Hold(h.Address)
		if err != nil {
			return fmt.Errorf("gateway %s: %w", g.Name, err)
		}
		held = append(held, free)
		ports[g.Name] = free.Number
		return nil
	})
	return ports, err
}
