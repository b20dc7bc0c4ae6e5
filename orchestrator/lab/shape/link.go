package shape

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Rate is in bits per second of IP packets. Zero is without limit.
type Rate float64

// MTU is the size of the largest IP packet, in bytes.
const MTU = 1500

// minQueue is the least a queue holds by default: what TCP sends at once.
const minQueue = 64 << 10

// queueTime is what a queue holds by default, in time at the link's rate, where
// the round trip is shorter than that.
const queueTime = 40 * time.Millisecond

// Link says how packets fare from one place to another. It is one direction.
type Link struct {
	Rate   Rate
	Delay  time.Duration // one way, half of the round trip
	Jitter time.Duration // each packet is late by up to this, evenly; order is kept
	Loss   float64       // share of packets, in [0, 1)
	Burst  float64       // mean length of a burst of losses in packets; up to 1: each packet by itself
	Queue  int           // bytes; 0: one round trip at the rate, at least 40 ms and 64 KiB
	Down   bool          // nothing passes
	NoUDP  bool          // UDP does not pass, as through many a firewall
}

// Check finds settings that no network can have.
func (l *Link) Check() error {
	switch {
	case l.Rate < 0 || l.Delay < 0 || l.Jitter < 0 || l.Queue < 0 || l.Burst < 0:
		return fmt.Errorf("a link's rate, delay, jitter, burst and queue are not negative")
	case l.Loss < 0 || l.Loss >= 1:
		return fmt.Errorf("loss %v is not a share in [0, 1); set the link down to lose everything", l.Loss)
	case l.Burst > 1 && l.Loss/(l.Burst*(1-l.Loss)) > 1:
		return fmt.Errorf("loss %v cannot come in bursts of %v packets: make the bursts longer", l.Loss, l.Burst)
	}
	return nil
}

// queue is how many bytes may wait.
func (l *Link) queue() int {
	if l.Queue > 0 || l.Rate == 0 {
		return l.Queue
	}
	t := max(2*l.Delay, queueTime)
	return max(minQueue, int(float64(l.Rate)*t.Seconds()/8))
}

// clock is a rate with a bounded queue: a virtual clock that says when the last
// bit it was given will have left.
type clock struct {
	free time.Duration
}

// pass queues a packet of size bytes at now and returns when its last bit has
// left, or false if the queue is full. One packet always fits.
func (c *clock) pass(now time.Duration, size int, rate Rate, queue int) (time.Duration, bool) {
	if rate == 0 {
		return now, true
	}
	start := max(now, c.free)
	waiting := (start - now).Seconds() * float64(rate) / 8
	if waiting > 0 && waiting+float64(size) > float64(queue) {
		return 0, false
	}
	c.free = start + time.Duration(float64(size)*8/float64(rate)*float64(time.Second))
	return c.free, true
}

// channel loses packets: each by itself, or in bursts after Gilbert and
// Elliott. There, a good state loses nothing and a bad one everything; the bad
// one lasts as long as a burst on average, and the good one as long as makes
// the share of lost packets right.
type channel struct {
	random *rand.Rand
	bad    bool
}

// loses draws whether the next packet is lost.
func (c *channel) loses(l *Link) bool {
	switch {
	case l.Loss <= 0:
		c.bad = false
		return false
	case l.Burst <= 1:
		c.bad = false
		return c.random.Float64() < l.Loss
	case c.bad:
		c.bad = c.random.Float64() >= 1/l.Burst
	default:
		c.bad = c.random.Float64() < l.Loss/(l.Burst*(1-l.Loss))
	}
	return c.bad
}
