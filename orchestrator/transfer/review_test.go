package transfer

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/route"
)

// line is gateways r, m and w in a row, each with a bottleneck of its own.
func line(r, m, w control.Bottleneck) *scheduler {
	s := &scheduler{gateways: map[route.Gateway]*gateway{}, bottleneck: bottleneck{seconds: map[string]int{}},
		cfg: Config{Place: func(g route.Gateway) string {
			return map[route.Gateway]string{"r": "local:east", "m": "local:mid", "w": "local:west"}[g]
		}}}
	s.cfg.Events = func(Event) {}
	for name, b := range map[route.Gateway]control.Bottleneck{"r": r, "m": m, "w": w} {
		s.gateways[name] = &gateway{name: name, stats: control.Stats{Bottleneck: b,
			Waits: []control.Wait{{On: control.ResourceSend, Gateway: "m", Chunks: 1}, {On: control.ResourceAck, Gateway: "m", Chunks: 5}}}}
	}
	g := s.gateways["r"]
	g.reader = &reader{gateway: g, out: map[attempt]*task{{}: {}}}
	s.readers = []*reader{g.reader}
	return s
}

func TestWhatHoldsTheRunBack(t *testing.T) {
	on := func(on control.Resource, at route.Gateway, chunks float64) control.Bottleneck {
		return control.Bottleneck{On: on, Gateway: at, Chunks: chunks}
	}
	idle := control.Bottleneck{}
	for _, c := range []struct {
		r, m, w control.Bottleneck
		want    string
	}{
		{on("read", "", 9), idle, idle, "reads from local:east"},
		{on("limit", "", 9), idle, idle, "--bwlimit"},
		{on("cpu", "", 9), on("send", "w", 9), on("write", "", 9), "the processor of r"},
		{on("send", "m", 9), on("receive", "r", 9), on("receive", "m", 9), "the network from local:east to local:mid"},
		{on("send", "m", 9), on("send", "w", 9), on("receive", "m", 9), "the network from local:mid to local:west"},
		{on("send", "m", 9), on("send", "w", 9), on("write", "", 9), "writes to local:west"},
		{on("ack", "m", 9), on("ack", "w", 9), on("memory", "", 9), "the memory of w"},
		{on("credit", "w", 9), on("ack", "w", 9), on("write", "", 8), "writes to local:west"},
		{on("credit", "w", 9), on("send", "w", 9), on("receive", "m", 8), "the network from local:mid to local:west"},
		{on("send", "m", 9), on("cpu", "", 1), idle, "the processor of m"},
		{on("credit", "w", 9), on("ack", "w", 9), on("cpu", "", 1), "the processor of w"},
		{on("ack", "m", 200), on("ack", "w", 190), on("write", "", 3), "the network from local:mid to local:west"}, // distance
		{on("send", "m", 9), on("send", "r", 9), idle, "the network from local:mid to local:east"},                 // a circle ends
	} {
		s := line(c.r, c.m, c.w)
		for range steady {
			if s.bottleneck.told != "" {
				t.Errorf("%s: told before it was steady", c.want)
			}
			s.diagnose()
		}
		if s.bottleneck.told != c.want || s.bottleneck.most() != c.want {
			t.Errorf("told %q, mostly %q, want %q", s.bottleneck.told, s.bottleneck.most(), c.want)
		}
	}
}

// TestOthersHaveTheProcessors: no gateway uses much of them, and what looks like
// the network is that one would.
func TestOthersHaveTheProcessors(t *testing.T) {
	for name, want := range map[route.Gateway]string{"r": "the processor of r", "m": "the processor of m", "w": "the network from local:east to local:mid"} {
		s := line(control.Bottleneck{On: control.ResourceSend, Gateway: "m", Chunks: 9}, control.Bottleneck{On: control.ResourceReceive, Gateway: "r", Chunks: 9}, control.Bottleneck{})
		s.gateways[name].stats.CPU, s.gateways[name].stats.CPUWait = 0.3, 0.7
		s.diagnose()
		if got := s.bottleneck.most(); got != want {
			t.Errorf("%s lacks processors: %q, want %q", name, got, want)
		}
	}
}

// TestBottleneckIsToldOnceAChange: and the result has what it mostly was.
func TestBottleneckIsToldOnceAChange(t *testing.T) {
	s := line(control.Bottleneck{On: control.ResourceRead, Chunks: 1}, control.Bottleneck{}, control.Bottleneck{})
	var told []string
	s.cfg.Events = func(e Event) { told = append(told, e.Reason) }
	for i := range 20 {
		s.gateways["r"].stats.Bottleneck.On = control.ResourceRead
		if i == 5 || i >= 15 { // a second does not count
			s.gateways["r"].stats.Bottleneck.On = control.ResourceLimit
		}
		s.diagnose()
	}
	if want := []string{"reads from local:east", "--bwlimit"}; !slices.Equal(told, want) || s.bottleneck.most() != want[0] {
		t.Errorf("told %q, mostly %q", told, s.bottleneck.most())
	}
}

