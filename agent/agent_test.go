package agent_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent"
	"github.com/skyctl/skyctl/agent/agenttest"
	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/open"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/agent/wire"
)

// places are the stores of a test: "src" and "dst0", "dst1", … in memory,
// named after the test so that tests do not meet.
type places struct {
	t       testing.TB
	configs map[string]objstore.Config
}

func newPlaces(t testing.TB, names ...string) places {
	p := places{t, map[string]objstore.Config{}}
	for _, n := range names {
		p.configs[n] = objstore.Config{Type: "mem", Bucket: t.Name() + "/" + n}
	}
	return p
}

func (p places) bucket(name string) objstore.Bucket {
	b, err := open.Open(p.t.Context(), p.configs[name])
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}

func (p places) put(key string, data []byte, meta objstore.Metadata) {
	p.t.Helper()
	body := objstore.Body{Size: int64(len(data)), Bytes: data, Digest: chunk.Sum(data)}
	if _, err := p.bucket("src").Put(p.t.Context(), key, body, meta); err != nil {
		p.t.Fatal(err)
	}
}

func (p places) get(store, key string) ([]byte, objstore.Object) {
	p.t.Helper()
	b := p.bucket(store)
	o, err := b.Stat(p.t.Context(), key)
	if err != nil {
		p.t.Fatal(err)
	}
	r, _, err := b.Open(p.t.Context(), key, o.Version, chunk.Range{Length: o.Size})
	if err != nil {
		p.t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		p.t.Fatal(err)
	}
	return data, o
}

func random(n int) []byte {
	var seed [32]byte
	b := make([]byte, n)
	rand.NewChaCha8(sha256.Sum256(fmt.Appendf(seed[:0], "%d", n))).Read(b)
	return b
}

// whole assigns every object of src to be put whole at the destinations.
func whole(first int64, keys []string, sizes []int, dests ...route.Dest) []control.Assignment {
	var as []control.Assignment
	for i, k := range keys {
		a := control.Assignment{Chunk: chunk.ID{Object: first + int64(i)}, Attempt: 1, Store: "src", Key: k, Range: chunk.Range{Length: int64(sizes[i])}}
		for _, d := range dests {
			a.Dests = append(a.Dests, control.Dest{Number: d, Store: fmt.Sprintf("dst%d", d), Key: "to/" + k})
		}
		as = append(as, a)
	}
	return as
}

func corpus(p places) (keys []string, sizes []int) {
	for i, n := range []int{0, 1, 4096, wire.MaxData - 1, wire.MaxData, wire.MaxData + 1, 300 << 10, 3<<20 + 7} {
		k := fmt.Sprintf("é %d/+%%?#", i)
		p.put(k, random(n), objstore.Metadata{ContentType: "text/x", User: map[string]string{"n": fmt.Sprint(n)}})
		keys, sizes = append(keys, k), append(sizes, n)
	}
	return keys, sizes
}

func checkResults(t testing.TB, rs []control.Result) {
	t.Helper()
	for _, r := range rs {
		if r.Failure != nil {
			t.Errorf("chunk %v to %d: %+v", r.Chunk, r.Dest, *r.Failure)
		}
	}
}

func checkCopies(t testing.TB, p places, keys []string, dests ...int) {
	t.Helper()
	for _, k := range keys {
		want, from := p.get("src", k)
		for _, d := range dests {
			got, to := p.get(fmt.Sprintf("dst%d", d), "to/"+k)
			if !bytes.Equal(got, want) {
				t.Errorf("%s at destination %d: %d bytes differ from the source's %d", k, d, len(got), len(want))
			}
			if !reflect.DeepEqual(to.Metadata, from.Metadata) {
				t.Errorf("%s at destination %d: metadata %+v, source has %+v", k, d, to.Metadata, from.Metadata)
			}
		}
	}
}

