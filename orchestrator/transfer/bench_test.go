package transfer

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/journal"
)

const testChunk = 1000

// bench is a world with a filled source and a journal of its listing.
type bench struct {
	*world
	t       *testing.T
	journal *journal.Journal
	path    string
	readers []Reader
	names   []route.Gateway
	events  []Event
	seen    func(Event)
}

// newBench makes two readers that each have two routes, over different relays
// to different writers, to every destination.
func newBench(t *testing.T, dests int, sizes ...int) *bench {
	t.Helper()
	b := &bench{world: newWorld(dests), t: t}
	b.names = []route.Gateway{"r0", "r1", "m0", "m1", "w0", "w1"}
	var writes []route.Dest
	for d := range dests {
		writes = append(writes, route.Dest(d))
	}
	for i, name := range []route.Gateway{"r0", "r1"} {
		var routes []control.Route
		for k := range 2 {
			tree := route.Node{Gateway: name, Children: []route.Node{{
				Gateway: route.Gateway(fmt.Sprint("m", k)), Children: []route.Node{{
					Gateway: route.Gateway(fmt.Sprint("w", k)), Writes: writes,
				}},
			}}}
			routes = append(routes, control.Route{ID: 10*i + k, Tree: tree, Weight: 1})
		}
		b.world.routes[name] = routes
		b.readers = append(b.readers, Reader{Name: name, Routes: routes, Window: Window{Chunks: 16}})
	}
	b.configure(b.names...)
	for i, size := range sizes {
		b.put(fmt.Sprintf("src/%03d", i), size)
	}
	b.path = filepath.Join(t.TempDir(), "journal.db")
	var err error
	if b.journal, err = journal.Create(t.Context(), b.path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.configure(b.names...) // end whatever still runs
		if err := b.journal.Close(); err != nil {
			t.Error(err)
		}
	})
	b.list()
	return b
}

// split gives every destination routes of its own.
func (b *bench) split() {
	for i := range b.readers {
		var routes []control.Route
		for _, rt := range b.readers[i].Routes {
			for d := range b.dsts {
				tree, _ := rt.Tree.Prune([]route.Dest{route.Dest(d)})
				routes = append(routes, control.Route{ID: 100*rt.ID + d, Tree: tree, Weight: 1})
			}
		}
		b.readers[i].Routes = routes
		b.world.routes[b.readers[i].Name] = routes
	}
}

// put stores an object whose content follows from its key and size.
func (b *bench) put(key string, size int) {
	b.t.Helper()
	data := make([]byte, size)
	rng := rand.New(rand.NewPCG(uint64(len(key)), uint64(size)))
	for i := range data {
		data[i] = byte(rng.Uint32())
	}
	body := objstore.Body{Size: int64(size), Bytes: data, Digest: chunk.Sum(data)}
	meta := objstore.Metadata{ContentType: "text/" + fmt.Sprint(size)}
	if _, err := b.src.Put(b.t.Context(), key, body, meta); err != nil {
		b.t.Fatal(err)
	}
}

func appendTo(prefix string) Mapping {
	return func(key string) (string, bool, error) {
		return prefix + strings.TrimPrefix(key, "src/"), true, nil
	}
}

func (b *bench) list() Listing {
	b.t.Helper()
	cfg := ListConfig{Journal: b.journal, Source: b.src, Prefix: "src/"}
	for range b.dsts {
		cfg.Dests = append(cfg.Dests, ListDest{Map: appendTo("dst/")})
	}
	l, err := List(b.t.Context(), cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	return l
}

func (b *bench) config() Config {
	cfg := Config{
		Journal: b.journal, Fleet: b.world, Readers: b.readers, Source: "src", ChunkSize: testChunk,
		Stat: b.src.Stat,
		Events: func(e Event) {
			b.events = append(b.events, e)
			if b.seen != nil {
				b.seen(e)
			}
		},
	}
	for i := range b.dsts {
		cfg.Dests = append(cfg.Dests, Dest{Store: fmt.Sprint("dst", i), Writers: []route.Gateway{"w0", "w1"}})
	}
	return cfg
}

// finished checks what must hold at the end of every run.
func (b *bench) finished(r Result) {
	b.t.Helper()
	c := r.Counts
	if c.Pending != 0 || c.Listed != c.Done+c.Skipped+c.Failed {
		b.t.Errorf("listed is not done + skipped + failed: %+v", c)
	}
	if !r.Verified {
		b.t.Error("not verified")
	}
	for a, n := range b.tried {
		if n > 1 {
			b.t.Errorf("attempt %d of chunk %v was made %d times", a.number, a.chunk, n)
		}
	}
	failed := map[string]bool{}
	for _, f := range r.Errors {
		failed[fmt.Sprint(f.Dest, f.DestKey)] = true
	}
	err := b.src.List(b.t.Context(), "src/", "", func(o objstore.Object) error {
		key, _, _ := appendTo("dst/")(o.Key)
		want, err := content(b.t.Context(), b.src, o.Key)
		if err != nil {
			return err
		}
		for i, d := range b.dsts {
			got, err := content(b.t.Context(), d, key)
			if failed[fmt.Sprint(i, key)] {
				continue
			}
			if err != nil || !bytes.Equal(got, want) {
				b.t.Errorf("destination %d: %s is not what the source has: %v", i, key, err)
			}
		}
		return nil
	})
	if err != nil {
		b.t.Error(err)
	}
	for i, d := range b.dsts {
		if n := d.left(); n != 0 {
			b.t.Errorf("destination %d: %d staged writes are left", i, n)
		}
	}
	if staged, err := b.journal.Staged(b.t.Context(), -1, 0, 10); err != nil || len(staged) > 0 {
		b.t.Errorf("the journal still has %v, %v", staged, err)
	}
}

func (b *bench) count(kind EventKind) (n int) {
	for _, e := range b.events {
		if e.Kind == kind {
			n++
		}
	}
	return n
}
