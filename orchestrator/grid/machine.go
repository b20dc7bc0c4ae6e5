package grid

import (
	"maps"
	"slices"
	"strings"

	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// Machine is a type of machine that gateways of a region can be, with what one
// of it can do. Zero means no limit.
type Machine struct {
	Type            string // empty in owned regions
	Egress, Ingress unit.Gbps

	// Send and Receive are what its CPUs carry of the transport. Egress and
	// Ingress are never more; a relay, which receives r and sends s at once,
	// needs s/Send + r/Receive of the machine.
	Send, Receive unit.Gbps
}

// WithMachines returns a grid whose clouds have these machine types instead of
// the catalogue's, and no CPU caps but those stated. A cloud that is not in the
// map has no machines.
func (g *Grid) WithMachines(machines map[region.Cloud][]Machine) *Grid {
	with := *g
	with.machines = maps.Clone(machines)
	if with.machines == nil {
		with.machines = map[region.Cloud][]Machine{}
	}
	return &with
}

// Machines returns the types that gateways in the region can be, in the order of
// their names; none if there is no machine for its cloud or nobody knows the
// region. Owned regions have one type without a name. What the configuration
// states of one gateway caps each.
func (g *Grid) Machines(r region.Region) []Machine {
	types := g.types(r)
	stated := g.gateways[r]
	for i := range types {
		types[i].Egress = Least(types[i].Egress, stated.Egress)
		types[i].Ingress = Least(types[i].Ingress, stated.Ingress)
	}
	slices.SortFunc(types, func(a, b Machine) int { return strings.Compare(a.Type, b.Type) })
	return types
}

func (g *Grid) types(r region.Region) []Machine {
	if r.Cloud().Owned() {
		return []Machine{{}}
	}
	if g.machines != nil {
		return slices.Clone(g.machines[r.Cloud()])
	}
	var types []Machine
	for _, m := range region.Machines(r) {
		types = append(types, Machine{Type: m.Type, Send: m.Send(), Receive: m.Receive(),
			Egress: min(m.Egress, m.Send()), Ingress: Least(m.Ingress, m.Receive())})
	}
	return types
}

// Least returns the smaller cap, where zero is none.
func Least(a, b unit.Gbps) unit.Gbps {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}
