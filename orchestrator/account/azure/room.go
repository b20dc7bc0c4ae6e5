package azure

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/skyctl/skyctl/orchestrator/account"
	"github.com/skyctl/skyctl/orchestrator/region"
)

// usage is a quota as Compute and Network list it.
type usage struct {
	Name struct {
		Value     string `json:"value"`
		Localized string `json:"localizedValue"`
	} `json:"name"`
	Current float64 `json:"currentValue"`
	Limit   float64 `json:"limit"`
}

// sku is a size of machines in one location.
type sku struct {
	Name         string `json:"name"`
	Kind         string `json:"resourceType"`
	Family       string `json:"family"`
	Restrictions []struct {
		Type string `json:"type"` // Location, Zone
	} `json:"restrictions"`
}

// Room asks Compute and Network for the usages of each location, and Compute for
// the sizes that the subscription may have there.
func (a *Account) Room(ctx context.Context, wants []account.Want) (account.Room, error) {
	room := account.Room{Zones: map[region.Kind][]string{}}
	var errs []error
	for _, w := range wants {
		for _, err := range []error{a.machines(ctx, w, &room), a.network(ctx, w, &room)} {
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", w.Region, err))
			}
		}
	}
	return room, errors.Join(errs...)
}

func (a *Account) machines(ctx context.Context, w account.Want, room *account.Room) error {
	families := map[string]string{}
	for _, m := range w.Machines {
		room.Zones[region.Kind{Region: w.Region, Machine: m.Type}] = []string{}
	}
	skus := a.scope() + "/providers/Microsoft.Compute/skus"
	err := list(ctx, a, skus, "2021-07-01", fmt.Sprintf("location eq '%s'", w.Region.Name()), func(s sku) {
		k := region.Kind{Region: w.Region, Machine: s.Name}
		if _, wanted := room.Zones[k]; !wanted || s.Kind != "virtualMachines" {
			return
		}
		families[s.Name] = s.Family
		room.Zones[k] = s.zones()
	})
	if err != nil {
		for _, m := range w.Machines {
			delete(room.Zones, region.Kind{Region: w.Region, Machine: m.Type})
		}
		return fmt.Errorf("sizes of machines: %w", err)
	}
	quotas, err := a.usages(ctx, "Microsoft.Compute", w)
	if err != nil {
		return err
	}
	n, of := account.VCPU(w.Machines, func(string) bool { return true })
	take(room, w, quotas, "cores", n, of)
	for _, family := range slices.Compact(slices.Sorted(maps.Values(families))) {
		n, of := account.VCPU(w.Machines, func(t string) bool { return families[t] == family })
		take(room, w, quotas, family, n, of)
	}
	each(room, w, quotas, "virtualMachines")
	return nil
}

// anywhere is where a machine goes for which no zone is named: where there is
// room in its location. So no zone is named, and there is no other to try.
const anywhere = ""

// zones are where the subscription may have the size.
func (s sku) zones() []string {
	for _, r := range s.Restrictions {
		if r.Type == "Location" {
			return []string{}
		}
	}
	return []string{anywhere}
}

func (a *Account) network(ctx context.Context, w account.Want, room *account.Room) error {
	quotas, err := a.usages(ctx, "Microsoft.Network", w)
	if err != nil {
		return err
	}
	if w.NewNetwork {
		take(room, w, quotas, "VirtualNetworks", 1, nil)
	}
	take(room, w, quotas, "NetworkSecurityGroups", 1, nil)
	each(room, w, quotas, "NetworkInterfaces")
	// In and out: peers, the control networks, stores, and nobody else.
	take(room, w, quotas, "SecurityRulesPerNetworkSecurityGroup", 6, nil)
	if w.Public {
		for _, name := range []string{"PublicIPAddresses", "StandardSkuPublicIpAddresses"} {
			each(room, w, quotas, name)
		}
	}
	return nil
}

func (a *Account) usages(ctx context.Context, provider string, w account.Want) ([]usage, error) {
	var all []usage
	at := fmt.Sprintf("%s/providers/%s/locations/%s/usages", a.scope(), provider, w.Region.Name())
	version := "2024-07-01" // of Compute
	if provider == "Microsoft.Network" {
		version = "2024-05-01"
	}
	err := list(ctx, a, at, version, "", func(u usage) { all = append(all, u) })
	if err != nil {
		return nil, fmt.Errorf("quotas of %s: %w", provider, err)
	}
	return all, nil
}

// each is for a quota of which every gateway takes one.
func each(room *account.Room, w account.Want, quotas []usage, name string) {
	before := len(room.Short)
	take(room, w, quotas, name, w.Count(), nil)
	for i := range room.Short[before:] {
		room.Short[before+i].PerGateway = true
	}
}

func take(room *account.Room, w account.Want, quotas []usage, name string, want int, of map[string]int) {
	for _, q := range quotas {
		if strings.EqualFold(q.Name.Value, name) && want > 0 {
			room.Take(account.Shortage{Region: w.Region, Quota: q.Name.Value, Want: want, Used: int(q.Current), Limit: int(q.Limit), Machines: of})
		}
	}
}
