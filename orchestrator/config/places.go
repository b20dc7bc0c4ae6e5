package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/region"
)

// maxConnections is what one gateway may have, on all its links together.
const maxConnections = 64

var hostname = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)

// normaliseRegions checks the regions and brings their hosts to one form.
func (c *Config) normaliseRegions() error {
	for name, r := range sorted(c.Regions) {
		path := fmt.Sprintf("regions.%s", name)
		if _, err := region.Parse(string(name)); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if r.NetNS != "" || r.Address != "" {
			if len(r.Hosts) > 0 {
				return fmt.Errorf("%s: has both hosts and netns or address, which is short for one host: keep one", path)
			}
			r.Hosts = []Host{{NetNS: r.NetNS, Address: r.Address}}
			r.NetNS, r.Address = "", ""
			c.Regions[name] = r
		}
		switch {
		case name.Cloud() == region.SSH && len(r.Hosts) == 0:
			return fmt.Errorf("%s.hosts: missing, list the hosts as {address, user, identity_file}", path)
		case !name.Cloud().Owned() && len(r.Hosts) > 0:
			return fmt.Errorf("%s.hosts: the machines of %s come from its cloud; hosts are for ssh and local", path, name)
		}
		for i, h := range r.Hosts {
			if err := h.check(name.Cloud()); err != nil {
				return fmt.Errorf("%s.hosts[%d]%w", path, i, err)
			}
		}
		for _, f := range []struct {
			key      string
			v        *float64
			positive bool
		}{{"egress_gbps", r.EgressGbps, true}, {"ingress_gbps", r.IngressGbps, true}, {"usd_per_hour", r.USDPerHour, false}} {
			if err := figure(path+"."+f.key, f.v, f.positive); err != nil {
				return err
			}
		}
	}
	return nil
}

// check checks a host; its errors continue the host's path.
func (h Host) check(cloud region.Cloud) error {
	switch {
	case h.Address == "":
		return fmt.Errorf(".address: missing, other gateways need it to reach this host")
	case !isAddress(h.Address):
		return fmt.Errorf(".address: %q is neither an IP address nor a host name (ports are chosen by skyctl)", h.Address)
	case cloud != region.Local && h.NetNS != "":
		return fmt.Errorf(".netns: only hosts of local regions are network namespaces, remove it")
	case cloud != region.SSH && (h.User != "" || h.IdentityFile != ""):
		return fmt.Errorf(".user: only hosts of ssh regions are logged in to, remove user and identity_file")
	}
	return nil
}

// isAddress tells whether s is an IP address or a host name, without a port.
func isAddress(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	return hostname.MatchString(s)
}

// normaliseStores checks the stores and fills in where files are.
func (c *Config) normaliseStores() error {
	for name, s := range sorted(c.Stores) {
		path := "stores." + name
		switch {
		case slices.Contains(builtin, name):
			return fmt.Errorf("%s: %s:// is built in, choose another name", path, name)
		case !scheme.MatchString(name):
			return fmt.Errorf("%s: a store's name is a URL scheme: lower-case letters, digits, '+', '-', '.', beginning with a letter", path)
		}
		for i, r := range s.Region {
			if _, err := region.Parse(string(r)); err != nil {
				return fmt.Errorf("%s.region: %w", path, err)
			}
			if _, ok := c.Regions[r]; !ok && r.Cloud() == region.SSH {
				return fmt.Errorf("%s.region: %s is not in regions, add it there with its hosts", path, r)
			}
			if slices.Contains(s.Region[:i], r) {
				return fmt.Errorf("%s.region: names %s twice", path, r)
			}
		}
		var err error
		switch s.Type {
		case "s3", "gcs", "azblob":
			err = s.checkObjects()
		case typeFile:
			err = c.normaliseFiles(&s)
			c.Stores[name] = s
		default:
			err = fmt.Errorf(".type: %q is none of s3, gcs, azblob, file", s.Type)
		}
		if err != nil {
			return fmt.Errorf("%s%w", path, err)
		}
	}
	return nil
}

