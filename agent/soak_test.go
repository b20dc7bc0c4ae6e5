package agent_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/agenttest"
	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
)

// chance is what goes wrong, at random and again the same way.
type chance struct {
	mu  sync.Mutex
	rng *rand.Rand
	off bool
}

func (c *chance) of(p float64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.off && c.rng.Float64() < p
}

func (c *chance) upTo(d time.Duration) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Duration(c.rng.Int64N(int64(d)))
}

// fickle is a store that fails and takes its time, at random.
type fickle struct {
	objstore.Bucket
	chance   *chance
	buffered bool
}

func (s *fickle) Limits() objstore.Limits { return objstore.Limits{Buffered: s.buffered} }

func (s *fickle) trouble() error {
	time.Sleep(s.chance.upTo(300 * time.Millisecond)) // fake time
	if s.chance.of(0.02) {
		time.Sleep(7 * time.Second) // as above
	}
	if s.chance.of(0.1) {
		return &objstore.Error{Op: "test", Kind: objstore.KindTransient, Err: errors.New("trouble")}
	}
	return nil
}

func (s *fickle) Open(ctx context.Context, key string, v objstore.Version, r chunk.Range) (io.ReadCloser, objstore.Object, error) {
	if err := s.trouble(); err != nil {
		return nil, objstore.Object{}, err
	}
	in, o, err := s.Bucket.Open(ctx, key, v, r)
	if err == nil && s.chance.of(0.1) { // it ends early
		in = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(in, r.Length/2), in}
	}
	return in, o, err
}

func (s *fickle) Put(ctx context.Context, key string, body objstore.Body, meta objstore.Metadata) (objstore.Object, error) {
	if err := s.trouble(); err != nil {
		return objstore.Object{}, err
	}
	return s.Bucket.Put(ctx, key, body, meta)
}

// TestTroubleLeavesNothingTaken: after stores that failed, links that were cut and
// routes that changed everything arrives, and all that a chunk takes to be sent is
// there again: credit, places, turns, memory. There is little of each, so that what
// is lost with one in ten is missed.
func TestTroubleLeavesNothingTaken(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			overBoth(t, func(t *testing.T, p places, sim *agenttest.Sim, o agenttest.Options) {
				c := &chance{rng: rand.New(rand.NewPCG(seed, 1))}
				o.Memory, o.Streams, o.Connections = 8<<20, 6, 2
				names := []route.Gateway{"r", "m0", "m1", "w0", "w1"}
				f := agenttest.Start(t, o, names...)
				f.Agent("r").UseBucket("src", p.configs["src"], &fickle{p.bucket("src"), c, true})
				f.Agent("w0").UseBucket("dst0", p.configs["dst0"], &fickle{p.bucket("dst0"), c, true})
				f.Agent("w1").UseBucket("dst1", p.configs["dst1"], &fickle{p.bucket("dst1"), c, false})
				through := func(id int, m route.Gateway) control.Route {
					return control.Route{ID: id, Weight: 0.1, Tree: route.Node{Gateway: "r", Children: []route.Node{{Gateway: m, Children: []route.Node{
						{Gateway: "w0", Writes: []route.Dest{0}}, {Gateway: "w1", Writes: []route.Dest{1}}}}}}}
				}
				both := []control.Route{through(0, "m0"), through(1, "m1")}
				f.Configure("s", both...)
				const size = 300 << 10
				keys := []string{"a", "b", "c"}
				sizes := []int{size, 5000, 1 << 20}
				for i, k := range keys {
					p.put(k, random(sizes[i]), objstore.Metadata{})
				}
				late := time.AfterFunc(time.Hour, func() { panic("nothing moves any more") }) // of fake time
				defer late.Stop()
				ctx, stop := context.WithCancel(t.Context())
				var troubling sync.WaitGroup
				troubling.Go(func() {
					for ctx.Err() == nil {
						a := names[c.upTo(time.Duration(len(names)))]
						b := names[c.upTo(time.Duration(len(names)))]
						if a != b {
							sim.Cut(a, b)
							time.Sleep(c.upTo(15 * time.Second)) // fake time
							sim.Heal(a, b)
						}
						f.Configure("s", both[c.upTo(2):]...)
						time.Sleep(c.upTo(5 * time.Second)) // as above
					}
				})
				next := int64(0)
				send := func(n int) (failed int) {
					var as []control.Assignment
					for range n {
						next++
						i := int(c.upTo(3))
						as = append(as, whole(next, keys[i:i+1], sizes[i:i+1], 0, 1)...)
					}
					for _, r := range f.Run("r", as) {
						if r.Failure != nil {
							failed++
						}
					}
					return failed
				}
				failed := 0
				for range 12 {
					failed += send(30)
				}
				stop()
				troubling.Wait()
				c.mu.Lock()
				c.off = true
				c.mu.Unlock()
				f.Configure("s", both...)
				time.Sleep(20 * time.Second) // fake time, to connect and to end what is under way
				for _, name := range names { // QUIC's windows stay grown while a connection lasts
					if s, err := f.Agent(name).Stats(t.Context()); err != nil || s.MemoryUsed != 0 && o.Transport == control.TransportTLS || s.Streams != 0 {
						t.Errorf("%s holds %d bytes and %d streams (%v)", name, s.MemoryUsed, s.Streams, err)
					}
				}
				if failed == 0 {
					t.Error("nothing failed")
				}
				if n := send(60); n > 0 {
					t.Errorf("%d of 120 failed afterwards", n)
				}
				// More than the whole credit of a writer goes only where nothing is taken.
				p.put("whole", random(4<<20), objstore.Metadata{})
				f.Agent("w1").UseBucket("dst1", p.configs["dst1"], p.bucket("dst1"))
				next++
				checkResults(t, f.Run("r", whole(next, []string{"whole"}, []int{4 << 20}, 0, 1)))
				checkCopies(t, p, append(keys, "whole"), 0, 1)
			})
		})
	}
}
