package shape

import (
	"math/rand/v2"
	"time"
)

// Host and Region are indices that AddHost and AddRegion gave out.
type (
	Host   int
	Region int
)

// Packet is one IP packet on its way.
type Packet struct {
	From, To Host
	UDP      bool
	Size     int    // bytes, with the IP header
	Buffer   []byte // the packet, as whoever sent it keeps it
}

// Counters are of one direction of a link since it exists.
type Counters struct {
	Packets, Bytes uint64 // that were let onto the link, those lost later included
	Lost           uint64 // packets that chance took
	Dropped        uint64 // packets that found the queue full
	Blocked        uint64 // packets that met a link that is down, or UDP where it does not pass
}

// Caps are what one host may send to other regions and receive from them. Within
// its region a host has no caps, as a cloud's caps are those of the way out.
type Caps struct {
	Egress, Ingress Rate
}

// Network is the whole of the lab's network. Within a region hosts reach each
// other over a link from the region to itself.
type Network struct {
	seed  uint64
	hosts []host
	links [][]link // from, to
	queue events
	order uint64
}

type host struct {
	region          Region
	caps            Caps
	egress, ingress clock
}

type link struct {
	Link
	clock    clock
	channel  channel
	last     time.Duration // when the last packet arrives: none overtakes it
	counters Counters
}

// New makes a network without hosts. The same seed loses the same packets.
func New(seed uint64) *Network { return &Network{seed: seed} }

// AddRegion adds a region. Its links are down until SetLink.
func (n *Network) AddRegion() Region {
	r := Region(len(n.links))
	n.links = append(n.links, nil)
	for from := range n.links {
		for to := len(n.links[from]); to <= int(r); to++ {
			source := rand.NewPCG(n.seed, uint64(from)<<32|uint64(to))
			n.links[from] = append(n.links[from], link{Link: Link{Down: true}, channel: channel{random: rand.New(source)}})
		}
	}
	return r
}

// AddHost adds a host to a region.
func (n *Network) AddHost(r Region, caps Caps) Host {
	n.hosts = append(n.hosts, host{region: r, caps: caps})
	return Host(len(n.hosts) - 1)
}

// Link returns what a direction is set to, and its counters.
func (n *Network) Link(from, to Region) (Link, Counters) {
	l := &n.links[from][to]
	return l.Link, l.counters
}

// SetLink sets a direction. What is on its way keeps the time it was given.
func (n *Network) SetLink(from, to Region, l Link) error {
	if err := l.Check(); err != nil {
		return err
	}
	n.links[from][to].Link = l
	return nil
}

// Send gives the network a packet at now.
func (n *Network) Send(now time.Duration, p Packet) {
	n.step(event{due: now, packet: p})
}

// Next returns when something happens next, and false if nothing is on its way.
func (n *Network) Next() (time.Duration, bool) {
	if len(n.queue) == 0 {
		return 0, false
	}
	return n.queue[0].due, true
}

// Advance lets everything happen that is due at now, and calls arrive for the
// packets that arrive, in the order in which they do.
func (n *Network) Advance(now time.Duration, arrive func(Packet)) {
	for len(n.queue) > 0 && n.queue[0].due <= now {
		e := n.queue.pop()
		if e.stage == arrived {
			arrive(e.packet)
			continue
		}
		n.step(e)
	}
}

// step takes a packet through its stages until one makes it wait.
func (n *Network) step(e event) {
	from, to := &n.hosts[e.packet.From], &n.hosts[e.packet.To]
	size := e.packet.Size
	due, ok := e.due, true
	abroad := from.region != to.region
	switch {
	case e.stage == leaves && abroad:
		due, ok = from.egress.pass(e.due, size, from.caps.Egress, capQueue(from.caps.Egress))
	case e.stage == crosses:
		due, ok = n.links[from.region][to.region].cross(e.due, &e.packet)
	case e.stage == enters && abroad:
		due, ok = to.ingress.pass(e.due, size, to.caps.Ingress, capQueue(to.caps.Ingress))
	}
	if !ok {
		return
	}
	e.stage++
	if due == e.due && e.stage != arrived {
		n.step(event{due: due, stage: e.stage, packet: e.packet})
		return
	}
	n.order++
	n.queue.push(event{due: due, order: n.order, stage: e.stage, packet: e.packet})
}

// capQueue is the queue before a host's cap.
func capQueue(r Rate) int { return (&Link{Rate: r}).queue() }

// cross takes a packet over the link and returns when it arrives at the other
// end, or false if it does not.
func (l *link) cross(now time.Duration, p *Packet) (time.Duration, bool) {
	if l.Down || l.NoUDP && p.UDP {
		l.counters.Blocked++
		return 0, false
	}
	due, ok := l.clock.pass(now, p.Size, l.Rate, l.queue())
	if !ok {
		l.counters.Dropped++
		return 0, false
	}
	l.counters.Packets++
	l.counters.Bytes += uint64(p.Size)
	if l.channel.loses(&l.Link) {
		l.counters.Lost++
		return 0, false
	}
	due += l.Delay
	if l.Jitter > 0 {
		due += time.Duration(l.channel.random.Int64N(int64(l.Jitter)))
	}
	l.last = max(l.last, due)
	return l.last, true
}
