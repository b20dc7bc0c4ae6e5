package deploy

import (
	"fmt"
	"maps"
	"time"

	"github.com/skyctl/skyctl/agent/enroll"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/terraform/render"
)

// placeholder stands for a token where none is needed yet.
const placeholder = "minted-at-apply"

// describe is the deployment as package render takes it.
func (d *Deployment) describe(tokens map[route.Gateway]enroll.Token) render.Deployment {
	d.mu.Lock()
	defer d.mu.Unlock()
	return describe(d.cfg, d.choices, d.authority.CertificatePEM(), tokens)
}

func describe(cfg Config, c choices, ca string, tokens map[route.Gateway]enroll.Token) render.Deployment {
	out := render.Deployment{
		Run: string(cfg.Run.ID), Owner: Owner(), Tags: maps.Clone(cfg.Settings.Tags),
		AgentPath: cfg.AgentPath, CACertificate: ca, Tokens: map[string]string{},
		Lifetime: cfg.Lifetime, NotAfter: c.NotAfter, EnrollWithin: enrollWithin(cfg.Layout),
		ControlCIDRs: c.ControlCIDRs, Backend: backend(cfg.Settings.Terraform.BackendOf(string(cfg.Run.ID))),
	}
	describeClouds(&out, cfg.Settings)
	byRegion := map[region.Region]*render.Region{}
	var order []region.Region
	// eachHost fails only if its function does.
	_ = eachHost(cfg.Layout, cfg.Settings, func(g layout.Gateway, h config.Host) error {
		r := byRegion[g.Region]
		if r == nil {
			r = &render.Region{Name: string(g.Region), Slug: g.Region.Slug(),
				Peers: peers(cfg.Layout, g.Region), Arguments: arguments(cfg.Settings, g.Region)}
			byRegion[g.Region] = r
			order = append(order, g.Region)
		}
		r.Gateways = append(r.Gateways, render.Gateway{Name: string(g.Name), Machine: g.Machine, Zone: c.Zones[g.Name],
			Host: render.Host{Address: h.Address, Netns: h.NetNS, Port: c.Ports[g.Name], User: h.User, IdentityFile: expand(h.IdentityFile)}})
		out.Tokens[string(g.Name)] = placeholder
		if t, ok := tokens[g.Name]; ok {
			out.Tokens[string(g.Name)] = string(t)
		}
		return nil
	})
	for _, at := range order {
		out.Regions = append(out.Regions, *byRegion[at])
	}
	return out
}

// backend takes the settings over.
func backend(settings map[string]any) *render.Backend {
	kind, ok := settings["type"].(string)
	if !ok {
		return nil
	}
	delete(settings, "type")
	return &render.Backend{Type: kind, Config: settings}
}

// write renders into the run's Terraform directory.
func (d *Deployment) write(tokens map[route.Gateway]enroll.Token) error {
	files, err := render.Render(d.describe(tokens))
	if err != nil {
		return fmt.Errorf("render the root module: %w", err)
	}
	return render.Write(d.cfg.Run.Terraform(), files)
}

// Render writes the root module of a layout into dir, for another repository:
// with placeholders for what a run mints.
func Render(cfg Config, dir string) error {
	if len(cfg.Settings.Agent.SHA256) > 0 {
		if err := checkArchitectures(cfg); err != nil {
			return err
		}
	}
	d, err := preview(cfg)
	if err != nil {
		return err
	}
	files, err := render.Render(d)
	if err != nil {
		return fmt.Errorf("render the root module: %w", err)
	}
	return render.Write(dir, files)
}

// preview describes a deployment with an authority that is thrown away.
func preview(cfg Config) (render.Deployment, error) {
	ports, err := choosePorts(cfg.Layout, cfg.Settings)
	if err != nil {
		return render.Deployment{}, err
	}
	c := choices{NotAfter: time.Now().Add(cfg.Lifetime).UTC().Truncate(time.Second), Ports: ports, ControlCIDRs: cfg.Settings.Control.CIDRs, Zones: firstZones(cfg)}
	authority, err := enroll.NewAuthority(string(cfg.Run.ID), c.NotAfter)
	if err != nil {
		return render.Deployment{}, err
	}
	return describe(cfg, c, authority.CertificatePEM(), nil), nil
}