func TestShares(t *testing.T) {
	type state struct {
		weight, rate float64
		on           control.Resource
		idle         bool
	}
	for _, c := range []struct {
		name    string
		readers []state
		want    []int64
	}{
		{"by weight", []state{{1, 0, "", false}, {3, 0, "", false}}, []int64{250, 750}},
		{"one is idle", []state{{1, 0, "", false}, {1, 0, "", true}}, []int64{975, 25}},
		{"one is slow", []state{{1, 490, "limit", false}, {1, 100, "send", false}}, []int64{875, 125}},
		{"both are slow", []state{{1, 80, "send", false}, {1, 100, "send", false}}, []int64{100, 125}},
		{"all are idle", []state{{1, 0, "", true}, {1, 0, "", true}}, []int64{25, 25}},
	} {
		s := &scheduler{cfg: Config{Limit: 1000}}
		for _, x := range c.readers {
			g := &gateway{rate: x.rate}
			g.stats.Bottleneck.On = x.on
			r := &reader{gateway: g, routes: []control.Route{{Weight: x.weight}}, out: map[attempt]*task{}}
			if !x.idle {
				r.out[attempt{}] = &task{}
			}
			s.readers = append(s.readers, r)
		}
		var got []int64
		for _, x := range s.shares() {
			got = append(got, x.bytes)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestReadersAreToldTheirShares: and those of a lost one are given to the other.
func TestReadersAreToldTheirShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := unhurried(t)
		b.faults.replace = func(route.Gateway) error { return fmt.Errorf("no capacity") }
		cfg := b.config()
		cfg.Limit = 1000
		var before, after int64
		b.after(1200, func() { go b.kill("r1") })
		kill := b.seen
		b.seen = func(e Event) {
			kill(e)
			if told := limitOf(b, "r0"); b.count(EventGone) == 0 {
				before = max(before, told)
			} else {
				after = max(after, told)
			}
		}
		r, err := Run(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		b.finished(r)
		if before < 500 || after < 970 || after > 1000 {
			t.Errorf("told %d, then %d of 1000", before, after)
		}
	})
}

// TestASharedLimitOutlivesOtherRoutes: a reader that is told others has of the
// limit what was planned, until it is told what it had.
func TestASharedLimitOutlivesOtherRoutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := unhurried(t)
		b.faults.replace = func(route.Gateway) error { return fmt.Errorf("no capacity") }
		b.share = 500
		cfg := b.config()
		cfg.Limit = 1000
		b.after(300, func() { go b.kill("r1") })
		go func() {
			time.Sleep(8 * time.Second) // fake time, in the middle of the run
			if got := limitOf(b, "r0"); got < 970 {
				t.Errorf("the only reader may read %d of 1000", got)
			}
			a := b.API("r0").(*fakeAgent)
			a.mu.Lock()
			defer a.mu.Unlock()
			a.stats.Peers = []control.PeerStats{{Name: "m0", Expected: true}, {Name: "m1", Expected: true, Connections: 1}}
		}()
		r, err := Run(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		b.finished(r)
		if got := limitOf(b, "r0"); len(b.told["r0"]) == 0 || got < 970 || got > 1000 {
			t.Errorf("the only reader was told of routes %d times, and may read %d of 1000", len(b.told["r0"]), got)
		}
	})
}

// unhurried is a bench whose run takes about 15 s.
func unhurried(t *testing.T) *bench {
	b := newBench(t, 1, sizes(100, 60_000)...)
	for i := range b.readers {
		b.readers[i].Window.Chunks = 2
	}
	return b
}

func limitOf(b *bench, name route.Gateway) int64 {
	a := b.API(name).(*fakeAgent)
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.limit
}

// ids are the routes that a reader was told last.
func (w *world) ids(name route.Gateway) (ids []int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.told[name]); n > 0 {
		for _, r := range w.told[name][n-1] {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// TestRoutesOfALostGatewayAreTakenOut until it works again.
func TestRoutesOfALostGatewayAreTakenOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := unhurried(t)
		b.after(50, func() { go b.kill("m0") })
		r, err := Run(t.Context(), b.config())
		if err != nil {
			t.Fatal(err)
		}
		b.finished(r)
		for i, name := range []route.Gateway{"r0", "r1"} {
			told := b.told[name]
			if len(told) != 2 || len(told[0]) != 1 || told[0][0].ID != 10*i+1 || len(told[1]) != 2 {
				t.Errorf("%s was told %+v", name, told)
			}
		}
	})
}

