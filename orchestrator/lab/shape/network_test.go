package shape

import (
	"math"
	"testing"
	"time"
)

// pair is a network of two hosts in two regions with one link set.
func pair(t *testing.T, l Link, caps Caps) (n *Network, a, b Host) {
	t.Helper()
	n = New(7)
	east, west := n.AddRegion(), n.AddRegion()
	if err := n.SetLink(east, west, l); err != nil {
		t.Fatal(err)
	}
	return n, n.AddHost(east, caps), n.AddHost(west, caps)
}

// flood offers packets of one MTU at twice a rate for a while, and returns how
// many bytes arrive in that time.
func flood(n *Network, from, to Host, offered Rate, d time.Duration) (arrived int) {
	gap := time.Duration(MTU * 8 / float64(offered) * float64(time.Second))
	count := func(p Packet) { arrived += p.Size }
	for now := time.Duration(0); now < d; now += gap {
		n.Advance(now, count)
		n.Send(now, Packet{From: from, To: to, Size: MTU})
	}
	n.Advance(d, count)
	return arrived
}

func TestRateIsTheLeastOfLinkAndCaps(t *testing.T) {
	for _, c := range []struct {
		name string
		link Rate
		caps Caps
		want Rate
	}{
		{"link", 20e6, Caps{}, 20e6},
		{"egress", 50e6, Caps{Egress: 10e6}, 10e6},
		{"ingress", 50e6, Caps{Ingress: 5e6}, 5e6},
		{"all", 8e6, Caps{Egress: 10e6, Ingress: 12e6}, 8e6},
		{"fast", 400e6, Caps{}, 400e6},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, a, b := pair(t, Link{Rate: c.link}, c.caps)
			const d = 10 * time.Second
			got := float64(flood(n, a, b, 2*c.want, d)) * 8 / d.Seconds()
			if math.Abs(got/float64(c.want)-1) > 0.001 {
				t.Errorf("%.0f bit/s arrived, want %.0f", got, c.want)
			}
		})
	}
}

