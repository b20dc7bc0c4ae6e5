package labfile

import (
	"fmt"
	"net/netip"
)

// Host is one machine of a lab that is up.
type Host struct {
	Region    string     `json:"region"`
	Namespace string     `json:"namespace"` // network namespace
	Address   netip.Addr `json:"address"`
	Store     bool       `json:"store"` // it has the region's S3 server, and no caps
}

// Hosts lists the hosts of the lab in a block of addresses: by region, the store
// last.
func (l *Lab) Hosts(block int) []Host {
	var hosts []Host
	for i, n := range l.Names() {
		prefix := "lab-" + l.Name + "-" + n + "-"
		for h := 1; h <= l.Regions[n].Hosts; h++ {
			hosts = append(hosts, Host{Region: n, Namespace: fmt.Sprint(prefix, h), Address: address(block, i+1, h)})
		}
		if !l.Regions[n].NoStore {
			hosts = append(hosts, Host{Region: n, Namespace: prefix + "store", Address: address(block, i+1, storeHost), Store: true})
		}
	}
	return hosts
}

// Listen is where the store on the host listens.
func (h Host) Listen() netip.AddrPort { return netip.AddrPortFrom(h.Address, storePort) }
