package render

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
)

var (
	runName     = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)
	slugName    = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
	hostName    = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)
	gatewayName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)
)

// validate refuses what would render into a root that Terraform, or a reader,
// misunderstands.
func (d Deployment) validate() error {
	switch {
	case !runName.MatchString(d.Run):
		return fmt.Errorf("run id %q has other characters than lower case letters, digits and hyphens", d.Run)
	case d.Owner == "":
		return errors.New("nobody owns the run")
	case d.CACertificate == "":
		return errors.New("the run has no CA certificate")
	case d.Lifetime < time.Second:
		return fmt.Errorf("a lifetime of %s is none", d.Lifetime)
	case d.EnrollWithin < time.Second:
		return fmt.Errorf("%s is no time to enroll in", d.EnrollWithin)
	case d.NotAfter.IsZero():
		return errors.New("the run has no deadline")
	}
	home := map[string]string{} // region of each gateway
	named := map[string]bool{}  // gateways on hosts that are known by name only
	slugs := map[string]bool{}
	for _, r := range d.Regions {
		if slugs[r.Slug] {
			return fmt.Errorf("two regions are called %q in files and names", r.Slug)
		}
		slugs[r.Slug] = true
		if err := d.validateRegion(r); err != nil {
			return fmt.Errorf("region %s: %w", r.Name, err)
		}
		for _, g := range r.Gateways {
			if home[g.Name] != "" {
				return fmt.Errorf("two gateways are called %q", g.Name)
			}
			home[g.Name] = r.Name
			if _, err := netip.ParseAddr(g.Host.Address); err != nil && kinds[r.cloud()].hosts {
				named[g.Name] = true
			}
		}
	}
	for _, r := range d.Regions {
		for _, peer := range r.Peers {
			if home[peer] == "" || home[peer] == r.Name {
				return fmt.Errorf("region %s: peer %q is no gateway of another region", r.Name, peer)
			}
			if named[peer] && !kinds[r.cloud()].hosts {
				return fmt.Errorf("region %s: its firewall lets in addresses: give the host of %s by its IP address", r.Name, peer)
			}
		}
	}
	return nil
}

func (d Deployment) validateRegion(r Region) error {
	if kinds[r.cloud()].module == "" {
		return fmt.Errorf("there is no module for %q", r.cloud())
	}
	if !slugName.MatchString(r.Slug) {
		return fmt.Errorf("%q cannot be part of a name", r.Slug)
	}
	if _, err := resourcePrefix(d.Run, r.Slug); err != nil {
		return err
	}
	for _, g := range r.Gateways {
		switch {
		case !gatewayName.MatchString(g.Name):
			return fmt.Errorf("%q is no name for a gateway", g.Name)
		case d.Tokens[g.Name] == "":
			return fmt.Errorf("gateway %s has no enrollment token", g.Name)
		}
		if !kinds[r.cloud()].hosts {
			if g.Machine == "" {
				return fmt.Errorf("gateway %s has no machine type", g.Name)
			}
			continue
		}
		if err := g.Host.validate(r.cloud()); err != nil {
			return fmt.Errorf("gateway %s: %w", g.Name, err)
		}
		if d.AgentPath == "" {
			return errors.New("there is no agent to run")
		}
	}
	return nil
}

func (h Host) validate(cloud string) error {
	if _, err := netip.ParseAddr(h.Address); err != nil && (cloud == "local" || !hostName.MatchString(h.Address)) {
		return fmt.Errorf("%q is no IP address to listen on", h.Address)
	}
	if h.Port < 1 || h.Port > 65535 {
		return fmt.Errorf("%d is no port to listen on", h.Port)
	}
	return nil
}

// cloud is the part of the region's name before the colon.
func (r Region) cloud() string {
	cloud, _, _ := strings.Cut(r.Name, ":")
	return cloud
}

// sorted returns the gateways by name.
func (r Region) sorted() []Gateway {
	return slices.SortedFunc(slices.Values(r.Gateways), func(a, b Gateway) int { return cmp.Compare(a.Name, b.Name) })
}
