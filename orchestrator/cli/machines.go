package cli

import (
	"fmt"
	"io"
	"slices"

	"github.com/skyctl/skyctl/orchestrator/basis"
	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// references are the regions whose machines stand for those of their cloud.
var references = []region.Region{"aws:us-east-1", "azure:eastus", "gcp:us-central1"}

// machineDoc is a machine type in a region. Rates are of one machine, 0: no
// limit.
type machineDoc struct {
	Region    region.Region `json:"region"`
	Type      string        `json:"type"`
	Arch      region.Arch   `json:"arch"`
	VCPU      int           `json:"vcpu"`
	MemoryGiB float64       `json:"memory_gib"`
	NIC       unit.Gbps     `json:"nic_gbits"`
	Egress    unit.Gbps     `json:"egress_gbits"` // with what its CPUs carry
	Ingress   unit.Gbps     `json:"ingress_gbits"`
	PerFlow   unit.Gbps     `json:"flow_gbits"`
	USD       unit.USD      `json:"usd_per_hour"`
	Spot      unit.USD      `json:"spot_usd_per_hour"`
	Date      string        `json:"date"` // of the price
	Source    string        `json:"source"`
}

// extrasDoc is what each gateway in a region costs besides its machine.
type extrasDoc struct {
	Region  region.Region `json:"region"`
	Address unit.USD      `json:"address_usd_per_hour"`
	Disk    unit.USD      `json:"disk_usd_per_gb_month"`
	Date    string        `json:"date"`
	Source  string        `json:"source"`
}

// machinePrices are those in a region, or in each cloud's reference region.
func machinePrices(at region.Region, f basis.Figures) (pricesDoc, error) {
	doc := pricesDoc{Machines: []machineDoc{}}
	regions := references
	if at != "" {
		if _, ok := region.Find(at); !ok {
			return doc, unknownRegion(at)
		}
		regions = []region.Region{at}
	}
	for _, r := range regions {
		types := f.Grid.Machines(r)
		for _, m := range region.Machines(r) {
			i := slices.IndexFunc(types, func(t grid.Machine) bool { return t.Type == m.Type })
			usd, err := f.Prices.Machine(r, m.Type)
			if err != nil {
				return doc, err
			}
			spot, err := f.Prices.Spot(r, m.Type)
			if err != nil {
				return doc, err
			}
			doc.Machines = append(doc.Machines, machineDoc{r, m.Type, m.Arch, m.VCPU, m.MemoryGiB, m.NIC,
				types[i].Egress, types[i].Ingress, m.PerFlow, usd.USD, spot.USD, usd.Date, usd.Source})
		}
		address, err := f.Prices.Address(r)
		if err != nil {
			return doc, err
		}
		disk, err := f.Prices.Disk(r)
		if err != nil {
			return doc, err
		}
		doc.Gateways = append(doc.Gateways, extrasDoc{r, address.USD, disk.USD, address.Date, address.Source})
	}
	return doc, nil
}

func machinesView(w io.Writer, doc pricesDoc) error {
	err := columns(w, func(w io.Writer) {
		fmt.Fprintln(w, "REGION\tTYPE\tARCH\tVCPU\tMEMORY\tNIC\tEGRESS\tINGRESS\tUSD/H\tSPOT\tDATE\tSOURCE")
		for _, m := range doc.Machines {
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%g GiB\t%g\t%.4g\t%.4g\t%.4f\t%.4f\t%s\t%s\n", m.Region, m.Type, m.Arch, m.VCPU, m.MemoryGiB,
				float64(m.NIC), float64(m.Egress), float64(m.Ingress), float64(m.USD), float64(m.Spot), dash(m.Date), printable(m.Source))
		}
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(w)
	err = columns(w, func(w io.Writer) {
		fmt.Fprintln(w, "EACH GATEWAY IN\tADDRESS USD/H\tDISK USD A GB-MONTH\tDATE\tSOURCE")
		for _, e := range doc.Gateways {
			fmt.Fprintf(w, "%s\t%g\t%g\t%s\t%s\n", e.Region, float64(e.Address), float64(e.Disk), e.Date, e.Source)
		}
	})
	if err == nil {
		_, err = fmt.Fprintln(w, "\nRates in Gbit/s. Egress and ingress are to and from other regions, and no more than the CPUs carry of QUIC.")
	}
	return err
}
