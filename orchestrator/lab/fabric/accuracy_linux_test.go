package fabric

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/skyctl/skyctl/orchestrator/lab/host"
	"github.com/skyctl/skyctl/orchestrator/lab/shape"
)

// tries is how often a measurement may be disturbed by what else this machine
// does before it counts.
const tries = 20

// testbed is two hosts in two regions. Needs root.
type testbed struct {
	t      *testing.T
	fabric *Fabric
	hosts  [2]*host.Host
	names  [2]string
	addrs  [2]netip.Addr
}

func newTestbed(t *testing.T, there, back shape.Link) *testbed {
	t.Helper()
	network := shape.New(42)
	a, b := network.AddRegion(), network.AddRegion()
	for _, err := range []error{network.SetLink(a, b, there), network.SetLink(b, a, back)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	f, err := New(network)
	if err != nil {
		t.Fatal(err)
	}
	bed := &testbed{t: t, fabric: f}
	for i, r := range []shape.Region{a, b} {
		bed.names[i] = fmt.Sprintf("lab-accuracy-%d-%d", os.Getpid(), i)
		bed.addrs[i] = netip.AddrFrom4([4]byte{198, 18, byte(i + 1), 1})
		h, err := host.Open(bed.names[i], bed.addrs[i], netip.MustParsePrefix("198.18.0.0/15"))
		if err != nil {
			t.Fatal(err)
		}
		bed.hosts[i] = h
		t.Cleanup(func() {
			if err := host.Remove(bed.names[i]); err != nil {
				t.Error(err)
			}
		})
		t.Cleanup(func() { h.Close() }) // ends its thread; the device is closed with the switch
		f.Attach(network.AddHost(r, shape.Caps{}), bed.addrs[i], h.Device)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return bed
}

// set changes the way from the first host to the second.
func (b *testbed) set(l shape.Link) {
	b.t.Helper()
	b.fabric.Do(func(n *shape.Network) {
		if err := n.SetLink(0, 1, l); err != nil {
			b.t.Fatal(err)
		}
	})
}

// counters are those of the way from the first host to the second.
func (b *testbed) counters() (c shape.Counters) {
	b.fabric.Do(func(n *shape.Network) { _, c = n.Link(0, 1) })
	return c
}

// socket opens a UDP socket on a host.
func (b *testbed) socket(i int) *net.UDPConn {
	b.t.Helper()
	var conn *net.UDPConn
	err := b.hosts[i].Do(func() (err error) {
		conn, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(b.addrs[i], 0)))
		return err
	})
	if err == nil {
		err = conn.SetReadBuffer(4 << 20)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { conn.Close() })
	return conn
}

// datagram is what fills an IP packet to the MTU.
const datagram = shape.MTU - 28

// arrival is one datagram that a socket got.
type arrival struct {
	number int
	sent   time.Duration // since the epoch of the test
	at     time.Duration
}

// stream sends datagrams, paced by a clock and not by the network, and returns
// those that arrived, in order. It ends when none can be on its way any more.
func (b *testbed) stream(count int, gap time.Duration) []arrival {
	b.t.Helper()
	from, to := b.socket(0), b.socket(1)
	epoch := time.Now()
	before := b.counters()
	var arrivals []arrival
	got := make(chan struct{})
	go func() {
		defer close(got)
		buf := make([]byte, shape.MTU)
		for {
			if _, err := to.Read(buf); err != nil {
				return
			}
			arrivals = append(arrivals, arrival{number: int(binary.BigEndian.Uint64(buf)),
				sent: time.Duration(binary.BigEndian.Uint64(buf[8:])), at: time.Since(epoch)})
		}
	}()
	payload := make([]byte, datagram)
	target := to.LocalAddr().(*net.UDPAddr).AddrPort()
	clock := time.NewTicker(max(gap, time.Millisecond))
	defer clock.Stop()
	for i := 0; i < count; {
		for due := int(time.Since(epoch)/gap) + 1; i < min(due, count); i++ {
			binary.BigEndian.PutUint64(payload, uint64(i))
			binary.BigEndian.PutUint64(payload[8:], uint64(time.Since(epoch)))
			if _, err := from.WriteToUDPAddrPort(payload, target); err != nil {
				b.t.Fatal(err)
			}
		}
		<-clock.C
	}
	// The network has seen all of them, and has nothing left.
	deadline := time.Now().Add(20 * time.Second)
	for idle := 0; idle < 20 && time.Now().Before(deadline); <-clock.C {
		now := b.counters()
		seen := now.Packets + now.Dropped - before.Packets - before.Dropped
		idle++
		b.fabric.Do(func(n *shape.Network) {
			if _, busy := n.Next(); busy || seen < uint64(count) {
				idle = 0
			}
		})
	}
	to.Close()
	<-got
	return arrivals
}

// within retries a measurement until it is near enough.
func within(t *testing.T, what string, want, tolerance float64, measure func() float64) {
	t.Helper()
	var all []float64
	for range tries {
		got := measure()
		if math.Abs(got-want) <= tolerance {
			t.Logf("%s: %.4g, set %.4g", what, got, want)
			return
		}
		all = append(all, got)
	}
	t.Errorf("%s: measured %.4g, set %.4g ± %.2g", what, all, want, tolerance)
}