// overEach runs the test over each transport.
func overEach(t *testing.T, name string, test func(t *testing.T, transport string)) {
	for _, x := range []string{control.TransportQUIC, control.TransportTLS} {
		t.Run(name+"/"+x, func(t *testing.T) { test(t, x) })
	}
}

func TestObjectsArriveOverEveryShapeOfRoute(t *testing.T) {
	tree := control.Route{ID: 0, Weight: 1, Tree: route.Node{Gateway: "r", Writes: []route.Dest{2}, Children: []route.Node{
		{Gateway: "relay", Writes: []route.Dest{3}, Children: []route.Node{
			{Gateway: "w0", Writes: []route.Dest{0}}, {Gateway: "w1", Writes: []route.Dest{1}}}},
	}}}
	for _, c := range []struct {
		name   string
		agents []route.Gateway
		route  control.Route
		dests  []route.Dest
	}{
		{"inside one agent", []route.Gateway{"r"}, agenttest.Chain(0, 1, "r"), []route.Dest{0}},
		{"one hop", []route.Gateway{"r", "w0"}, agenttest.Chain(0, 1, "r", "w0"), []route.Dest{0}},
		{"three hops", []route.Gateway{"r", "a", "b", "w0"}, agenttest.Chain(0, 1, "r", "a", "b", "w0"), []route.Dest{0}},
		{"multicast", []route.Gateway{"r", "relay", "w0", "w1"}, tree, []route.Dest{0, 1, 2, 3}},
	} {
		overEach(t, c.name, func(t *testing.T, transport string) {
			p := newPlaces(t, "src", "dst0", "dst1", "dst2", "dst3")
			f := agenttest.Start(t, agenttest.Options{Stores: p.configs, Connections: 2, Transport: transport}, c.agents...)
			f.Configure("s", c.route)
			keys, sizes := corpus(p)
			rs := f.Run("r", whole(0, keys, sizes, c.dests...))
			checkResults(t, rs)
			var dests []int
			for _, d := range c.dests {
				dests = append(dests, int(d))
			}
			checkCopies(t, p, keys, dests...)
			for _, r := range rs {
				if want, _ := p.get("src", keys[r.Chunk.Object]); r.Digest != chunk.Sum(want) || r.Verified == "" || r.Bytes != int64(len(want)) {
					t.Errorf("result %+v of %d bytes", r, len(want))
				}
			}
		})
	}
}

// TestCodedPayloadsArrive: through a relay that has no key, to a writer below
// it and one beside it, and at the reader itself.
func TestCodedPayloadsArrive(t *testing.T) {
	tree := control.Route{Weight: 1, Tree: route.Node{Gateway: "r", Writes: []route.Dest{2}, Children: []route.Node{
		{Gateway: "w0", Writes: []route.Dest{0}}, {Gateway: "relay", Children: []route.Node{{Gateway: "w1", Writes: []route.Dest{1}}}}}}}
	key := bytes.Repeat([]byte{1}, 32)
	for _, c := range []struct {
		name     string
		key      []byte
		compress bool
	}{{"sealed", key, false}, {"compressed", nil, true}, {"both", key, true}} {
		overEach(t, c.name, func(t *testing.T, transport string) {
			p := newPlaces(t, "src", "dst0", "dst1", "dst2")
			f := agenttest.Start(t, agenttest.Options{Stores: p.configs, Transport: transport, Key: c.key, Compress: c.compress}, "r", "relay", "w0", "w1")
			f.Configure("s", tree)
			keys, sizes := corpus(p)
			text := strings.Repeat("text that shrinks ", 100_000)
			p.put("text", []byte(text), objstore.Metadata{})
			keys, sizes = append(keys, "text"), append(sizes, len(text))
			checkResults(t, f.Run("r", whole(0, keys, sizes, 0, 1, 2)))
			checkCopies(t, p, keys, 0, 1, 2)
			all := 0
			for _, n := range sizes {
				all += n
			}
			s, err := f.Agent("relay").Stats(t.Context())
			if err != nil || (s.BytesReceived < int64(all)-int64(len(text))/2) != c.compress {
				t.Errorf("the relay received %d bytes for %d (%v)", s.BytesReceived, all, err)
			}
		})
	}
}

