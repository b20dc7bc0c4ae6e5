package deploy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/terraform/render"
)

// enrollWithinCloud is what EnrollWithin is where machines are rented: Terraform
// tells their addresses only after its slowest region.
const enrollWithinCloud = 30 * time.Minute

// uses tells whether some gateway is in one of the clouds.
func uses(l *layout.Layout, clouds ...region.Cloud) bool {
	return slices.ContainsFunc(l.Gateways, func(g layout.Gateway) bool { return slices.Contains(clouds, g.Region.Cloud()) })
}

func enrollWithin(l *layout.Layout) time.Duration {
	if uses(l, region.AWS, region.GCP, region.Azure) {
		return enrollWithinCloud
	}
	return EnrollWithin
}

// checkClouds refuses to rent machines from an account that nobody named, or
// without an agent for them: both would show only after machines bill.
func checkClouds(cfg Config) error {
	clouds := cfg.Settings.Clouds
	for _, need := range []struct {
		cloud region.Cloud
		given string
		key   string
	}{
		{region.AWS, clouds.AWS.AccountID, "clouds.aws.account_id"},
		{region.GCP, clouds.GCP.Project, "clouds.gcp.project"},
		{region.Azure, clouds.Azure.SubscriptionID, "clouds.azure.subscription_id"},
	} {
		if uses(cfg.Layout, need.cloud) && need.given == "" {
			return fmt.Errorf("the plan rents machines of %s, and no account is named: set %s", need.cloud, need.key)
		}
	}
	if err := checkNetworks(cfg); err != nil {
		return err
	}
	if uses(cfg.Layout, region.AWS, region.GCP, region.Azure) && (len(cfg.Settings.Agent.URL) == 0 || len(cfg.Settings.Agent.SHA256) == 0) {
		return errors.New("machines of a cloud fetch skyagent by https: set agent.url and agent.sha256")
	}
	return checkArchitectures(cfg)
}

// checkNetworks refuses machines that could not be reached, or that would be in
// another network than the one that was given.
func checkNetworks(cfg Config) error {
	if uses(cfg.Layout, region.AWS, region.GCP, region.Azure) && cfg.Settings.Addresses == config.Private && len(cfg.Settings.Control.CIDRs) == 0 {
		return errors.New("machines that have private addresses only see this workstation by another address than the Internet does: set control.cidrs to its network")
	}
	google := cfg.Settings.Clouds.GCP
	for _, g := range cfg.Layout.Gateways {
		if g.Region.Cloud() == region.GCP && (google.Network == "") != (google.Subnetworks[g.Region.Name()] == "") {
			return fmt.Errorf("a network of Google Cloud and its subnetwork are given together, and for %s one is not: set clouds.gcp.network and clouds.gcp.subnetworks.%s, or leave both out", g.Region, g.Region.Name())
		}
	}
	return nil
}

// checkArchitectures refuses machines that no agent runs on. A type that the
// catalogue does not have is left to its module, which asks the cloud.
func checkArchitectures(cfg Config) error {
	for _, g := range cfg.Layout.Gateways {
		for _, m := range region.Machines(g.Region) {
			if m.Type == g.Machine && cfg.Settings.Agent.URLFor(m.Arch) == "" {
				return fmt.Errorf("machine %s in %s is %s, and there is no agent for that: give agent.sha256 one for it and agent.url an {arch}, or name other types in allow.machines",
					m.Type, g.Region, m.Arch)
			}
		}
	}
	return nil
}

// describeClouds adds whose machines are rented and what they fetch.
func describeClouds(d *render.Deployment, settings *config.Config) {
	c := settings.Clouds
	d.AWS = render.AWSAccount{ID: c.AWS.AccountID, Profile: c.AWS.Profile, AssumeRole: c.AWS.AssumeRole}
	d.GCP = render.GCPAccount{Project: c.GCP.Project, ImpersonateServiceAccount: c.GCP.ImpersonateServiceAccount}
	d.Azure = render.AzureAccount{SubscriptionID: c.Azure.SubscriptionID, TenantID: c.Azure.TenantID}
	for arch, sum := range settings.Agent.SHA256 {
		if d.AgentBinaries == nil {
			d.AgentBinaries = map[string]render.Binary{}
		}
		d.AgentBinaries[string(arch)] = render.Binary{URL: settings.Agent.URLFor(arch), SHA256: sum}
	}
}