func TestDelayWithinAMillisecond(t *testing.T) {
	b := newTestbed(t, shape.Link{}, shape.Link{})
	for _, want := range []time.Duration{time.Millisecond, 40 * time.Millisecond, 75 * time.Millisecond} {
		b.set(shape.Link{Delay: want})
		var spread float64
		within(t, "delay in ms", ms(want), 1, func() float64 {
			var delays []float64
			for _, a := range b.stream(300, 2*time.Millisecond) {
				delays = append(delays, ms(a.at-a.sent))
			}
			if len(delays) != 300 {
				t.Fatalf("%d of 300 arrived", len(delays))
			}
			slices.Sort(delays)
			spread = delays[270] - delays[30]
			if spread >= 1 {
				return math.Inf(1) // measured under load: once more
			}
			return delays[150]
		})
		if spread >= 1 {
			t.Errorf("the middle 80 %% of delays spread over %.2f ms, want under 1", spread)
		}
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func TestJitterAsSet(t *testing.T) {
	b := newTestbed(t, shape.Link{Delay: 10 * time.Millisecond, Jitter: 10 * time.Millisecond}, shape.Link{})
	within(t, "middle of delays of 10 to 20 ms", 15, 1, func() float64 {
		var delays []float64
		for _, a := range b.stream(150, 12*time.Millisecond) {
			delays = append(delays, ms(a.at-a.sent))
		}
		slices.Sort(delays)
		return delays[len(delays)/2]
	})
}

func TestRateWithin3PercentUDP(t *testing.T) {
	b := newTestbed(t, shape.Link{}, shape.Link{})
	for _, mbit := range []float64{5, 30} {
		b.set(shape.Link{Rate: shape.Rate(mbit * 1e6), Delay: 5 * time.Millisecond})
		gap := time.Duration(shape.MTU * 8 / (2 * mbit) * float64(time.Microsecond)) // twice the rate
		within(t, "Mbit/s", mbit, 0.03*mbit, func() float64 {
			got := b.stream(int(2*time.Second/gap), gap)
			first, last := got[0], got[len(got)-1]
			return float64(len(got)-1) * shape.MTU * 8 / 1e6 / (last.at - first.at).Seconds()
		})
	}
}

func TestLossWithin10Percent(t *testing.T) {
	b := newTestbed(t, shape.Link{}, shape.Link{})
	for _, c := range []struct{ loss, burst float64 }{{0.05, 0}, {0.05, 4}} {
		b.set(shape.Link{Loss: c.loss, Burst: c.burst, Delay: time.Millisecond})
		const packets = 40_000
		within(t, fmt.Sprintf("loss in bursts of %g", c.burst), c.loss, 0.1*c.loss, func() float64 {
			return 1 - float64(len(b.stream(packets, 100*time.Microsecond)))/packets
		})
	}
}

// iperf runs a TCP stream from the first host to the second and returns what its
// receiver got, in Mbit/s.
func (b *testbed) iperf(args ...string) float64 {
	b.t.Helper()
	command := func(i int, args ...string) *exec.Cmd {
		return exec.Command("ip", append([]string{"netns", "exec", b.names[i], "iperf3"}, args...)...)
	}
	// The server says where it listens once it does; then the client may come.
	server := command(1, "-s", "-1", "--forceflush")
	out, err := server.StdoutPipe()
	if err == nil {
		err = server.Start()
	}
	if err != nil {
		b.t.Fatalf("%v; these tests need iperf3", err)
	}
	defer server.Wait()
	if _, err := out.Read(make([]byte, 256)); err != nil {
		b.t.Fatal(err)
	}
	text, err := command(0, append([]string{"-J", "-c", b.addrs[1].String()}, args...)...).Output()
	var report struct {
		End struct {
			Received struct {
				BitsPerSecond float64 `json:"bits_per_second"`
			} `json:"sum_received"`
		} `json:"end"`
		Error string
	}
	if jsonErr := json.Unmarshal(text, &report); err != nil || jsonErr != nil {
		server.Process.Kill()
		b.t.Fatal(err, jsonErr, report.Error)
	}
	return report.End.Received.BitsPerSecond / 1e6
}

func TestRateWithin3PercentTCP(t *testing.T) {
	delay := 10 * time.Millisecond
	b := newTestbed(t, shape.Link{}, shape.Link{Delay: delay})
	for _, mbit := range []float64{10, 40} {
		b.set(shape.Link{Rate: shape.Rate(mbit * 1e6), Delay: delay})
		within(t, "Mbit/s of packets", mbit, 0.03*mbit, func() float64 {
			return b.iperf("-t", "3", "-O", "1", "-C", "cubic") * shape.MTU / 1448 // what headers take
		})
	}
}

// The least that the switch is to carry.
const enough = 400

func TestThroughput(t *testing.T) {
	delay := time.Millisecond
	b := newTestbed(t, shape.Link{Delay: delay}, shape.Link{Delay: delay})
	var best float64
	for range tries {
		best = max(best, b.iperf("-t", "1"))
		if best >= enough {
			t.Logf("%.0f Mbit/s", best)
			return
		}
	}
	t.Errorf("the switch carries %.0f Mbit/s, want %d", best, enough)
}
