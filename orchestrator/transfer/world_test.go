package transfer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/mem"
	"github.com/skyctl/skyctl/agent/route"
)

// world is the stores and the gateways of a test. Time in it is fake.
type world struct {
	name   string // of its buckets, before "/src" and "/dst0"
	src    objstore.Bucket
	dsts   []*tracked
	routes map[route.Gateway][]control.Route
	faults faults

	mu     sync.Mutex
	rng    *rand.Rand
	agents map[route.Gateway]*fakeAgent
	sent   map[chunk.ID]int // assignments that were carried out
	tried  map[attempt]int
	lives  int
	told   map[route.Gateway][][]control.Route // what Reroute was told

	// limited is called when a reader was told its share of the limit.
	limited func()
	share   int64 // of the limit, which every reader is configured with
}

// faults are what goes wrong. The zero value is a world without any.
type faults struct {
	fail       func(rng *rand.Rand, a control.Assignment, dest route.Dest, via int) *control.Failure
	lostAck    float64 // written, but reported as a route that broke
	duplicate  float64 // reported twice
	swallow    float64 // never read
	call       float64 // a call of the control API fails, before or after it did something
	breakAfter float64 // the results stream ends after a batch
	replace    func(name route.Gateway) error
	staged     func() error                            // of a call that stages, before it does anything
	read       func(a control.Assignment, data []byte) // may change what was read
	pause      time.Duration                           // beyond what a chunk takes
	unverified bool                                    // whole objects are not checked
}

// worlds numbers them: mem buckets live as long as the process.
var worlds atomic.Int64

func newWorld(dests int) *world {
	name := fmt.Sprint("world", worlds.Add(1))
	open := func(which string) objstore.Bucket {
		b, err := mem.Open(context.Background(), objstore.Config{Type: "mem", Bucket: name + "/" + which})
		if err != nil {
			panic(err)
		}
		return b
	}
	w := &world{
		name:   name,
		src:    open("src"),
		routes: map[route.Gateway][]control.Route{},
		rng:    rand.New(rand.NewPCG(1, 2)),
		agents: map[route.Gateway]*fakeAgent{},
		sent:   map[chunk.ID]int{},
		tried:  map[attempt]int{},
		told:   map[route.Gateway][][]control.Route{},
	}
	for i := range dests {
		w.dsts = append(w.dsts, &tracked{Bucket: open(fmt.Sprint("dst", i)), staged: map[string]bool{}})
	}
	return w
}

// configure begins a session: every agent drops what it had.
func (w *world) configure(names ...route.Gateway) {
	for _, n := range names {
		w.mu.Lock()
		old := w.agents[n]
		w.mu.Unlock()
		if old != nil {
			old.end()
		}
		w.start(n)
	}
}

func (w *world) start(name route.Gateway) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lives++
	ctx, cancel := context.WithCancel(context.Background())
	w.agents[name] = &fakeAgent{w: w, name: name, life: w.lives, ctx: ctx, cancel: cancel, more: make(chan struct{}), seen: map[attempt]bool{}}
}

func (w *world) API(name route.Gateway) control.API {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.agents[name]
}

func (w *world) Replace(ctx context.Context, name route.Gateway) error {
	select {
	case <-time.After(3 * time.Second):
	case <-ctx.Done():
		return ctx.Err()
	}
	if w.faults.replace != nil {
		if err := w.faults.replace(name); err != nil {
			return err
		}
	}
	w.configure(name)
	return nil
}

// Reroute notes the routes that a reader is to use. It is configured anew for that.
func (w *world) Reroute(_ context.Context, reader route.Gateway, routes []control.Route) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told[reader] = append(w.told[reader], routes)
	if a := w.agents[reader]; w.share > 0 {
		a.mu.Lock()
		a.limit = w.share
		a.mu.Unlock()
	}
	return nil
}

// kill ends an agent as SIGKILL does.
func (w *world) kill(name route.Gateway) { w.API(name).(*fakeAgent).end() }

func (w *world) alive(name route.Gateway) bool {
	return w.API(name).(*fakeAgent).ctx.Err() == nil
}

// chance is true with probability p.
func (w *world) chance(p float64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rng.Float64() < p
}
