package region

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/skyctl/skyctl/orchestrator/table"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// Arch is the instruction set of a machine, as Go names it.
type Arch string

const (
	AMD64 Arch = "amd64"
	ARM64 Arch = "arm64"
)

// Machine is a type of machine that gateways can be. All rates are what it
// sustains: what clouds call burst, for minutes only, is not counted.
type Machine struct {
	Cloud     Cloud
	Type      string // the cloud's own name
	Arch      Arch
	VCPU      int
	MemoryGiB float64

	NIC     unit.Gbps // of the network interface, each way
	Egress  unit.Gbps // to other regions and clouds by public addresses, of all flows
	Ingress unit.Gbps // from there; 0: unmetered
	PerFlow unit.Gbps // of one flow, and so of one connection; 0: no limit of its own

	// Only lists the regions that are known to offer the type; empty: all of
	// the cloud's.
	Only []Region

	Date, Source string
}

// Kind is a machine type in a region, the catalogue's or not.
type Kind struct {
	Region  Region
	Machine string // Machine.Type
}

// MarshalText writes "aws:us-east-1 c7gn.large".
func (k Kind) MarshalText() ([]byte, error) { return []byte(string(k.Region) + " " + k.Machine), nil }

// UnmarshalText reads what MarshalText wrote.
func (k *Kind) UnmarshalText(text []byte) error {
	at, machine, ok := strings.Cut(string(text), " ")
	if !ok {
		return fmt.Errorf("%q is no machine type in a region", text)
	}
	*k = Kind{Region(at), machine}
	return nil
}

// What one vCPU carries of the transport, in Gbit/s: quic-go over UDP with
// segmentation offload, measured on loopback on the machine that this was
// written on (2 vCPU of x86, November 2026): 1.7 to 1.9 Gbit a CPU second to
// send, 1.5 to 1.9 to receive. The lower ends are taken. Reading and writing
// stores is TLS over TCP, 9 to 11 Gbit a CPU second, and is in the margin that
// the lower ends leave.
const (
	SendPerVCPU    unit.Gbps = 1.7
	ReceivePerVCPU unit.Gbps = 1.5
)

// Send returns what the machine's CPUs can send of the transport if they do
// nothing else. Who receives r and sends s at once needs s/Send + r/Receive of
// the machine.
func (m Machine) Send() unit.Gbps { return unit.Gbps(m.VCPU) * SendPerVCPU }

// Receive returns what the machine's CPUs can receive if they do nothing else.
func (m Machine) Receive() unit.Gbps { return unit.Gbps(m.VCPU) * ReceivePerVCPU }

// Offered tells whether the type may be had in the region.
func (m Machine) Offered(r Region) bool {
	return m.Cloud == r.Cloud() && (len(m.Only) == 0 || slices.Contains(m.Only, r))
}

//go:embed machines.csv
var machinesCSV string

var machines = sync.OnceValue(func() []Machine {
	var all []Machine
	table.Embedded("machines.csv", machinesCSV, func(t *table.Table) {
		m := Machine{
			Cloud: Cloud(t.Text("cloud")), Type: t.Text("type"), Arch: Arch(t.Text("arch")),
			VCPU: int(t.Positive("vcpu")), MemoryGiB: t.Positive("memory_gib"),
			NIC: unit.Gbps(t.Positive("nic_gbps")), Egress: unit.Gbps(t.Positive("egress_gbps")),
			Ingress: unit.Gbps(t.Figure("ingress_gbps")), PerFlow: unit.Gbps(t.Figure("flow_gbps")),
			Date: t.Text("date"), Source: t.Text("source"),
		}
		for name := range strings.FieldsSeq(t.Text("only")) {
			r, err := Parse(string(m.Cloud) + ":" + name)
			if err != nil {
				t.Fail("%v", err)
			}
			m.Only = append(m.Only, r)
		}
		if !slices.Contains(Clouds, m.Cloud) || m.Cloud.Owned() || (m.Arch != AMD64 && m.Arch != ARM64) {
			t.Fail("cloud %q or arch %q is unknown", m.Cloud, m.Arch)
		}
		all = append(all, m)
	})
	slices.SortFunc(all, func(a, b Machine) int {
		return strings.Compare(fmt.Sprintf("%s %s", a.Cloud, a.Type), fmt.Sprintf("%s %s", b.Cloud, b.Type))
	})
	return all
})

// Machines returns the machine types that gateways in the region can be, in the
// order of their names. There are none for owned regions, whose hosts have no
// type, nor for regions that the catalogue does not have.
func Machines(r Region) []Machine {
	if _, ok := Find(r); !ok {
		return nil
	}
	var offered []Machine
	for _, m := range machines() {
		if m.Offered(r) {
			offered = append(offered, m)
		}
	}
	return offered
}

// AllMachines returns every machine type of the catalogue, in the order of
// cloud and name.
func AllMachines() []Machine { return slices.Clone(machines()) }
