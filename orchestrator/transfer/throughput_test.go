package transfer

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/journal"
)

// BenchmarkSmallObjects is what listing, scheduling and journaling cost an
// object, with an agent that does nothing and a store that only lists. Run it
// with -cpu 1; the aim is 4,000 objects/s.
func BenchmarkSmallObjects(b *testing.B) {
	const objects = 10_000
	for b.Loop() {
		j, err := journal.Create(b.Context(), filepath.Join(b.TempDir(), "journal.db"))
		if err != nil {
			b.Fatal(err)
		}
		_, err = List(b.Context(), ListConfig{Journal: j, Source: listOnly{n: objects}, Prefix: "src/", Dests: []ListDest{{Map: appendTo("dst/")}}})
		if err != nil {
			b.Fatal(err)
		}
		r, err := Run(b.Context(), idleConfig(j))
		if err != nil || r.Counts.Done != objects {
			b.Fatal(r.Counts, err)
		}
		if err := j.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(objects*b.N)/b.Elapsed().Seconds(), "objects/s")
}

// BenchmarkListMillion lists a million keys into a journal and reports the most
// heap that lives meanwhile, which does not grow with the keys.
func BenchmarkListMillion(b *testing.B) {
	const objects, every = 1_000_000, 100_000
	var most uint64
	for b.Loop() {
		j, err := journal.Create(b.Context(), filepath.Join(b.TempDir(), "journal.db"))
		if err != nil {
			b.Fatal(err)
		}
		seen := 0
		count := func(key string) (string, bool, error) {
			if seen++; seen%every == 0 {
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			}
			return "dst/" + key, true, nil
		}
		_, err = List(b.Context(), ListConfig{Journal: j, Source: listOnly{n: objects}, Prefix: "src/", Dests: []ListDest{{Map: count}}})
		if err != nil || seen != objects {
			b.Fatal(seen, err)
		}
		if err := j.Close(); err != nil {
			b.Fatal(err)
		}
	}
	if most > 64<<20 {
		b.Errorf("%d MiB live while %d keys are listed", most>>20, objects)
	}
	b.ReportMetric(float64(objects*b.N)/b.Elapsed().Seconds(), "keys/s")
	b.ReportMetric(float64(most)/(1<<20), "MiB-live")
}

func idleConfig(j *journal.Journal) Config {
	agent := &idleAgent{more: make(chan struct{}, 1)}
	tree := route.Node{Gateway: "g", Writes: []route.Dest{0}}
	return Config{
		Journal: j, Fleet: idleFleet{agent}, Source: "src",
		Readers: []Reader{{Name: "g", Routes: []control.Route{{Tree: tree, Weight: 1}}}},
		Dests:   []Dest{{Store: "dst", Writers: []route.Gateway{"g"}}},
		Stat: func(context.Context, string) (objstore.Object, error) {
			return objstore.Object{}, errors.ErrUnsupported
		},
	}
}

// listOnly is a bucket with n objects of 4 KiB.
type listOnly struct {
	objstore.Bucket
	n int
}

func (l listOnly) List(_ context.Context, prefix, _ string, yield func(objstore.Object) error) error {
	for i := range l.n {
		if err := yield(objstore.Object{Key: fmt.Sprintf("%sdirectory/object-%08d.bin", prefix, i), Size: 4096, Version: "\"0123456789abcdef0123456789abcdef\""}); err != nil {
			return err
		}
	}
	return nil
}

type idleFleet struct{ agent *idleAgent }

func (f idleFleet) API(route.Gateway) control.API { return f.agent }
func (idleFleet) Reroute(context.Context, route.Gateway, []control.Route) error {
	return errors.ErrUnsupported
}
func (idleFleet) Replace(context.Context, route.Gateway) error { return errors.ErrUnsupported }

// idleAgent acknowledges whatever it is assigned at once.
type idleAgent struct {
	control.API
	mu   sync.Mutex
	log  []control.Result
	more chan struct{}
	seq  uint64
}

func (a *idleAgent) Info(context.Context) (control.Info, error)   { return control.Info{}, nil }
func (a *idleAgent) Stats(context.Context) (control.Stats, error) { return control.Stats{}, nil }
func (a *idleAgent) Quiesce(context.Context) error                { return nil }

func (a *idleAgent) Assign(_ context.Context, chunks []control.Assignment) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range chunks {
		a.seq++
		a.log = append(a.log, control.Result{
			Seq: a.seq, Chunk: c.Chunk, Attempt: c.Attempt, Bytes: c.Range.Length, Digest: chunk.Digest(a.seq), Verified: control.VerifiedStore,
		})
	}
	select {
	case a.more <- struct{}{}:
	default:
	}
	return nil
}

func (a *idleAgent) Results(ctx context.Context, _ uint64, yield func([]control.Result) error) error {
	for {
		select {
		case <-a.more:
		case <-ctx.Done():
			return ctx.Err()
		}
		a.mu.Lock()
		batch := a.log
		a.log = nil
		a.mu.Unlock()
		if err := yield(batch); err != nil {
			return err
		}
	}
}
