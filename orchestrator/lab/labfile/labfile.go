// Package labfile reads lab files: YAML that describes regions, the links between
// them and, in a scenario, the transfer that is to be compared there. It says what
// the skyctl.yaml of such a lab is, so that the planner believes what the lab does.
//
// It is pure but for reading the file. Every error is one line that names the key
// and says what to do.
package labfile

import (
	"net/netip"
	"time"

	"github.com/skyctl/skyctl/orchestrator/lab/shape"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// Operator is the name of the place outside of all regions where the user sits.
const Operator = "operator"

// Lab is a lab file.
type Lab struct {
	Text []byte `yaml:"-"` // of the file

	Name     string            `yaml:"name"`  // by default the file's name without its suffix
	Title    string            `yaml:"title"` // what it shows, one line
	Seed     uint64            `yaml:"seed"`  // of all chance
	Regions  map[string]Region `yaml:"regions"`
	Operator Access            `yaml:"operator"`
	Links    []Link            `yaml:"links"`
	Job      *Job              `yaml:"job"` // a scenario has one
}

// Region is a place with hosts and, unless it is a relay's place only, a store.
// Its name is skyctl's region local:NAME and the store's scheme NAME://.
type Region struct {
	Hosts       int           `yaml:"hosts"`        // default 1
	EgressMbit  float64       `yaml:"egress_mbit"`  // of one host; 0: no cap
	IngressMbit float64       `yaml:"ingress_mbit"` // of one host; 0: no cap
	RTT         time.Duration `yaml:"rtt"`          // between its hosts and its store; default 1ms
	USDPerHour  float64       `yaml:"usd_per_hour"` // of one gateway
	NoStore     bool          `yaml:"no_store"`
	Closes      bool          `yaml:"closes"` // its store ends each connection after one answer
}

// Access is how the operator reaches every region.
type Access struct {
	RTT  time.Duration `yaml:"rtt"`  // default 10ms
	Mbit float64       `yaml:"mbit"` // default 100

	USDPerGB float64 `yaml:"usd_per_gb"` // what only the planner is told
}

// Link joins two regions, both ways unless OneWay.
type Link struct {
	From   string        `yaml:"from"`
	To     string        `yaml:"to"`
	OneWay bool          `yaml:"one_way"`
	RTT    time.Duration `yaml:"rtt"`
	Mbit   float64       `yaml:"mbit"` // of IP packets
	Jitter time.Duration `yaml:"jitter"`
	Loss   float64       `yaml:"loss"`  // share of packets
	Burst  float64       `yaml:"burst"` // mean length of a burst of losses, in packets
	Queue  unit.Bytes    `yaml:"queue"`
	NoUDP  bool          `yaml:"no_udp"`
	Down   bool          `yaml:"down"`

	// What only the planner is told.
	USDPerGB    float64 `yaml:"usd_per_gb"`
	Connections int     `yaml:"connections"` // that saturate it; default 8
}

// Job is the transfer of a scenario: objects of random bytes from one region's
// store to those of others.
type Job struct {
	From     string     `yaml:"from"`
	To       []string   `yaml:"to"`
	Objects  int        `yaml:"objects"`
	Size     unit.Bytes `yaml:"size"`     // of each object
	Gateways int        `yaml:"gateways"` // at most, a region; default: what the hosts allow
	Changes  []Change   `yaml:"changes"`
}

// Change is what happens to the network in the middle of a job.
type Change struct {
	At     float64 `yaml:"at"`   // share of the job's bytes that have reached their stores
	From   string  `yaml:"from"` // a region
	To     string  `yaml:"to"`   // another; empty: all links of From
	Mbit   float64 `yaml:"mbit"` // 0: as it is
	Down   bool    `yaml:"down"`
	Resume float64 `yaml:"resume"` // s after which it is as it was; 0: never
}

// Rate converts to the network's unit.
func Rate(mbit float64) shape.Rate { return shape.Rate(mbit * 1e6) }

// Shape is the link as the network has it, in one direction.
func (l *Link) Shape() shape.Link {
	return shape.Link{Rate: Rate(l.Mbit), Delay: l.RTT / 2, Jitter: l.Jitter, Loss: l.Loss, Burst: l.Burst,
		Queue: int(l.Queue), Down: l.Down, NoUDP: l.NoUDP}
}

// Shape is the operator's access as the network has it, in one direction.
func (a *Access) Shape() shape.Link { return shape.Link{Rate: Rate(a.Mbit), Delay: a.RTT / 2} }

// Shape is what hosts of a region are to each other, in one direction.
func (r *Region) Shape() shape.Link { return shape.Link{Delay: r.RTT / 2} }

// Caps are those of one host.
func (r *Region) Caps() shape.Caps {
	return shape.Caps{Egress: Rate(r.EgressMbit), Ingress: Rate(r.IngressMbit)}
}

// Limits of the address plan: 32 labs, each with 4096 addresses, 256 a region.
const (
	Blocks     = 32
	maxRegions = 15
	maxHosts   = 200
	storeHost  = 254
	storePort  = 9000
)

// Network is all that the lab in a block of addresses has. Together the blocks
// are 198.18.0.0/15, which is set aside for measuring networks.
func Network(block int) netip.Prefix { return netip.PrefixFrom(address(block, 0, 0), 20) }

// OperatorAddress is the operator's in a block.
func OperatorAddress(block int) netip.Addr { return address(block, 0, 1) }

func address(block, region, host int) netip.Addr {
	return netip.AddrFrom4([4]byte{198, byte(18 + block/16), byte(block%16*16 + region), byte(host)})
}

// Link returns the link from one region to another. In a lab that was checked
// there is one.
func (l *Lab) Link(from, to string) Link {
	for i := range l.Links {
		for _, pair := range l.Links[i].pairs() {
			if pair == [2]string{from, to} {
				return l.Links[i]
			}
		}
	}
	return Link{}
}
