package labfile

import (
	"bytes"
	"fmt"
	"time"

	"github.com/skyctl/skyctl/orchestrator/region"
)

// Credentials open every store of a lab.
type Credentials struct {
	AccessKey string `json:"access_key"`
	SecretKey string `json:"secret_key"`
}

// Goodput is the share of a link's rate that is left for data: IP and TCP
// headers with a timestamp take 52 of 1500 bytes. It is what a measurement with
// iperf3 would show, and so what the planner is told.
const Goodput = 1448.0 / 1500

// Bucket is there in every store of a lab.
const Bucket = "data"

// SkyctlConfig is the skyctl.yaml of the lab in a block of addresses.
func (l *Lab) SkyctlConfig(block int, c Credentials) []byte {
	var b bytes.Buffer
	hosts := l.Hosts(block)
	fmt.Fprintf(&b, "# Written by skyctl lab up for the lab %s; it goes with skyctl lab down.\nstores:\n", l.Name)
	for _, h := range hosts {
		if h.Store {
			fmt.Fprintf(&b, "  %s: {type: s3, endpoint: \"http://%s\", region: \"local:%s\", path_style: true,\n    credentials: {access_key_id: %q, secret_access_key: %q}}\n",
				h.Region, h.Listen(), h.Region, c.AccessKey, c.SecretKey)
		}
	}
	fmt.Fprintln(&b, "regions:")
	for _, n := range l.Names() {
		r := l.Regions[n]
		fmt.Fprintf(&b, "  local:%s:\n    hosts:\n", n)
		for _, h := range hosts {
			if h.Region == n && !h.Store {
				fmt.Fprintf(&b, "      - {netns: %s, address: %s}\n", h.Namespace, h.Address)
			}
		}
		for _, f := range []struct {
			key   string
			value float64
		}{{"egress_gbps", r.EgressMbit / 1000 * Goodput}, {"ingress_gbps", r.IngressMbit / 1000 * Goodput}, {"usd_per_hour", r.USDPerHour}} {
			if f.value > 0 {
				fmt.Fprintf(&b, "    %s: %.6g\n", f.key, f.value)
			}
		}
	}
	fmt.Fprintln(&b, "links:")
	for i := range l.Links {
		k := &l.Links[i]
		fmt.Fprintf(&b, "  - {from: \"local:%s\", to: \"local:%s\", gbps: %.6g, rtt_ms: %g, connections: %d, usd_per_gb: %g, both: %t}\n",
			k.From, k.To, k.Mbit/1000*Goodput, float64(k.RTT)/float64(time.Millisecond), k.Connections, k.USDPerGB, !k.OneWay)
	}
	for _, n := range l.Names() {
		fmt.Fprintf(&b, "  - {from: \"%s\", to: \"local:%s\", gbps: %.6g, rtt_ms: %g, usd_per_gb: %g, both: true}\n",
			region.Workstation, n, l.Operator.Mbit/1000*Goodput, float64(l.Operator.RTT)/float64(time.Millisecond), l.Operator.USDPerGB)
	}
	fmt.Fprintf(&b, "limits: {gateways_per_region: %d}\n", l.MaxGateways())
	return b.Bytes()
}

// MaxGateways is how many gateways a region can have so that each has a host, and
// with it its caps, to itself.
func (l *Lab) MaxGateways() int {
	most, capped := 1, 0
	for _, r := range l.Regions {
		most = max(most, r.Hosts)
		if r.EgressMbit+r.IngressMbit > 0 && (capped == 0 || r.Hosts < capped) {
			capped = r.Hosts
		}
	}
	if capped > 0 {
		return capped
	}
	return most
}

// RcloneConfig is an rclone.conf with every store as a remote of the region's
// name.
func (l *Lab) RcloneConfig(block int, c Credentials) []byte {
	var b bytes.Buffer
	for _, h := range l.Hosts(block) {
		if h.Store {
			fmt.Fprintf(&b, "[%s]\ntype = s3\nprovider = Other\nendpoint = http://%s\naccess_key_id = %s\nsecret_access_key = %s\nforce_path_style = true\n\n",
				h.Region, h.Listen(), c.AccessKey, c.SecretKey)
		}
	}
	return b.Bytes()
}
