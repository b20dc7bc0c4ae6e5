package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/internal/budget"
	"github.com/skyctl/skyctl/agent/internal/relay"
	"github.com/skyctl/skyctl/agent/internal/sink"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/mem"
	"github.com/skyctl/skyctl/agent/route"
)

// store is a bucket whose reads may differ.
type store struct {
	objstore.Bucket
	open func(context.Context) (io.ReadCloser, objstore.Object, error)
}

func (s *store) Open(ctx context.Context, key string, v objstore.Version, r chunk.Range) (io.ReadCloser, objstore.Object, error) {
	if s.open != nil {
		return s.open(ctx)
	}
	return s.Bucket.Open(ctx, key, v, r)
}

// bench is a source at a gateway that writes what it reads.
type bench struct {
	*Source
	store   *store
	results chan control.Result
}

func newBench(t *testing.T) *bench {
	b, err := mem.Open(t.Context(), objstore.Config{Bucket: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	x := &bench{store: &store{Bucket: b}, results: make(chan control.Result, 100)}
	get := func(string) (objstore.Bucket, error) { return x.store, nil }
	memory := budget.New(1 << 20)
	to := sink.New(sink.Config{Store: get, Budget: func() *budget.Budget { return memory }, ReadBack: func() bool { return false }})
	r := relay.New(relay.Config{Self: "r", Run: "run", Session: func() string { return "s" }, Sink: to, Log: slog.New(slog.DiscardHandler)})
	x.Source = New(Config{Run: "run", Relay: r, Store: get, Done: func(rs []control.Result) {
		for _, r := range rs {
			x.results <- r
		}
	}}, "s")
	t.Cleanup(x.Stop)
	x.Configure(control.Config{Routes: []control.Route{{Weight: 1, Tree: route.Node{Gateway: "r", Writes: []route.Dest{0}}}}})
	return x
}

func (x *bench) put(t *testing.T, key string, meta objstore.Metadata) control.Assignment {
	t.Helper()
	data := []byte("data")
	o, err := x.store.Put(t.Context(), key, objstore.Body{Size: 4, Bytes: data, Digest: chunk.Sum(data)}, meta)
	if err != nil {
		t.Fatal(err)
	}
	return control.Assignment{Attempt: 1, Key: key, Version: o.Version, Range: chunk.Range{Length: 4}, Dests: []control.Dest{{Key: "to/" + key}}}
}

// TestAnAssignmentThatComesAgainIsIgnored: also when its chunk is done.
func TestAnAssignmentThatComesAgainIsIgnored(t *testing.T) {
	x := newBench(t)
	a := x.put(t, "k", objstore.Metadata{})
	for range 3 {
		if err := x.Assign([]control.Assignment{a, a}); err != nil {
			t.Fatal(err)
		}
	}
	if r := <-x.results; r.Failure != nil {
		t.Errorf("%+v", *r.Failure)
	}
	retry := a
	retry.Attempt = 2
	if err := x.Assign([]control.Assignment{a, retry}); err != nil {
		t.Fatal(err)
	}
	if r := <-x.results; r.Attempt != 2 {
		t.Errorf("attempt %d was carried out again", r.Attempt)
	}
	x.Stop()
	if n := len(x.results); n != 0 || x.Chunks.Load() != 2 {
		t.Errorf("%d results more, %d chunks read for two attempts", n, x.Chunks.Load())
	}
}

func TestAttemptsAreForgottenInTheEnd(t *testing.T) {
	k := attempts{open: map[attempt]struct{}{}, recent: map[attempt]struct{}{}}
	for i := range 4 * maxRecent {
		id := attempt{chunk.ID{Object: int64(i)}, 1}
		if !k.add(id) {
			t.Fatalf("attempt %d is not new", i)
		}
		k.finish(id)
		if k.add(id) {
			t.Fatalf("attempt %d is new again", i)
		}
	}
	if n := len(k.open) + len(k.recent) + len(k.older); n > 2*maxRecent {
		t.Errorf("%d attempts are kept", n)
	}
}

// TestWhatWritersWouldNotUnderstandIsNotSent: it would cost the connection.
func TestWhatWritersWouldNotUnderstandIsNotSent(t *testing.T) {
	x := newBench(t)
	many := map[string]string{}
	for i := range 300 {
		many[fmt.Sprint(i)] = ""
	}
	for what, a := range map[string]control.Assignment{
		"300 user metadata fields": x.put(t, "many", objstore.Metadata{User: many}),
		"the key is longer than":   x.put(t, strings.Repeat("k", 5000), objstore.Metadata{}),
	} {
		a.Chunk.Object = int64(len(what)) // any, but one for each
		if err := x.Assign([]control.Assignment{a}); err != nil {
			t.Fatal(err)
		}
		r := <-x.results
		if r.Failure == nil || r.Failure.Kind != objstore.KindInvalid || !strings.Contains(r.Failure.Message, what) {
			t.Errorf("%s: %+v", what, r.Failure)
		}
	}
}

// TestStopWaitsForReads: and what it gave up has no result.
func TestStopWaitsForReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newBench(t)
		a := x.put(t, "k", objstore.Metadata{})
		release := make(chan struct{})
		x.store.open = func(ctx context.Context) (io.ReadCloser, objstore.Object, error) {
			<-ctx.Done()
			<-release // a store that takes its time
			return nil, objstore.Object{}, ctx.Err()
		}
		if err := x.Assign([]control.Assignment{a}); err != nil {
			t.Fatal(err)
		}
		stopped := false
		go func() {
			x.Stop()
			stopped = true
		}()
		synctest.Wait()
		if stopped {
			t.Error("stopped while a read is under way")
		}
		if err := x.Assign([]control.Assignment{a}); err == nil {
			t.Error("a source that is told to stop takes chunks")
		}
		close(release)
		synctest.Wait()
		if !stopped || len(x.results) != 0 {
			t.Errorf("stopped: %v, %d results", stopped, len(x.results))
		}
	})
}

// TestASourceThatBreaksOffLeavesNothing at the destination.
func TestASourceThatBreaksOffLeavesNothing(t *testing.T) {
	for name, body := range map[string]string{"ends early": "da", "other bytes": "date"} {
		t.Run(name, func(t *testing.T) {
			x := newBench(t)
			a := x.put(t, "k", objstore.Metadata{})
			o, err := x.store.Stat(t.Context(), "k")
			if err != nil {
				t.Fatal(err)
			}
			x.store.open = func(context.Context) (io.ReadCloser, objstore.Object, error) {
				return io.NopCloser(strings.NewReader(body)), o, nil
			}
			if err := x.Assign([]control.Assignment{a}); err != nil {
				t.Fatal(err)
			}
			if r := <-x.results; r.Failure == nil || r.Failure.Stage != control.StageRead {
				t.Errorf("%+v", r.Failure)
			}
			x.Stop()
			if _, err := x.store.Stat(t.Context(), "to/k"); objstore.KindOf(err) != objstore.KindNotFound || errors.Is(err, context.Canceled) {
				t.Errorf("it is there: %v", err)
			}
		})
	}
}
