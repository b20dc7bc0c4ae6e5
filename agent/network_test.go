package agent_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/skyctl/skyctl/agent/agenttest"
	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/agent/wire"
)

// These tests run on a simulated network in simulated time, so that seconds
// cost nothing and are exact.

// simulated runs test with a network on which a packet takes 40 ms, 80 ms
// there and back.
func simulated(t *testing.T, transport string, test func(t *testing.T, p places, sim *agenttest.Sim, o agenttest.Options)) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlaces(t, "src", "dst0", "dst1")
		sim := agenttest.NewSim(40 * time.Millisecond)
		test(t, p, sim, agenttest.Options{Stores: p.configs, Net: sim, Transport: transport})
	})
}

// overBoth runs the test over each transport.
func overBoth(t *testing.T, test func(t *testing.T, p places, sim *agenttest.Sim, o agenttest.Options)) {
	for _, x := range []string{control.TransportQUIC, control.TransportTLS} {
		t.Run(x, func(t *testing.T) { simulated(t, x, test) })
	}
}

func TestAChainOfGatewaysFarApart(t *testing.T) {
	overBoth(t, func(t *testing.T, p places, _ *agenttest.Sim, o agenttest.Options) {
		f := agenttest.Start(t, o, "r", "a", "b", "w0")
		f.Configure("s", agenttest.Chain(0, 1, "r", "a", "b", "w0"))
		keys, sizes := corpus(p)
		checkResults(t, f.Run("r", whole(0, keys, sizes, 0))) // connects, too
		checkCopies(t, p, keys, 0)

		// Three hops there and back are 240 ms. A relay that waited for the
		// whole chunk, or for an answer, would add as much again.
		start := time.Now()
		checkResults(t, f.Run("r", whole(100, keys[:3], sizes[:3], 0)))
		if took := time.Since(start); took < 240*time.Millisecond || took > 260*time.Millisecond {
			t.Errorf("small objects took %v", took)
		}
	})
}

// multicast is a tree from r to a writer of destination 0 and one of 1.
func multicast(w0, w1 route.Gateway) control.Route {
	return control.Route{Weight: 1, Tree: route.Node{Gateway: "r", Children: []route.Node{
		{Gateway: w0, Writes: []route.Dest{0}}, {Gateway: w1, Writes: []route.Dest{1}}}}}
}

func byDest(rs []control.Result) map[route.Dest]control.Result {
	m := map[route.Dest]control.Result{}
	for _, r := range rs {
		m[r.Dest] = r
	}
	return m
}

// acceptAndTakeNothing ends with its listener and ctx.
func acceptAndTakeNothing(ctx context.Context, ln net.Listener, config *tls.Config) {
	for {
		raw, err := ln.Accept()
		if err != nil {
			return
		}
		defer raw.Close()
		if err := tls.Server(raw, config).HandshakeContext(ctx); err != nil {
			return
		}
	}
}

