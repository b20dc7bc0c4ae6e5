package deploy

import (
	"slices"

	"github.com/skyctl/skyctl/orchestrator/account"
	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/region"
)

// Wants are what a deployment wants of each region of a cloud: what is to be
// there before anything is created.
func Wants(cfg Config, cloud region.Cloud) []account.Want {
	var wants []account.Want
	there := cfg.Layout.Gateways[:cfg.There]
	for _, g := range cfg.Layout.Gateways[cfg.There:] {
		if g.Region.Cloud() != cloud {
			continue
		}
		i := slices.IndexFunc(wants, func(w account.Want) bool { return w.Region == g.Region })
		if i < 0 {
			i, wants = len(wants), append(wants, want(cfg, g.Region))
			if slices.ContainsFunc(there, func(x layout.Gateway) bool { return x.Region == g.Region }) {
				wants[i].NewNetwork = false
			}
		}
		m := slices.IndexFunc(wants[i].Machines, func(m account.Machines) bool { return m.Type == g.Machine })
		if m < 0 {
			m, wants[i].Machines = len(wants[i].Machines), append(wants[i].Machines, account.Machines{Type: g.Machine})
		}
		wants[i].Machines[m].Count++
	}
	return wants
}

// want is a region's without any gateway.
func want(cfg Config, at region.Region) account.Want {
	w := account.Want{Region: at, Public: cfg.Settings.Addresses != config.Private,
		Peers: len(peers(cfg.Layout, at)), ControlCIDRs: max(1, len(cfg.Settings.Control.CIDRs))}
	switch clouds := cfg.Settings.Clouds; at.Cloud() {
	case region.AWS:
		_, own := clouds.AWS.Networks[at.Name()]
		w.NewNetwork = !own
	case region.GCP:
		w.NewNetwork = clouds.GCP.Subnetworks[at.Name()] == ""
	case region.Azure:
		w.NewNetwork = clouds.Azure.SubnetIDs[at.Name()] == ""
	}
	for _, m := range region.Machines(at) {
		if len(cfg.Settings.Allow.Machines) == 0 || slices.Contains(cfg.Settings.Allow.Machines, m.Type) {
			w.Machines = append(w.Machines, account.Machines{Type: m.Type, VCPU: m.VCPU})
		}
	}
	return w
}
