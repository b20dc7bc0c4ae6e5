package price

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/table"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// Table holds prices of egress that the user brought.
type Table struct {
	egress map[grid.Pair]Price
}

// Read reads a CSV file of prices:
//
//	src,dst,usd_per_gb
//
// Regions are CLOUD:NAME, a GB is 1e9 bytes, a price of 0 is one. Rows of a
// region to itself are skipped. name is for messages, which have the line's
// number, and for the source of the prices; a pair that is twice is an error.
func Read(name string, r io.Reader) (*Table, error) {
	t, err := table.Open(name, r)
	if err != nil {
		return nil, err
	}
	if err := t.Only([]string{"src", "dst", "usd_per_gb"}); err != nil {
		return nil, err
	}
	egress := map[grid.Pair]Price{}
	for t.Next() {
		pair := grid.Pair{From: regionIn(t, "src"), To: regionIn(t, "dst")}
		if pair.From == pair.To && t.Err() == nil {
			continue
		}
		p := Price{USD: unit.USD(t.Figure("usd_per_gb")), Source: name}
		if _, ok := egress[pair]; ok {
			t.Fail("%s is there twice", pair)
		}
		egress[pair] = p
	}
	switch {
	case t.Err() != nil:
		return nil, t.Err()
	case len(egress) == 0:
		return nil, fmt.Errorf("%s: has no prices, add rows of src,dst,usd_per_gb", name)
	}
	return &Table{egress}, nil
}

// Regions returns every region of the table, in the order of their names.
func (t *Table) Regions() []region.Region {
	known := map[region.Region]bool{}
	for pair := range t.egress {
		known[pair.From], known[pair.To] = true, true
	}
	return slices.Sorted(maps.Keys(known))
}

func regionIn(t *table.Table, column string) region.Region {
	r, err := region.Parse(t.Text(column))
	if err != nil {
		t.Fail("%v", err)
	}
	return r
}

// Offer is a machine type that the user brought, with its caps and price.
type Offer struct {
	Cloud   region.Cloud
	Machine grid.Machine
	Hour    Price
}

// ReadOffers reads a CSV file of machine types, which stand for all that there
// are:
//
//	cloud,type,egress_gbps,ingress_gbps,usd_per_hour
//
// Caps are those of one machine, 0 is none.
func ReadOffers(name string, r io.Reader) ([]Offer, error) {
	t, err := table.Open(name, r)
	if err != nil {
		return nil, err
	}
	if err := t.Only([]string{"cloud", "type", "egress_gbps", "ingress_gbps", "usd_per_hour"}); err != nil {
		return nil, err
	}
	var offers []Offer
	seen := map[offered]bool{}
	for t.Next() {
		o := Offer{Cloud: region.Cloud(t.Text("cloud")),
			Machine: grid.Machine{Type: t.Text("type"), Egress: unit.Gbps(t.Figure("egress_gbps")), Ingress: unit.Gbps(t.Figure("ingress_gbps"))},
			Hour:    Price{USD: unit.USD(t.Figure("usd_per_hour")), Source: name}}
		key := offered{o.Cloud, o.Machine.Type}
		switch {
		case !slices.Contains(region.Clouds, o.Cloud):
			t.Fail("cloud %q is unknown, use one of aws, gcp, azure", o.Cloud)
		case o.Cloud.Owned():
			t.Fail("machines of %s have no types, state their caps under regions in the configuration", o.Cloud)
		case key.machine == "":
			t.Fail("type is empty, name the machine's")
		case seen[key]:
			t.Fail("%s %s is there twice", key.cloud, key.machine)
		}
		seen[key] = true
		offers = append(offers, o)
	}
	if t.Err() == nil && len(offers) == 0 {
		return nil, fmt.Errorf("%s: has no machines, add rows", name)
	}
	return offers, t.Err()
}

// ByCloud arranges the machines of offers as a grid wants them.
func ByCloud(offers []Offer) map[region.Cloud][]grid.Machine {
	machines := map[region.Cloud][]grid.Machine{}
	for _, o := range offers {
		machines[o.Cloud] = append(machines[o.Cloud], o.Machine)
	}
	return machines
}
