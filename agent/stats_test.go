package agent_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/agenttest"
	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
)

// many assigns n objects of one size to destination 0.
func many(p places, n, size int) []control.Assignment {
	p.put("k", random(size), objstore.Metadata{})
	return whole(0, slices.Repeat([]string{"k"}, n), slices.Repeat([]int{size}, n), 0)
}

// TestLimitHolds: over real sockets, and also when it is changed on the way.
func TestLimitHolds(t *testing.T) {
	overEach(t, "limit", func(t *testing.T, transport string) {
		t.Parallel() // it waits
		p := newPlaces(t, "src", "dst0")
		f := agenttest.Start(t, agenttest.Options{Stores: p.configs, Transport: transport, Connections: 2}, "r", "w0")
		f.Configure("s", agenttest.Chain(0, 1, "r", "w0"))
		checkResults(t, f.Run("r", many(p, 1, 1))) // connects
		const size = 512 << 10
		for i, rate := range []int64{2 << 20, 6 << 20} {
			if err := f.Agent("r").Limit(t.Context(), control.LimitRequest{BytesPerSecond: rate}); err != nil {
				t.Fatal(err)
			}
			n := int(rate) * 3 / size
			// What else this machine does may hold it up, and cannot make it quicker.
			for try, got := 0, 0.0; got < 0.9; try++ {
				if try == 5 {
					t.Errorf("%.2f times the limit of %d bytes a second", got, rate)
					break
				}
				as := many(p, n, size)
				for k := range as {
					as[k].Chunk.Object += int64(1000 * (10*i + try + 1))
				}
				start := time.Now()
				checkResults(t, f.Run("r", as))
				if got = float64(n*size) / time.Since(start).Seconds() / float64(rate); got > 1.1 {
					t.Errorf("%.2f times the limit of %d bytes a second", got, rate)
				}
			}
		}
	})
}

// slow is a store that takes its time.
type slow struct {
	objstore.Bucket
	read, write time.Duration
}

func (s *slow) Limits() objstore.Limits { return objstore.Limits{Buffered: true} }

func (s *slow) Open(ctx context.Context, key string, v objstore.Version, r chunk.Range) (io.ReadCloser, objstore.Object, error) {
	time.Sleep(s.read) // fake time: what the store takes
	return s.Bucket.Open(ctx, key, v, r)
}

func (s *slow) Put(ctx context.Context, key string, body objstore.Body, meta objstore.Metadata) (objstore.Object, error) {
	time.Sleep(s.write) // as above
	return s.Bucket.Put(ctx, key, body, meta)
}

