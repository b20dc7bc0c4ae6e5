package gcp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/skyctl/skyctl/orchestrator/account"
	"github.com/skyctl/skyctl/orchestrator/region"
)

// metric is a quota as Compute Engine lists it with a region or a project.
type metric struct {
	Metric string  `json:"metric"`
	Limit  float64 `json:"limit"`
	Usage  float64 `json:"usage"`
}

type metrics struct {
	Quotas []metric `json:"quotas"`
}

// firewalls are what the module gcp-gateway makes at most of a region.
const firewalls = 5

// Room asks for the quotas of the project, of each region, and for the zones
// that have the machine types. A family whose quota is among neither, as of the
// newest machines, is not checked.
func (a *Account) Room(ctx context.Context, wants []account.Want) (account.Room, error) {
	room := account.Room{Zones: map[region.Kind][]string{}}
	errs := []error{a.roomOfProject(ctx, wants, &room)}
	for _, w := range wants {
		errs = append(errs, a.roomIn(ctx, w, &room))
	}
	return room, errors.Join(append(errs, a.zones(ctx, wants, room.Zones))...)
}

func (a *Account) roomOfProject(ctx context.Context, wants []account.Want, room *account.Room) error {
	var all metrics
	if err := a.call(ctx, http.MethodGet, compute, "projects/"+a.project, nil, nil, &all); err != nil {
		return fmt.Errorf("quotas of the project: %w", brief(err))
	}
	vcpu, networks, walls, of := 0, 0, 0, map[string]int{}
	for _, w := range wants {
		n, types := account.VCPU(w.Machines, func(string) bool { return true })
		vcpu += n
		for t, each := range types {
			of[t] = each
		}
		walls += firewalls
		if w.NewNetwork {
			networks++
		}
	}
	take(room, "", all.Quotas, "CPUS_ALL_REGIONS", vcpu, of)
	take(room, "", all.Quotas, "NETWORKS", networks, nil)
	take(room, "", all.Quotas, "SUBNETWORKS", networks, nil)
	take(room, "", all.Quotas, "FIREWALLS", walls, nil)
	return nil
}

func (a *Account) roomIn(ctx context.Context, w account.Want, room *account.Room) error {
	var here metrics
	if err := a.call(ctx, http.MethodGet, compute, "projects/"+a.project+"/regions/"+w.Region.Name(), nil, nil, &here); err != nil {
		return fmt.Errorf("quotas of %s: %w", w.Region, brief(err))
	}
	var names []string
	for _, m := range w.Machines {
		names = append(names, cpus(m.Type))
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		n, of := account.VCPU(w.Machines, func(t string) bool { return cpus(t) == name })
		take(room, w.Region, here.Quotas, name, n, of)
	}
	each := []string{"INSTANCES"}
	if w.Public {
		each = append(each, "IN_USE_ADDRESSES")
	}
	for _, name := range each {
		take(room, w.Region, here.Quotas, name, w.Count(), nil)
	}
	return nil
}

// cpus is the quota that counts a machine type: N1, E2 and the small ones share
// one, every other family has its own.
func cpus(machineType string) string {
	family, _, _ := strings.Cut(machineType, "-")
	switch family {
	case "n1", "e2", "f1", "g1":
		return "CPUS"
	}
	return strings.ToUpper(family) + "_CPUS"
}

func take(room *account.Room, at region.Region, quotas []metric, name string, want int, of map[string]int) {
	for _, q := range quotas {
		if q.Metric == name && want > 0 {
			room.Take(account.Shortage{Region: at, Quota: name, Want: want, Used: int(q.Usage), Limit: int(q.Limit), Machines: of,
				PerGateway: at != "" && of == nil})
		}
	}
}

// zones finds where each machine type is.
func (a *Account) zones(ctx context.Context, wants []account.Want, into map[region.Kind][]string) error {
	found := map[region.Kind][]string{}
	var names []string
	for _, w := range wants {
		for _, m := range w.Machines {
			found[region.Kind{Region: w.Region, Machine: m.Type}] = []string{}
			names = append(names, "(name = "+m.Type+")")
		}
	}
	slices.Sort(names)
	type machineType struct {
		Name string `json:"name"`
		Zone string `json:"zone"`
	}
	query := url.Values{"filter": {strings.Join(slices.Compact(names), " OR ")}}
	err := aggregated(ctx, a, "machineTypes", query, func(t machineType) {
		zone := path.Base(t.Zone)
		for k := range found {
			if k.Machine == t.Name && strings.HasPrefix(zone, k.Region.Name()+"-") {
				found[k] = append(found[k], zone)
			}
		}
	})
	if err != nil {
		return fmt.Errorf("zones that have the machines: %w", brief(err))
	}
	for k, in := range found {
		slices.Sort(in)
		into[k] = in
	}
	return nil
}
