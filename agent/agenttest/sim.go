package agenttest

import (
	"errors"
	"net"
	"sync"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"github.com/skyctl/skyctl/agent/route"
)

// Sim is a network in memory, for agents in a testing/synctest bubble: the Net
// of their Options. Every packet takes the same time, none is lost unless a
// link is cut, and bandwidth is without limit, unless Shape says otherwise.
type Sim struct {
	delay  time.Duration
	router simnet.PerfectRouter

	mu     sync.Mutex
	hosts  map[route.Gateway]net.IP
	ports  int
	cut    map[link]bool
	noUDP  bool
	shaper *shaper // nil: no limits

	listeners map[string]*simListener
	conns     map[*simConn]struct{} // of TCP, by the end that dialed
}

// link is a pair of hosts, by their addresses, the lower first.
type link [2]string

func linkOf(a, b net.IP) link {
	return link{min(a.String(), b.String()), max(a.String(), b.String())}
}

// NewSim returns a network on which a packet takes delay.
func NewSim(delay time.Duration) *Sim {
	return &Sim{delay: delay, hosts: map[route.Gateway]net.IP{}, cut: map[link]bool{},
		listeners: map[string]*simListener{}, conns: map[*simConn]struct{}{}}
}

// Socket opens a socket at the gateway's host.
func (s *Sim) Socket(name route.Gateway) (net.PacketConn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ports++
	addr := &net.UDPAddr{IP: s.host(name), Port: 1024 + s.ports}
	l := &simnet.SimulatedLink{Latency: s.delay, UploadPacket: s}
	conn := simnet.NewBlockingSimConn(addr, l)
	s.AddNode(addr, l)
	l.Start()
	return &socket{SimConn: conn, sim: s, link: l}, nil
}

// host is the address of a gateway's host. The caller holds mu.
func (s *Sim) host(name route.Gateway) net.IP {
	if s.hosts[name] == nil {
		s.hosts[name] = net.IPv4(198, 18, 0, byte(len(s.hosts)+1)).To4()
	}
	return s.hosts[name]
}

// Cut drops everything between two gateways until Heal.
func (s *Sim) Cut(a, b route.Gateway) { s.set(a, b, true) }

// BlockUDP drops all UDP packets, or lets them pass again.
func (s *Sim) BlockUDP(block bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noUDP = block
}

// Heal undoes Cut.
func (s *Sim) Heal(a, b route.Gateway) { s.set(a, b, false) }

func (s *Sim) set(a, b route.Gateway, cut bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := linkOf(s.host(a), s.host(b))
	if s.cut[x] = cut; cut {
		s.cutTCP(x)
		return
	}
	for c := range s.conns { // what was held up arrives now
		for _, w := range []*way{c.in, c.out} {
			w.mu.Lock()
			w.wake()
			w.mu.Unlock()
		}
	}
}

// AddNode implements simnet.Router.
func (s *Sim) AddNode(addr net.Addr, r simnet.PacketReceiver) { s.router.AddNode(addr, r) }

// SendPacket implements simnet.Router.
func (s *Sim) SendPacket(p simnet.Packet) error {
	s.mu.Lock()
	cut := s.noUDP || s.cut[linkOf(p.From.(*net.UDPAddr).IP, p.To.(*net.UDPAddr).IP)]
	shaper := s.shaper
	s.mu.Unlock()
	switch {
	case cut:
	case shaper != nil:
		shaper.send(p)
	default:
		s.deliver(p)
	}
	return nil
}

// deliver hands a packet over. One to nobody is lost, as on a real network.
func (s *Sim) deliver(p simnet.Packet) { _ = s.router.SendPacket(p) }

// socket takes its link with it when it is closed.
type socket struct {
	*simnet.SimConn
	sim  *Sim
	link *simnet.SimulatedLink
	once sync.Once
}

func (s *socket) Close() error {
	err := net.ErrClosed
	s.once.Do(func() {
		// As on a real socket, what was sent is sent. In simulated time this
		// takes until everybody else waits, and costs nothing.
		time.Sleep(time.Nanosecond)
		s.sim.router.RemoveNode(s.LocalAddr())
		err = errors.Join(s.SimConn.Close(), s.link.Close())
	})
	return err
}