// TestBottleneck makes one resource after the other slow, in simulated time.
func TestBottleneck(t *testing.T) {
	const memory = 32 << 20
	for _, c := range []struct {
		name        string
		read, write time.Duration
		limit       int64
		of          route.Gateway
		want        control.Bottleneck
	}{
		{"reads", 5 * time.Second, 0, 0, "r", control.Bottleneck{On: control.ResourceRead}},
		{"writes, at the writer", 0, 5 * time.Second, 0, "w0", control.Bottleneck{On: control.ResourceWrite}},
		{"writes, at the reader", 0, 5 * time.Second, 0, "r", control.Bottleneck{On: control.ResourceCredit, Gateway: "w0"}},
		{"the limit", 0, 0, 1 << 20, "r", control.Bottleneck{On: control.ResourceLimit}},
	} {
		t.Run(c.name, func(t *testing.T) {
			simulated(t, control.TransportQUIC, func(t *testing.T, p places, _ *agenttest.Sim, o agenttest.Options) {
				o.Memory, o.Streams = memory, 32
				f := agenttest.Start(t, o, "r", "w0")
				f.Agent("r").UseBucket("src", p.configs["src"], &slow{p.bucket("src"), c.read, c.write})
				f.Agent("w0").UseBucket("dst0", p.configs["dst0"], &slow{p.bucket("dst0"), c.read, c.write})
				f.Configure("s", agenttest.Chain(0, 1, "r", "w0"))
				if err := f.Agent("r").Limit(t.Context(), control.LimitRequest{BytesPerSecond: c.limit}); err != nil {
					t.Fatal(err)
				}
				if err := f.Agent("r").Assign(t.Context(), many(p, 200, 1<<20)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(3500 * time.Millisecond) // fake time, in the middle of the transfer
				s, err := f.Agent(c.of).Stats(t.Context())
				if got := s.Bottleneck; err != nil || got.On != c.want.On || got.Gateway != c.want.Gateway {
					t.Errorf("bottleneck %+v, want %+v (%v)\n%s", got, c.want, err, waitsText(s))
				}
			})
		})
	}
}

func waitsText(s control.Stats) (text string) {
	for _, w := range s.Waits {
		text += fmt.Sprintf("%s %s: %.2f chunks\n", w.On, w.Gateway, w.Chunks)
	}
	return text
}

// TestStatsCount: what is counted is what passed.
func TestStatsCount(t *testing.T) {
	overEach(t, "stats", func(t *testing.T, transport string) {
		p := newPlaces(t, "src", "dst0")
		f := agenttest.Start(t, agenttest.Options{Stores: p.configs, Transport: transport, Connections: 3}, "r", "w0")
		f.Configure("s", agenttest.Chain(7, 1, "r", "w0"))
		const n, size = 20, 100_000
		checkResults(t, f.Run("r", many(p, n, size)))
		r, err := f.Agent("r").Stats(t.Context())
		if err != nil || len(r.Peers) != 1 || len(r.Routes) != 1 {
			t.Fatalf("%+v, %v", r, err)
		}
		peer := r.Peers[0]
		if peer.Name != "w0" || peer.ChunksOut != n || peer.BytesOut < n*size || peer.BytesOut > n*(size+1000) || peer.BytesIn == 0 || peer.RTT == 0 || peer.Packets == 0 || peer.Connections < 1 || peer.Connections > 3 {
			t.Errorf("%+v", peer)
		}
		if r.Routes[0] != (control.RouteStats{ID: 7, Chunks: n, Bytes: n * size}) {
			t.Errorf("%+v", r.Routes[0])
		}
		w, err := f.Agent("w0").Stats(t.Context())
		put := slices.IndexFunc(w.Stores, func(s control.StoreStats) bool { return s.Operation == "put" })
		if err != nil || put < 0 || w.Stores[put].Count != n || w.Stores[put].Store != "dst0" || w.Peers[0].ChunksIn != n {
			t.Errorf("%+v, %v", w, err)
		}
		var timed int64
		for _, b := range w.Stores[put].Buckets {
			timed += b
		}
		if timed != n {
			t.Errorf("%d of %d writes are in a bucket", timed, n)
		}
		f.Configure("another", agenttest.Chain(7, 1, "r", "w0"))
		checkResults(t, f.Run("r", many(p, 1, size)))
		if r, err = f.Agent("r").Stats(t.Context()); err != nil || r.ChunksRead != n+1 || r.BytesRead != (n+1)*size {
			t.Errorf("over two sessions %d chunks were read, %d bytes (%v)", r.ChunksRead, r.BytesRead, err)
		}
	})
}

// TestGoroutinesAreBounded: they follow what is under way, which is bounded,
// and not what is queued.
func TestGoroutinesAreBounded(t *testing.T) {
	overBoth(t, func(t *testing.T, p places, _ *agenttest.Sim, o agenttest.Options) {
		o.Streams, o.Connections = 32, 4
		f := agenttest.Start(t, o, "r", "w0")
		f.Agent("w0").UseBucket("dst0", p.configs["dst0"], &slow{p.bucket("dst0"), 0, 5 * time.Second})
		f.Configure("s", agenttest.Chain(0, 1, "r", "w0"))
		time.Sleep(time.Second) // fake time, to connect
		goroutines := func() int64 {
			s, err := f.Agent("r").Stats(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return s.Goroutines
		}
		idle := goroutines()
		if err := f.Agent("r").Assign(t.Context(), many(p, 2000, 1000)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second) // fake time, in the middle of the writes
		if busy := goroutines(); busy <= idle || busy > idle+4*int64(o.Streams) {
			t.Errorf("%d goroutines with %d chunks under way, %d without", busy, o.Streams, idle)
		}
	})
}