// checkObjects checks a store that is a service; its errors continue the
// store's path.
func (s *Store) checkObjects() error {
	if s.Path != "" || s.Host != "" {
		return fmt.Errorf(".path: only stores of type file have path and host, remove them")
	}
	if s.Endpoint == "" {
		return nil
	}
	if u, err := url.Parse(s.Endpoint); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return fmt.Errorf(".endpoint: %q is not a URL such as https://s3.example.org", s.Endpoint)
	}
	if len(s.Region) == 0 {
		return fmt.Errorf(".region: missing, say near which region the endpoint is, for example local:east")
	}
	return nil
}

// normaliseFiles checks a store that is a directory; its errors continue the
// store's path.
func (c *Config) normaliseFiles(s *Store) error {
	if !filepath.IsAbs(s.Path) {
		return fmt.Errorf(".path: %q is not an absolute path, name the directory that holds the buckets", s.Path)
	}
	if s.Endpoint != "" || s.PathStyle || len(s.Credentials) > 0 {
		return fmt.Errorf(".endpoint: a store of type file has only path, region and host, remove the rest")
	}
	s.Path = filepath.Clean(s.Path)
	switch {
	case len(s.Region) == 0:
		s.Region = RegionList{region.Workstation}
	case len(s.Region) > 1:
		return fmt.Errorf(".region: files are in one region, name it alone")
	}
	r := s.Region[0]
	switch {
	case !r.Cloud().Owned():
		return fmt.Errorf(".region: files are on hosts of your own, in a local or ssh region, not in %s", r)
	case r.Cloud() == region.Local && s.Host == "":
		return nil
	}
	hosts := c.Regions[r].Hosts
	if s.Host == "" && len(hosts) == 1 {
		s.Host = hosts[0].Address
	}
	if !slices.ContainsFunc(hosts, func(h Host) bool { return h.Address == s.Host }) {
		return fmt.Errorf(".host: %q is not the address of a host of regions.%s, name the one that has the files", s.Host, r)
	}
	return nil
}

// checkLinks checks the links.
func (c *Config) checkLinks() error {
	first := map[grid.Pair]int{}
	for i, l := range c.Links {
		path := fmt.Sprintf("links[%d]", i)
		for _, end := range []struct {
			key string
			r   region.Region
		}{{"from", l.From}, {"to", l.To}} {
			if _, err := region.Parse(string(end.r)); err != nil {
				return fmt.Errorf("%s.%s: %w", path, end.key, err)
			}
			if end.r.Cloud().Owned() && !c.declared(end.r) {
				return fmt.Errorf("%s.%s: %s is not in regions, add it there", path, end.key, end.r)
			}
		}
		switch {
		case l.From == l.To:
			return fmt.Errorf("%s: from and to are both %s, a link joins two regions", path, l.From)
		case l.Gbps == nil && (l.Connections != nil || l.RTTMs != nil):
			return fmt.Errorf("%s.gbps: missing, connections and rtt_ms belong to it", path)
		case l.Gbps == nil && l.USDPerGB == nil:
			return fmt.Errorf("%s: says nothing, give it gbps or usd_per_gb", path)
		case l.Connections != nil && (*l.Connections < 1 || *l.Connections > maxConnections):
			return fmt.Errorf("%s.connections: %d is not between 1 and %d", path, *l.Connections, maxConnections)
		}
		for _, err := range []error{
			figure(path+".gbps", l.Gbps, true),
			figure(path+".usd_per_gb", l.USDPerGB, false),
			figure(path+".rtt_ms", l.RTTMs, false),
		} {
			if err != nil {
				return err
			}
		}
		for _, pair := range l.pairs() {
			if j, ok := first[pair]; ok {
				return fmt.Errorf("%s: links[%d] already has %s, merge them", path, j, pair)
			}
			first[pair] = i
		}
	}
	return nil
}

// declared tells whether the configuration has the region, or it exists anyway.
func (c *Config) declared(r region.Region) bool {
	return slices.Contains(c.places(), r)
}

// pairs returns the pairs that the link is about.
func (l Link) pairs() []grid.Pair {
	pairs := []grid.Pair{{From: l.From, To: l.To}}
	if l.Both {
		pairs = append(pairs, grid.Pair{From: l.To, To: l.From})
	}
	return pairs
}
