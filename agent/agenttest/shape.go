package agenttest

import (
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"
)

// Shape is what the links of a simulated network are short of. It concerns
// UDP; each direction between two hosts is a link of its own.
type Shape struct {
	Rate  float64       // bit/s
	Loss  float64       // share of the packets, dropped at random
	Queue time.Duration // what may wait for its turn; a packet that would wait longer is dropped
}

// Shape limits all links from now on. It is to be called before a fleet starts,
// so that the fleet stops first.
func (s *Sim) Shape(t testing.TB, x Shape) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shaper = &shaper{Shape: x, deliver: s.deliver, random: rand.New(rand.NewPCG(1, 2)), lines: map[[2]string]*line{}}
	t.Cleanup(s.shaper.serving.Wait)
}

// shaper holds packets back as their link's rate demands.
type shaper struct {
	Shape
	deliver func(simnet.Packet)
	serving sync.WaitGroup

	mu     sync.Mutex
	random *rand.Rand
	lines  map[[2]string]*line // by the hosts' addresses: from, to
}

// line is one direction of a link.
type line struct {
	free    time.Time // when the last packet that was taken is through
	waiting []waiting // in order
	serving bool
}

type waiting struct {
	packet simnet.Packet
	due    time.Time
}

// overhead of IP and UDP, in bytes a packet.
const overhead = 28

// tick is how often a line delivers. In simulated time everybody stops for
// each delivery, so packets share one.
const tick = time.Millisecond

func (x *shaper) send(p simnet.Packet) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.random.Float64() < x.Loss {
		return
	}
	name := [2]string{p.From.(*net.UDPAddr).IP.String(), p.To.(*net.UDPAddr).IP.String()}
	l := x.lines[name]
	if l == nil {
		l = &line{}
		x.lines[name] = l
	}
	now := time.Now()
	start := now
	if l.free.After(now) {
		start = l.free
	}
	if start.Sub(now) > x.Queue {
		return
	}
	l.free = start.Add(time.Duration(float64(len(p.Data)+overhead) * 8 / x.Rate * float64(time.Second)))
	l.waiting = append(l.waiting, waiting{p, l.free})
	if !l.serving {
		l.serving = true
		x.serving.Go(func() { x.serve(l) })
	}
}

// serve delivers what waits on a line until nothing does.
func (x *shaper) serve(l *line) {
	for {
		time.Sleep(tick)
		x.mu.Lock()
		now, n := time.Now(), 0
		for n < len(l.waiting) && !l.waiting[n].due.After(now) {
			n++
		}
		due := l.waiting[:n:n]
		l.waiting = l.waiting[n:]
		l.serving = len(l.waiting) > 0
		more := l.serving
		x.mu.Unlock()
		for _, w := range due {
			x.deliver(w.packet)
		}
		if !more {
			return
		}
	}
}