// TestAWriterWithoutTheKeySaysSo: and the others get theirs.
func TestAWriterWithoutTheKeySaysSo(t *testing.T) {
	p := newPlaces(t, "src", "dst0", "dst1")
	f := agenttest.Start(t, agenttest.Options{Stores: p.configs, Key: bytes.Repeat([]byte{1}, 32)}, "r", "relay", "w0", "w1")
	f.Configure("s", control.Route{Weight: 1, Tree: route.Node{Gateway: "r", Children: []route.Node{{Gateway: "relay", Children: []route.Node{
		{Gateway: "w0", Writes: []route.Dest{0}}, {Gateway: "w1", Writes: []route.Dest{1}}}}}}})
	for name, c := range map[string]struct {
		key  []byte
		kind objstore.Kind
	}{"none": {nil, objstore.KindPermission}, "another": {bytes.Repeat([]byte{2}, 32), objstore.KindCorrupt}} {
		if err := f.Agent("w1").Configure(t.Context(), control.Config{Session: name, Stores: p.configs, Key: c.key}); err != nil {
			t.Fatal(err)
		}
		f.ConfigureOthers(name, "w1")
		p.put(name, random(100_000), objstore.Metadata{})
		for _, r := range f.Run("r", whole(int64(len(name)), []string{name}, []int{100_000}, 0, 1)) {
			if (r.Failure != nil) != (r.Dest == 1) || r.Failure != nil && (r.Failure.Stage != control.StageWrite || r.Failure.Kind != c.kind) {
				t.Errorf("%s, destination %d: %+v", name, r.Dest, r.Failure)
			}
		}
		checkCopies(t, p, []string{name}, 0)
	}
}

func TestPartsOfOneObjectThroughTwoWriters(t *testing.T) {
	p := newPlaces(t, "src", "dst0")
	f := agenttest.Start(t, agenttest.Options{Stores: p.configs}, "r", "w0", "w1")
	f.Configure("s", agenttest.Chain(0, 1, "r", "w0"), agenttest.Chain(1, 1, "r", "w1"))
	data := random(10<<20 + 1)
	p.put("big", data, objstore.Metadata{})
	ctx := t.Context()
	begun, err := f.Agent("w0").Begin(ctx, control.BeginRequest{Store: "dst0", Key: "big", Size: int64(len(data)), Metadata: objstore.Metadata{ContentType: "x/y"}})
	if err != nil {
		t.Fatal(err)
	}
	up := begun.Upload
	var as []control.Assignment
	for i, r := range chunk.Split(int64(len(data)), 1<<20) {
		as = append(as, control.Assignment{Chunk: chunk.ID{Object: 5, Index: i}, Attempt: 1, Store: "src", Key: "big", Range: r,
			Dests: []control.Dest{{Store: "dst0", Key: "big", Upload: &up}}})
	}
	rs := f.Run("r", as)
	checkResults(t, rs)
	refs := make([]objstore.PartRef, len(as))
	var used [2]int
	for _, r := range rs {
		refs[r.Chunk.Index] = objstore.PartRef{Number: r.Chunk.Index, Size: r.Bytes, Digest: &r.Digest, Token: r.Token}
		used[r.Route]++
	}
	if used[0] < 3 || used[1] < 3 {
		t.Errorf("two routes of one weight carried %v of 11 chunks", used)
	}
	commit := control.CommitRequest{Store: "dst0", Upload: up, Parts: refs, Digest: chunk.Sum(data)}
	done, err := f.Agent("w1").Commit(ctx, commit)
	if err != nil || done.Verified == "" {
		t.Fatalf("%+v, %v", done, err)
	}
	if got, o := p.get("dst0", "big"); !bytes.Equal(got, data) || o.Metadata.ContentType != "x/y" {
		t.Errorf("%d bytes, %+v", len(got), o)
	}
}