// TestAStalledDestinationIsCutAndItsSiblingGoesOn: the peer keeps its
// connection alive, accepts streams, and takes nothing.
func TestAStalledDestinationIsCutAndItsSiblingGoesOn(t *testing.T) {
	overBoth(t, func(t *testing.T, p places, _ *agenttest.Sim, o agenttest.Options) {
		f := agenttest.Start(t, o, "r", "w0")
		n, id := f.Network("stuck")
		var accepting sync.WaitGroup
		listening, stop := context.WithCancel(t.Context())
		accepting.Go(func() { acceptAndTakeNothing(listening, n.Listener, id.ServerConfig(wire.ALPN)) })
		defer accepting.Wait()
		defer n.Listener.Close()
		defer stop()
		tr := &quic.Transport{Conn: n.Sockets[0]}
		defer n.Sockets[0].Close()
		defer tr.Close()
		ln, err := tr.Listen(id.ServerConfig(wire.ALPN), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()

		ctx := t.Context()
		if err := f.Agent("w0").Configure(ctx, control.Config{Session: "s", Stores: p.configs}); err != nil {
			t.Fatal(err)
		}
		if err := f.Agent("r").Configure(ctx, control.Config{Session: "s", Stores: p.configs, Routes: []control.Route{multicast("w0", "stuck")},
			Credit: map[route.Gateway]int64{"w0": 1 << 30, "stuck": 1 << 30},
			Peers: map[route.Gateway]control.Peer{"w0": {Address: f.Address("w0"), Connections: 1, Transport: o.Transport},
				"stuck": {Address: n.Listener.Addr().String(), Connections: 1, Transport: o.Transport}}}); err != nil {
			t.Fatal(err)
		}
		const size = 4 << 20 // over any window that the peer may have opened
		p.put("k", random(size), objstore.Metadata{})
		start := time.Now()
		rs := byDest(f.Run("r", whole(0, []string{"k"}, []int{size}, 0, 1)))
		if took := time.Since(start); took < 10*time.Second || took > 13*time.Second {
			t.Errorf("it took %v", took)
		}
		if rs[0].Failure != nil {
			t.Errorf("the sibling: %+v", *rs[0].Failure)
		}
		if x := rs[1].Failure; x == nil || x.Stage != control.StageRoute || x.Gateway != "stuck" || !strings.HasPrefix(x.Message, "stalled") {
			t.Errorf("the stalled destination: %+v", x)
		}
		checkCopies(t, p, []string{"k"}, 0)
	})
}

// TestALinkThatIsCutIsNoticedAndUsedAgain: chunks on it fail within the idle
// timeout, later ones at once, and when it is back they arrive.
func TestALinkThatIsCutIsNoticedAndUsedAgain(t *testing.T) {
	overBoth(t, func(t *testing.T, p places, sim *agenttest.Sim, o agenttest.Options) {
		o.Connections = 2
		f := agenttest.Start(t, o, "r", "w0", "w1")
		f.Configure("s", multicast("w0", "w1"))
		p.put("k", random(1<<20), objstore.Metadata{})
		next := int64(0)
		send := func() (map[route.Dest]control.Result, time.Duration) {
			start := time.Now()
			next++
			rs := f.Run("r", whole(next, []string{"k"}, []int{1 << 20}, 0, 1))
			return byDest(rs), time.Since(start)
		}
		expect := func(when string, within time.Duration, cut bool) {
			t.Helper()
			rs, took := send()
			if rs[0].Failure != nil || took > within {
				t.Errorf("%s: after %v the other destination has %+v", when, took, rs[0].Failure)
			}
			x := rs[1].Failure
			if cut && (x == nil || x.Stage != control.StageRoute || !x.Kind.Retryable()) || !cut && x != nil {
				t.Errorf("%s: %+v", when, x)
			}
		}
		expect("at first", 2*time.Second, false)
		sim.Cut("r", "w1")
		expect("cut", 9*time.Second, true)
		expect("known to be cut", 2*time.Second, true)
		time.Sleep(time.Minute) // the dials go on
		expect("still cut", 2*time.Second, true)
		sim.Heal("r", "w1")
		time.Sleep(10 * time.Second)
		expect("healed", 2*time.Second, false)
		checkCopies(t, p, []string{"k"}, 0, 1)
	})
}

// TestAPeerThatWasNeverThereIsNotWaitedForTwice: the first dial takes its
// time, and after it chunks fail at once.
func TestAPeerThatWasNeverThereIsNotWaitedForTwice(t *testing.T) {
	overBoth(t, func(t *testing.T, p places, sim *agenttest.Sim, o agenttest.Options) {
		f := agenttest.Start(t, o, "r", "w0")
		sim.Cut("r", "w0")
		f.Configure("s", agenttest.Chain(0, 1, "r", "w0"))
		p.put("k", random(10), objstore.Metadata{})
		for i, within := range []time.Duration{6 * time.Second, time.Millisecond} {
			start := time.Now()
			r := f.Run("r", whole(int64(i), []string{"k"}, []int{10}, 0))[0]
			if took := time.Since(start); r.Failure == nil || r.Failure.Stage != control.StageRoute || took > within {
				t.Errorf("after %v: %+v", took, r.Failure)
			}
		}
	})
}

// TestWritersThatForwardToEachOther: two readers multicast through two writers
// in opposite directions. Each writer has memory for one part, and each reader
// credit for less than one, so that both send theirs.
func TestWritersThatForwardToEachOther(t *testing.T) {
	overBoth(t, func(t *testing.T, p places, _ *agenttest.Sim, o agenttest.Options) {
		const size, count, memory = 200 << 10, 40, 512 << 10
		o.Memory = memory
		f := agenttest.Start(t, o, "r0", "r1", "w0", "w1")
		both := func(reader, first, second route.Gateway, d0, d1 route.Dest) control.Route {
			return control.Route{Weight: 1, Tree: route.Node{Gateway: reader, Children: []route.Node{
				{Gateway: first, Writes: []route.Dest{d0}, Children: []route.Node{{Gateway: second, Writes: []route.Dest{d1}}}}}}}
		}
		f.Configure("s", both("r0", "w0", "w1", 0, 1), both("r1", "w1", "w0", 1, 0))
		p.put("k", random(size), objstore.Metadata{})

		var keys []string
		var sizes []int
		for range count {
			keys, sizes = append(keys, "k"), append(sizes, size)
		}
		watch, stop := context.WithCancel(t.Context())
		watched := make(chan struct{})
		go func() {
			defer close(watched)
			for watch.Err() == nil {
				for _, w := range []route.Gateway{"w0", "w1"} {
					if s, err := f.Agent(w).Stats(watch); err != nil || s.MemoryUsed > memory {
						t.Errorf("%s uses %d bytes of %d (%v)", w, s.MemoryUsed, memory, err)
					}
				}
				select {
				case <-time.After(time.Millisecond):
				case <-watch.Done():
				}
			}
		}()
		type outcome struct {
			rs  []control.Result
			err error
		}
		done := make(chan outcome)
		start := time.Now()
		for i, r := range []route.Gateway{"r0", "r1"} {
			go func() {
				rs, err := agenttest.Collect(t.Context(), f.Agent(r), whole(int64(1000*i), keys, sizes, 0, 1))
				done <- outcome{rs, err}
			}()
		}
		for range 2 {
			o := <-done
			if o.err != nil {
				t.Error(o.err)
			}
			checkResults(t, o.rs)
		}
		stop()
		<-watched
		if took := time.Since(start); took > time.Minute {
			t.Errorf("it took %v", took)
		}
		for _, w := range []route.Gateway{"w0", "w1"} {
			if err := f.Agent(w).Quiesce(t.Context()); err != nil {
				t.Error(err)
			}
		}
		checkCopies(t, p, []string{"k"}, 0, 1)
	})
}

// TestChunksDoNotWaitForEachOthersTurns: each needs a connection to both
// writers, of which there is one each.
func TestChunksDoNotWaitForEachOthersTurns(t *testing.T) {
	overBoth(t, func(t *testing.T, p places, _ *agenttest.Sim, o agenttest.Options) {
		f := agenttest.Start(t, o, "r", "w0", "w1")
		f.Configure("s", multicast("w1", "w0"), multicast("w0", "w1"))
		const size = 300 << 10
		p.put("k", random(size), objstore.Metadata{})
		var keys []string
		var sizes []int
		for range 40 {
			keys, sizes = append(keys, "k"), append(sizes, size)
		}
		checkResults(t, f.Run("r", whole(0, keys, sizes, 0, 1)))
	})
}

// TestMoreObjectsThanStreams: what a connection does not take at once waits.
func TestMoreObjectsThanStreams(t *testing.T) {
	overBoth(t, func(t *testing.T, p places, _ *agenttest.Sim, o agenttest.Options) {
		o.Streams = 1500
		f := agenttest.Start(t, o, "r", "w0")
		f.Configure("s", agenttest.Chain(0, 1, "r", "w0"))
		p.put("k", random(100), objstore.Metadata{})
		keys := make([]string, 1500)
		sizes := make([]int, len(keys))
		for i := range keys {
			keys[i], sizes[i] = "k", 100
		}
		as := whole(0, keys, sizes, 0)
		for i := range as {
			as[i].Dests[0].Key = fmt.Sprint(i)
		}
		checkResults(t, f.Run("r", as))
	})
}

// TestUDPThatIsBlockedOnTheWay: where TLS may take QUIC's place it does, as soon
// as the connections are lost, and what was under way fails and can be sent again.
func TestUDPThatIsBlockedOnTheWay(t *testing.T) {
	for _, fallback := range []bool{true, false} {
		t.Run(fmt.Sprint(fallback), func(t *testing.T) {
			simulated(t, control.TransportQUIC, func(t *testing.T, p places, sim *agenttest.Sim, o agenttest.Options) {
				o.Connections, o.Fallback = 2, fallback
				f := agenttest.Start(t, o, "r", "w0")
				f.Configure("s", agenttest.Chain(0, 1, "r", "w0"))
				p.put("k", random(1<<20), objstore.Metadata{})
				next := int64(0)
				send := func() *control.Failure {
					next++
					return f.Run("r", whole(next, []string{"k"}, []int{1 << 20}, 0))[0].Failure
				}
				tls := func() int {
					s, err := f.Agent("r").Stats(t.Context())
					if err != nil || len(s.Peers) != 1 {
						t.Fatal(err, s.Peers)
					}
					return s.Peers[0].TLS
				}
				if x := send(); x != nil || tls() != 0 {
					t.Fatalf("before: %+v, %d connections over TLS", x, tls())
				}
				sim.BlockUDP(true)
				if x := send(); x == nil || x.Stage != control.StageRoute || !x.Kind.Retryable() {
					t.Errorf("under way: %+v", x)
				}
				time.Sleep(5 * time.Second)
				if x := send(); (x == nil) != fallback {
					t.Errorf("after it: %+v", x)
				}
				if n := tls(); (n == 2) != fallback {
					t.Errorf("%d connections over TLS", n)
				}
			})
		})
	}
}

// TestRoutesAroundACircle: payloads that each have a connection to one relay and
// want one to the next do not wait for each other, whichever way the routes lead.
func TestRoutesAroundACircle(t *testing.T) {
	overBoth(t, func(t *testing.T, p places, _ *agenttest.Sim, o agenttest.Options) {
		o.Connections = 2
		f := agenttest.Start(t, o, "r", "a", "b", "c")
		f.Configure("s", agenttest.Chain(0, 1, "r", "a", "b", "c"), agenttest.Chain(1, 1, "r", "b", "c", "a"), agenttest.Chain(2, 1, "r", "c", "a", "b"))
		const size = 3 << 20 // more than fits the buffers on the way
		p.put("k", random(size), objstore.Metadata{})
		var keys []string
		var sizes []int
		for range 12 { // four a route of two connections
			keys, sizes = append(keys, "k"), append(sizes, size)
		}
		checkResults(t, f.Run("r", whole(0, keys, sizes, 0)))
	})
}
