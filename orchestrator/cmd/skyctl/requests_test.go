package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/skyctl/skyctl/agent/objstore/objstoretest/faults"
)

// TestRequestsPerObject: a small object costs one GET and one PUT, and one
// more for tags where it has some.
func TestRequestsPerObject(t *testing.T) {
	t.Parallel()
	const objects, tags = 100, 10
	var mu sync.Mutex
	counts := map[string]int{}
	count := func(side string) func(*http.Request) {
		return func(r *http.Request) {
			what := "other"
			if strings.HasPrefix(r.URL.Path, "/data/") && len(r.URL.Path) > len("/data/") {
				what = r.Method
				if r.URL.Query().Has("tagging") {
					what = "tags"
				}
			}
			mu.Lock()
			defer mu.Unlock()
			counts[side+" "+what]++
		}
	}
	w := newWorld(t, worldOptions{eastEndpoint: proxy(t, count("east"), nil), westEndpoint: proxy(t, count("west"), nil)})
	for i := range objects {
		in := &s3.PutObjectInput{Bucket: aws.String("data"), Key: aws.String(fmt.Sprintf("src/%03d", i)), Body: strings.NewReader(strings.Repeat("x", 4096))}
		if i < tags {
			in.Tagging = aws.String("team=data")
		}
		if _, err := w.client(w.east).PutObject(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	w.succeeded(w.skyctl("cp", "-r", "east://data/src", "west://data/dst", "--gateways", "1", "--yes", "--json"), objects)
	mu.Lock()
	defer mu.Unlock()
	want := map[string]int{"east GET": objects, "east tags": tags, "west PUT": objects}
	for what, n := range counts {
		if strings.HasSuffix(what, " other") {
			if n > 10 {
				t.Errorf("%d requests of %s: more than a few for the whole run", n, what)
			}
		} else if n != want[what] {
			t.Errorf("%d requests %q, want %d", n, what, want[what])
		}
	}
	if len(counts) < len(want) {
		t.Errorf("counted were %v", counts)
	}
}

// TestStoreThatSlowsDown: a destination that answers 503 SlowDown for longer
// than any retry or progress rule has patience makes the run slower, and
// nothing else.
func TestStoreThatSlowsDown(t *testing.T) {
	t.Parallel()
	const refuses = 12 * time.Second
	var p *faults.Proxy
	w := newWorld(t, worldOptions{westEndpoint: func(endpoint string) string {
		p = faults.Start(t, endpoint)
		return p.Endpoint()
	}})
	objects := map[string][]byte{"large": random(1, 21<<20)}
	for i := range 50 {
		objects[fmt.Sprintf("small/%d", i)] = random(uint64(i), 4096)
	}
	for key, data := range objects {
		w.put("src/"+key, data)
	}
	var since atomic.Int64 // of the first write, in nanoseconds
	slowDown := faults.Answer(http.StatusServiceUnavailable, "application/xml", `<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>`)
	p.Inject(faults.Fault{
		Match: func(r *http.Request) bool { return r.Method == http.MethodPut || r.Method == http.MethodPost },
		Do: func(rw http.ResponseWriter, r *http.Request, next func() *http.Response) {
			since.CompareAndSwap(0, time.Now().UnixNano())
			if time.Since(time.Unix(0, since.Load())) < refuses {
				slowDown(rw, r, next)
				return
			}
			faults.Pass(rw, next())
		},
	})
	r := w.skyctl("cp", "-r", "east://data/src", "west://data/dst", "--gateways", "1", "--chunk-size", "5MiB", "--yes", "--json")
	w.succeeded(r, int64(len(objects)))
	t.Logf("%d retries, %.1f s of transfer, %d writes asked for", r.Retries, r.Transfer, p.Hits())
	if took := time.Since(time.Unix(0, since.Load())); took < refuses {
		t.Errorf("it was over %v after the first write, and the store refused for %v", took, refuses)
	}
	w.sameBytes("dst/", objects)
}