func TestHostsOfOneRegionHaveNoCaps(t *testing.T) {
	n := New(1)
	r := n.AddRegion()
	if err := n.SetLink(r, r, Link{Delay: time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	a, b := n.AddHost(r, Caps{Egress: 1e3}), n.AddHost(r, Caps{Ingress: 1e3})
	if got := flood(n, a, b, 10e6, time.Second); got < 1e6 {
		t.Errorf("%d bytes arrived within the region, the caps are for what leaves it", got)
	}
}

func TestDelayAndOrderUnderJitter(t *testing.T) {
	const delay, jitter = 40 * time.Millisecond, 10 * time.Millisecond
	n, a, b := pair(t, Link{Delay: delay, Jitter: jitter}, Caps{})
	const packets = 1000
	gap := 20 * time.Millisecond // longer than the jitter: none waits for another
	var latest, sum time.Duration
	next := 0
	for i := range packets {
		sent := time.Duration(i) * gap
		n.Send(sent, Packet{From: a, To: b, Size: MTU, Buffer: []byte{byte(i), byte(i >> 8)}})
	}
	for {
		due, ok := n.Next()
		if !ok {
			break
		}
		n.Advance(due, func(p Packet) {
			i := int(p.Buffer[0]) | int(p.Buffer[1])<<8
			if i != next {
				t.Fatalf("packet %d arrived as number %d", i, next)
			}
			next++
			late := due - time.Duration(i)*gap
			if late < delay || late >= delay+jitter {
				t.Fatalf("packet %d took %v", i, late)
			}
			sum += late
			latest = max(latest, late)
		})
	}
	if mean := sum / packets; next != packets || mean < 44*time.Millisecond || mean > 46*time.Millisecond || latest < 49*time.Millisecond {
		t.Errorf("%d packets, mean %v, latest %v", next, sum/packets, latest)
	}
}

// Packets that are due together, or would overtake each other, arrive in the order
// in which they were sent.
func TestNoneOvertakes(t *testing.T) {
	for name, l := range map[string]Link{
		"together":   {Delay: time.Millisecond},
		"overtaking": {Delay: time.Millisecond, Jitter: 50 * time.Millisecond},
	} {
		n, a, b := pair(t, l, Caps{})
		const packets = 200
		for i := range packets {
			n.Send(time.Duration(i/20)*time.Millisecond, Packet{From: a, To: b, Size: MTU, Buffer: []byte{byte(i)}})
		}
		next := 0
		n.Advance(time.Hour, func(p Packet) {
			if int(p.Buffer[0]) != next {
				t.Errorf("%s: packet %d arrived as number %d", name, p.Buffer[0], next)
			}
			next++
		})
		if next != packets {
			t.Errorf("%s: %d of %d arrived", name, next, packets)
		}
	}
}

func TestLoss(t *testing.T) {
	for _, c := range []struct {
		name        string
		loss, burst float64
	}{
		{"independent", 0.01, 0},
		{"heavy", 0.3, 1},
		{"bursts", 0.02, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, a, b := pair(t, Link{Loss: c.loss, Burst: c.burst}, Caps{})
			const packets = 1_000_000
			lost, bursts, arrived := 0, 0, true
			for i := range packets {
				got := false
				n.Send(time.Duration(i), Packet{From: a, To: b, Size: MTU})
				n.Advance(time.Duration(i), func(Packet) { got = true })
				if !got {
					lost++
					if arrived {
						bursts++
					}
				}
				arrived = got
			}
			if got := float64(lost) / packets; math.Abs(got/c.loss-1) > 0.05 {
				t.Errorf("loss %.5f, want %.5f", got, c.loss)
			}
			want := 1 / (1 - c.loss) // a burst of independent losses
			if c.burst > 1 {
				want = c.burst
			}
			if got := float64(lost) / float64(bursts); math.Abs(got/want-1) > 0.05 {
				t.Errorf("a burst has %.2f packets on average, want %.2f", got, want)
			}
			if _, k := n.Link(0, 1); k.Lost != uint64(lost) || k.Packets != packets {
				t.Errorf("counters %+v, %d were lost", k, lost)
			}
		})
	}
}

func TestQueueIsBounded(t *testing.T) {
	const queue = 100 * MTU
	n, a, b := pair(t, Link{Rate: 12e6, Queue: queue}, Caps{}) // a packet a millisecond
	for range 150 {
		n.Send(0, Packet{From: a, To: b, Size: MTU})
	}
	arrived := 0
	n.Advance(time.Hour, func(Packet) { arrived++ })
	if _, k := n.Link(0, 1); arrived != 100 || k.Dropped != 50 {
		t.Errorf("%d arrived and %d were dropped of 150 at a queue of 100", arrived, k.Dropped)
	}
	if last, _ := n.Link(0, 1); last.queue() != queue {
		t.Errorf("queue %d", last.queue())
	}
}

func TestChangesWhileRunning(t *testing.T) {
	n, a, b := pair(t, Link{Delay: time.Millisecond}, Caps{})
	send := func(now time.Duration, udp bool) bool {
		got := false
		n.Send(now, Packet{From: a, To: b, Size: MTU, UDP: udp})
		n.Advance(now+time.Millisecond, func(Packet) { got = true })
		return got
	}
	set := func(l Link) {
		t.Helper()
		l.Delay = time.Millisecond
		if err := n.SetLink(0, 1, l); err != nil {
			t.Fatal(err)
		}
	}
	if !send(0, true) {
		t.Error("a link that is up passes nothing")
	}
	set(Link{Down: true})
	if send(time.Second, false) {
		t.Error("a link that is down passes something")
	}
	set(Link{NoUDP: true})
	if send(2*time.Second, true) || !send(3*time.Second, false) {
		t.Error("a link without UDP is to pass TCP and nothing else")
	}
	if _, k := n.Link(0, 1); k.Blocked != 2 {
		t.Errorf("%d were blocked", k.Blocked)
	}
	set(Link{})
	if !send(4*time.Second, true) {
		t.Error("a link that came up again passes nothing")
	}
}

// Two hosts that share a link each get half, whatever queue the cap of one has.
func TestHostsShareALink(t *testing.T) {
	n := New(1)
	east, west := n.AddRegion(), n.AddRegion()
	if err := n.SetLink(east, west, Link{Rate: 12e6}); err != nil {
		t.Fatal(err)
	}
	capped, free, to := n.AddHost(east, Caps{Egress: 3e6}), n.AddHost(east, Caps{}), n.AddHost(west, Caps{})
	got := map[Host]int{}
	count := func(p Packet) { got[p.From] += p.Size }
	const d = 10 * time.Second
	for now := time.Duration(0); now < d; now += 2 * time.Millisecond { // 6 Mbit/s each
		n.Advance(now, count)
		n.Send(now, Packet{From: capped, To: to, Size: MTU})
		n.Send(now, Packet{From: free, To: to, Size: MTU})
	}
	for h, want := range map[Host]float64{capped: 3e6, free: 6e6} {
		if rate := float64(got[h]) * 8 / d.Seconds(); math.Abs(rate/want-1) > 0.02 {
			t.Errorf("host %d: %.0f bit/s, want %.0f", h, rate, want)
		}
	}
}

func TestSettingsThatNoNetworkHas(t *testing.T) {
	n, _, _ := pair(t, Link{}, Caps{})
	for name, l := range map[string]Link{
		"rate": {Rate: -1}, "delay": {Delay: -1}, "jitter": {Jitter: -1}, "queue": {Queue: -1},
		"all lost": {Loss: 1}, "negative loss": {Loss: -0.1}, "bursts": {Loss: 0.9, Burst: 2},
	} {
		if err := n.SetLink(0, 1, l); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestSameSeedSameLoss(t *testing.T) {
	run := func() (lost []int) {
		n, a, b := pair(t, Link{Loss: 0.2, Burst: 3}, Caps{})
		for i := range 1000 {
			got := false
			n.Send(time.Duration(i), Packet{From: a, To: b, Size: MTU})
			n.Advance(time.Duration(i), func(Packet) { got = true })
			if !got {
				lost = append(lost, i)
			}
		}
		return lost
	}
	first, second := run(), run()
	for i := range first {
		if len(first) != len(second) || first[i] != second[i] {
			t.Fatal("two networks of the same seed lost different packets")
		}
	}
}

func BenchmarkSend(b *testing.B) {
	n := New(1)
	east, west := n.AddRegion(), n.AddRegion()
	if err := n.SetLink(east, west, Link{Rate: 1e9, Delay: 75 * time.Millisecond}); err != nil {
		b.Fatal(err)
	}
	from, to := n.AddHost(east, Caps{}), n.AddHost(west, Caps{})
	now := time.Duration(0)
	for b.Loop() {
		now += 12 * time.Microsecond
		n.Send(now, Packet{From: from, To: to, Size: MTU})
		n.Advance(now, func(Packet) {})
	}
}