func TestFailuresSayWhereAndWhy(t *testing.T) {
	p := newPlaces(t, "src", "dst0", "dst1")
	f := agenttest.Start(t, agenttest.Options{Stores: p.configs}, "r", "w0", "w1")
	tree := control.Route{Weight: 1, Tree: route.Node{Gateway: "r", Children: []route.Node{
		{Gateway: "w0", Writes: []route.Dest{0}}, {Gateway: "w1", Writes: []route.Dest{1}}}}}
	p.put("k", random(100_000), objstore.Metadata{})

	run := func(session string, r control.Route, a control.Assignment) map[route.Dest]*control.Failure {
		t.Helper()
		f.Configure(session, r)
		got := map[route.Dest]*control.Failure{}
		for _, x := range f.Run("r", []control.Assignment{a}) {
			got[x.Dest] = x.Failure
		}
		return got
	}
	expect := func(name string, got *control.Failure, stage control.Stage, kind objstore.Kind, text string) {
		t.Helper()
		if got == nil || got.Stage != stage || got.Kind != kind || !strings.Contains(got.Message, text) {
			t.Errorf("%s: %+v, want %s, %v, %q", name, got, stage, kind, text)
		}
	}
	good := whole(0, []string{"k"}, []int{100_000}, 0, 1)[0]

	missing := good
	missing.Key = "gone"
	for d, x := range run("s1", tree, missing) {
		expect(fmt.Sprintf("missing source, destination %d", d), x, control.StageRead, objstore.KindNotFound, "gone")
	}
	changed := good
	changed.Version = "another"
	expect("changed source", run("s2", tree, changed)[0], control.StageRead, objstore.KindPrecondition, "")

	noStore := good
	noStore.Dests = append([]control.Dest(nil), good.Dests...)
	noStore.Dests[0].Store = "nowhere"
	got := run("s3", tree, noStore)
	expect("store not delegated", got[0], control.StageWrite, objstore.KindPermission, "not given")
	if got[1] != nil {
		t.Errorf("the other destination failed too: %+v", got[1])
	}
	stranger := tree
	stranger.Tree.Children = append([]route.Node(nil), tree.Tree.Children...)
	stranger.Tree.Children[1].Gateway = "stranger"
	got = run("s4", stranger, good)
	expect("unknown peer", got[1], control.StageRoute, objstore.KindTransient, "stranger")
	if got[0] != nil {
		t.Errorf("the known peer failed too: %+v", got[0])
	}
	nowhere := good
	nowhere.Dests = []control.Dest{{Number: 7, Store: "dst0", Key: "x"}}
	expect("no route", run("s5", tree, nowhere)[7], control.StageRoute, objstore.KindTransient, "no route")

	f.Stop("w1")
	got = run("s6", tree, good)
	expect("dead peer", got[1], control.StageRoute, objstore.KindTransient, "")
	if got[0] != nil {
		t.Errorf("the living peer failed too: %+v", got[0])
	}
}

func TestAnEarlierSessionWritesNothingMore(t *testing.T) {
	p := newPlaces(t, "src", "dst0")
	f := agenttest.Start(t, agenttest.Options{Stores: p.configs}, "r", "w0")
	f.Configure("one", agenttest.Chain(0, 1, "r", "w0"))
	p.put("k", random(1000), objstore.Metadata{})
	// The writer belongs to the next session already, the reader not yet.
	if err := f.Agent("w0").Configure(t.Context(), control.Config{Session: "two", Stores: p.configs}); err != nil {
		t.Fatal(err)
	}
	r := f.Run("r", whole(0, []string{"k"}, []int{1000}, 0))[0]
	if r.Failure == nil || r.Failure.Stage != control.StageRoute || !strings.Contains(r.Failure.Message, "earlier session") {
		t.Errorf("%+v", r.Failure)
	}
	if err := f.Agent("r").Quiesce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := f.Agent("r").Assign(t.Context(), whole(1, []string{"k"}, []int{1000}, 0)); err == nil {
		t.Error("a quiesced agent takes chunks")
	}
	if err := p.bucket("dst0").List(t.Context(), "", "", func(o objstore.Object) error { return fmt.Errorf("%s was written", o.Key) }); err != nil {
		t.Error(err)
	}
}