// arguments are what the configuration says of a region's network and account.
func arguments(settings *config.Config, r region.Region) map[string]any {
	network, args := map[string]any{}, map[string]any{}
	switch clouds := settings.Clouds; r.Cloud() {
	case region.AWS:
		if n, ok := clouds.AWS.Networks[r.Name()]; ok {
			network["vpc_id"], network["subnet_ids"] = n.VPCID, n.SubnetIDs
		}
		if clouds.AWS.PermissionsBoundary != "" {
			args["identity"] = map[string]any{"permissions_boundary_arn": clouds.AWS.PermissionsBoundary}
		}
	case region.GCP:
		if subnetwork := clouds.GCP.Subnetworks[r.Name()]; subnetwork != "" {
			network["network"], network["subnetwork"] = clouds.GCP.Network, subnetwork
		}
		if zones := clouds.GCP.Zones[r.Name()]; len(zones) > 0 {
			network["zones"] = zones
		}
	case region.Azure:
		if id := clouds.Azure.SubnetIDs[r.Name()]; id != "" {
			network["subnet_id"] = id
		}
		if clouds.Azure.ResourceGroup != "" {
			args["resource_group_name"] = clouds.Azure.ResourceGroup
		}
	default:
		return nil
	}
	if settings.Addresses == config.Private {
		network["public_addresses"] = false
	}
	if len(network) > 0 {
		args["network"] = network
	}
	return args
}

// peers are the gateways of other regions that a region's gateways talk to,
// whoever dials.
func peers(l *layout.Layout, at region.Region) []string {
	home := map[route.Gateway]region.Region{}
	for _, g := range l.Gateways {
		home[g.Name] = g.Region
	}
	var found []string
	for _, g := range l.Gateways {
		for peer := range l.Peers(g.Name) {
			switch {
			case home[g.Name] == at && home[peer] != at:
				found = append(found, string(peer))
			case home[peer] == at && home[g.Name] != at:
				found = append(found, string(g.Name))
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// expand replaces a leading ~ by the user's home. Without one it stays, and
// Terraform says that there is no such file.
func expand(path string) string {
	rest, ok := strings.CutPrefix(path, "~/")
	home, err := os.UserHomeDir()
	if !ok || err != nil {
		return path
	}
	return filepath.Join(home, rest)
}

// whoAmI answers with the address that it is asked from.
var whoAmI = "https://checkip.amazonaws.com"

// controlCIDRs are the networks that reach the control port of machines of a
// cloud: those of the configuration, else this workstation's address as the
// Internet sees it.
func controlCIDRs(ctx context.Context, cfg Config) ([]string, error) {
	if given := cfg.Settings.Control.CIDRs; len(given) > 0 || !uses(cfg.Layout, region.AWS, region.GCP, region.Azure) {
		return given, nil
	}
	address, err := publicAddress(ctx)
	if err != nil {
		return nil, fmt.Errorf("the address of this workstation, for the gateways' firewalls, is not known: %w; set control.cidrs", err)
	}
	return []string{netip.PrefixFrom(address, address.BitLen()).String()}, nil
}

// relocated notes where this workstation is by now, and tells whether that is
// somewhere else: gateways of a cloud let it in from where it was, and seem to be
// dead. Where it is not known it is taken to be where it was.
func (d *Deployment) relocated(ctx context.Context) (bool, error) {
	cidrs, err := controlCIDRs(ctx, d.cfg)
	d.mu.Lock()
	same := slices.Equal(cidrs, d.choices.ControlCIDRs)
	d.mu.Unlock()
	if err != nil || same {
		return false, ctx.Err()
	}
	return true, d.choose(func(c *choices) { c.ControlCIDRs = cidrs })
}

func publicAddress(ctx context.Context) (netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, whoAmI, nil)
	if err != nil {
		return netip.Addr{}, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return netip.Addr{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64))
	if err != nil {
		return netip.Addr{}, err
	}
	address, err := netip.ParseAddr(strings.TrimSpace(string(body)))
	if err == nil && !address.Is4() {
		err = fmt.Errorf("%s is no IPv4 address", address)
	}
	return address, err
}
