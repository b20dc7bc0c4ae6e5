package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent"
	"github.com/skyctl/skyctl/agent/agenttest"
	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
)

// patientStore is an S3 store that has one small object under every key, and
// answers no write before it has as many as it waits for.
type patientStore struct {
	content []byte

	mu      sync.Mutex
	missing int
	enough  chan struct{} // closed then
}

func (s *patientStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("ETag", `"v"`)
	switch r.Method {
	case http.MethodPut:
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		s.mu.Lock()
		if s.missing--; s.missing == 0 {
			close(s.enough)
		}
		s.mu.Unlock()
		select {
		case <-s.enough:
		case <-r.Context().Done():
		}
	case http.MethodGet, http.MethodHead:
		w.Header().Set("Content-Length", fmt.Sprint(len(s.content)))
		w.Header().Set("Last-Modified", "Mon, 02 Jan 2006 15:04:05 GMT")
		w.Write(s.content)
	}
}

// TestMemoryOfManyOutstanding: as many small objects as a reader ever has on
// their way, all of them read and none acknowledged, cost it no more than its
// memory and what the program needs. That they are all there shows in that the
// store answers.
func TestMemoryOfManyOutstanding(t *testing.T) {
	const outstanding, memory = 1024, 256 << 20
	for _, transport := range []string{control.TransportQUIC, control.TransportTLS} {
		t.Run(transport, func(t *testing.T) {
			store := &patientStore{content: make([]byte, 4<<10), missing: outstanding, enough: make(chan struct{})}
			server := httptest.NewServer(store)
			defer server.Close()
			stores := map[string]objstore.Config{"x": {Type: "s3", Bucket: "b", Endpoint: server.URL, PathStyle: true,
				Credentials: map[string]string{"access_key_id": "id", "secret_access_key": "secret"}}}
			a := newAuthority(t)
			r, w := start(t, a, "r", startOptions{}), start(t, a, "w", startOptions{})
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			if err := w.Configure(ctx, control.Config{Session: "s", Memory: memory, Stores: stores}); err != nil {
				t.Fatal(err)
			}
			if err := r.Configure(ctx, control.Config{Session: "s", Memory: memory, Stores: stores, Routes: []control.Route{agenttest.Chain(0, 1, "r", "w")},
				Peers:  map[route.Gateway]control.Peer{"w": {Address: w.address, Connections: 8, Transport: transport}},
				Credit: map[route.Gateway]int64{"w": agent.PartShare(memory)}}); err != nil {
				t.Fatal(err)
			}
			var as []control.Assignment
			for i := range int64(outstanding) {
				as = append(as, control.Assignment{Chunk: chunk.ID{Object: i}, Attempt: 1, Store: "x", Key: fmt.Sprint("from/", i), Range: chunk.Range{Length: int64(len(store.content))},
					Dests: []control.Dest{{Store: "x", Key: fmt.Sprint("to/", i)}}})
			}
			rs, err := agenttest.Collect(ctx, r, as)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range rs {
				if x.Failure != nil {
					t.Fatalf("chunk %v: %+v", x.Chunk, *x.Failure)
				}
			}
			for _, p := range []*process{r, w} {
				const most = memory + 128<<20
				peak := p.memory(t, "VmHWM")
				t.Logf("%s with %d objects outstanding over %s: at most %d MiB of %d", p.name, outstanding, transport, peak>>20, most>>20)
				if peak > most {
					t.Errorf("%s had %d MiB, more than %d", p.name, peak>>20, most>>20)
				}
			}
		})
	}
}