func TestNothingRunsAfterwards(t *testing.T) {
	before := runtime.NumGoroutine()
	overEach(t, "transfer", func(t *testing.T, transport string) {
		p := newPlaces(t, "src", "dst0")
		f := agenttest.Start(t, agenttest.Options{Stores: p.configs, Connections: 4, Transport: transport}, "r", "m", "w0")
		f.Configure("s", agenttest.Chain(0, 1, "r", "m", "w0"))
		keys, sizes := corpus(p)
		checkResults(t, f.Run("r", whole(0, keys, sizes, 0)))
	})
	deadline := time.Now().Add(time.Minute)
	for runtime.NumGoroutine() > before && time.Now().Before(deadline) {
		runtime.Gosched()
	}
	if n := runtime.NumGoroutine(); n > before {
		buf := make([]byte, 1<<20)
		t.Errorf("%d goroutines before, %d after:\n%s", before, n, buf[:runtime.Stack(buf, true)])
	}
}

// TestAWorkstationThatOnlyDials: the writer has no address its reader could
// use, so the chunks flow on the connections that the writer dialed.
func TestAWorkstationThatOnlyDials(t *testing.T) {
	overEach(t, "writes", func(t *testing.T, transport string) {
		p := newPlaces(t, "src", "dst0")
		f := agenttest.Start(t, agenttest.Options{Stores: p.configs}, "r", "w0")
		ctx := t.Context()
		r := agenttest.Chain(0, 1, "r", "w0")
		if err := f.Agent("r").Configure(ctx, control.Config{Session: "s", Stores: p.configs, Routes: []control.Route{r},
			Credit: map[route.Gateway]int64{"w0": 1 << 20}, Peers: map[route.Gateway]control.Peer{"w0": {}}}); err != nil {
			t.Fatal(err)
		}
		if err := f.Agent("w0").Configure(ctx, control.Config{Session: "s", Stores: p.configs,
			Peers: map[route.Gateway]control.Peer{"r": {Address: f.Address("r"), Connections: 2, Transport: transport}}}); err != nil {
			t.Fatal(err)
		}
		keys, sizes := corpus(p)
		checkResults(t, f.Run("r", whole(0, keys, sizes, 0)))
		checkCopies(t, p, keys, 0)
	})
}

func TestResultsAreKeptForWhoAsksAgain(t *testing.T) {
	p := newPlaces(t, "src", "dst0")
	a := agent.New(agent.Config{Name: "r", Run: "test", Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error)
	go func() { stopped <- a.Run(ctx) }()
	if err := a.Configure(ctx, control.Config{Session: "s", Stores: p.configs, Routes: []control.Route{agenttest.Chain(0, 1, "r")},
		Credit: map[route.Gateway]int64{"r": 1 << 20}}); err != nil {
		t.Fatal(err)
	}
	keys, sizes := corpus(p)
	as := whole(0, keys, sizes, 0)
	first, err := agenttest.Collect(ctx, a, as)
	if err != nil {
		t.Fatal(err)
	}
	var again []control.Result
	stop := fmt.Errorf("stop")
	err = a.Results(ctx, first[2].Seq, func(rs []control.Result) error { again = rs; return stop })
	if err != stop || !reflect.DeepEqual(again, first[3:]) {
		t.Errorf("after %d: %v, %v; want %v", first[2].Seq, again, err, first[3:])
	}
	cancel()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}