// TestADeadLink: a route over it is taken out while there is another to its
// destinations, and used again when it is connected.
func TestADeadLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := unhurried(t)
		link := func(connections int) {
			a := b.API("r0").(*fakeAgent)
			a.mu.Lock()
			defer a.mu.Unlock()
			a.stats.Peers = []control.PeerStats{{Name: "m0", Expected: true, Connections: connections}, {Name: "m1", Expected: true, Connections: 1}}
		}
		link(0)
		var without time.Time
		b.seen = func(e Event) {
			if e.Kind != EventRoutes {
				return
			}
			if ids := b.ids("r0"); without.IsZero() && slices.Equal(ids, []int{1}) {
				without = e.Time
				link(8)
			}
		}
		r, err := Run(t.Context(), b.config())
		if err != nil {
			t.Fatal(err)
		}
		b.finished(r)
		if without.IsZero() || !slices.Equal(b.ids("r0"), []int{0, 1}) || b.ids("r1") != nil {
			t.Errorf("r0 was told %+v, r1 %+v", b.told["r0"], b.told["r1"])
		}
	})
}

func TestWeightsAreCorrected(t *testing.T) {
	routes := []control.Route{{ID: 0, Weight: 6}, {ID: 1, Weight: 2}, {ID: 2, Weight: 0}}
	for _, c := range []struct {
		name    string
		carried map[int]int64
		want    []float64 // nil: they are right
	}{
		{"as planned", map[int]int64{0: 600, 1: 250}, nil},
		{"a fifth more than planned", map[int]int64{0: 700, 1: 300}, nil},
		{"half as much again", map[int]int64{0: 625, 1: 375}, []float64{5.5, 2.5, 0}},
		{"one is slow", map[int]int64{0: 250, 1: 750}, []float64{4, 4, 0}},
		{"one carries nothing", map[int]int64{0: 100}, []float64{7, 1, 0}},
		{"nothing was carried", nil, nil},
	} {
		r := &reader{routes: routes, told: routes[:2]}
		var got []float64
		for _, rt := range r.corrected(c.carried) {
			got = append(got, rt.Weight)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestWrongWeightsAreChangedOnlyAfterLong, and only where routes are what the
// reader waits for.
func TestWrongWeightsAreChangedOnlyAfterLong(t *testing.T) {
	for _, c := range []struct {
		on   control.Resource
		want float64 // the first route's weight in the end
	}{{control.ResourceSend, 0.6}, {control.ResourceRead, 1}} {
		synctest.Test(t, func(t *testing.T) {
			routes := []control.Route{{ID: 0, Weight: 1}, {ID: 1, Weight: 1}}
			g := &gateway{}
			g.stats.Bottleneck.On = c.on
			r := &reader{gateway: g, routes: routes, told: routes, out: map[attempt]*task{{}: {}}, weighing: weighing{since: time.Now()}}
			s := &scheduler{readers: []*reader{r}}
			for second := range 31 {
				r.weighing.carried = map[int]int64{0: 10, 1: 90}
				s.weigh()
				if second < 30 && r.routes[0].Weight != 1 {
					t.Fatalf("changed after %d s", second)
				}
				time.Sleep(time.Second) // fake time
			}
			if got := r.routes[0].Weight; got != c.want {
				t.Errorf("%s: weight %v, want %v", c.on, got, c.want)
			}
		})
	}
}

// TestATransportThatChangesIsTold: once, when all connections of a link are over
// it, and not for what they are over at first.
func TestATransportThatChangesIsTold(t *testing.T) {
	s := line(control.Bottleneck{}, control.Bottleneck{}, control.Bottleneck{})
	s.unlinked, s.over = map[edge]int{}, map[edge]string{}
	var told []string
	s.cfg.Events = func(e Event) {
		told = append(told, fmt.Sprintf("%s to %s over %s: %s", e.Gateway, e.Peer, e.Transport, e.Reason))
	}
	for _, tls := range []int{0, 0, 1, 2, 2, 0} {
		s.gateways["r"].stats.Peers = []control.PeerStats{
			{Name: "m", Expected: true, Connections: 2, TLS: tls}, {Name: "w", Expected: true, Connections: 1, TLS: 1}}
		s.connected(s.gateways["r"])
	}
	if want := []string{"r to m over tls: UDP does not get through any more", "r to m over quic: UDP gets through again"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}
