package account

import (
	"fmt"

	"github.com/skyctl/skyctl/orchestrator/region"
)

// Want is what a plan wants of one region. Each cloud counts by it what its
// module creates.
type Want struct {
	Region   region.Region
	Machines []Machines

	NewNetwork   bool // otherwise one of the user's
	Public       bool // every machine has a public address
	Peers        int  // gateways of other regions that the firewall lets in and out
	ControlCIDRs int
}

// Machines are those of one type. A type of which none is wanted is one that the
// plan might take instead.
type Machines struct {
	Type  string
	VCPU  int // of each; 0 if the catalogue does not have the type
	Count int
}

// Count is the number of machines of all types.
func (w Want) Count() int {
	n := 0
	for _, m := range w.Machines {
		n += m.Count
	}
	return n
}

// Room is what an account has for a plan.
type Room struct {
	// Zones are those that offer a machine type, by name; "" is wherever its cloud
	// puts a machine for which none is named. A type without any is offered
	// nowhere in its region; of one that is not in it nothing is known.
	Zones map[region.Kind][]string
	Short []Shortage
}

// Shortage is a quota that what is wanted does not fit into.
type Shortage struct {
	Region region.Region // empty: all of the cloud together
	Quota  string        // as the cloud calls it
	Want   int
	Used   int
	Limit  int

	// Machines are the types that it counts, and what each counts for. Without
	// them it counts gateways, or what a region has one of whatever is in it.
	Machines   map[string]int
	PerGateway bool
}

func (s Shortage) String() string {
	at := ""
	if s.Region != "" {
		at = " in " + string(s.Region)
	}
	return fmt.Sprintf("quota %q%s: %d wanted, %d of %d in use", s.Quota, at, s.Want, s.Used, s.Limit)
}

// Free is what is left of the quota.
func (s Shortage) Free() int { return max(0, s.Limit-s.Used) }

// Take notes the shortage if it is one.
func (r *Room) Take(s Shortage) {
	if s.Want > s.Free() {
		r.Short = append(r.Short, s)
	}
}

// VCPU sums the machines that count against a quota of vCPUs, and what each of
// their types counts for.
func VCPU(machines []Machines, counts func(machineType string) bool) (want int, of map[string]int) {
	of = map[string]int{}
	for _, m := range machines {
		if m.VCPU > 0 && counts(m.Type) {
			want += m.VCPU * m.Count
			of[m.Type] = m.VCPU
		}
	}
	return want, of
}
