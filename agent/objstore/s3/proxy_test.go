package s3

import (
	"net/http"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/internal/httpstore"
	"github.com/skyctl/skyctl/agent/objstore/objstoretest"
	"github.com/skyctl/skyctl/agent/objstore/objstoretest/faults"
)

var requests = faults.Requests{
	Read:     func(r *http.Request) bool { return r.Method == http.MethodGet && r.Header.Get("Range") != "" },
	Put:      func(r *http.Request) bool { return r.Method == http.MethodPut && !r.URL.Query().Has("uploadId") },
	Later:    later,
	Commit:   func(r *http.Request) bool { return r.Method == http.MethodPost && r.URL.Query().Has("uploadId") },
	PageSize: 1000,
}

// behind opens the bucket through a proxy.
func behind(t *testing.T, cfg objstore.Config) (*faults.Proxy, func(*testing.T, time.Duration) objstore.Bucket) {
	t.Helper()
	p := faults.Start(t, cfg.Endpoint)
	cfg.Endpoint = p.Endpoint()
	return p, func(t *testing.T, patience time.Duration) objstore.Bucket {
		b, err := openWith(t.Context(), cfg, httpstore.Patience{Bytes: patience, Answer: patience})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

func TestFaults(t *testing.T) {
	for name, start := range map[string]func(testing.TB) objstoretest.Server{"versitygw": objstoretest.StartVersityGW, "minio": objstoretest.StartMinIO} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of it is waiting
			p, open := behind(t, start(t).Config(t, "faults"))
			faults.Run(t, p, open, requests)
			t.Run("ErrorInACommitsSuccess", func(t *testing.T) { testErrorInSuccess(t, p, open(t, time.Minute)) })
		})
	}
}

// testErrorInSuccess: S3 may answer a commit with status 200 before it knows,
// and say in the body that it failed.
func testErrorInSuccess(t *testing.T, p *faults.Proxy, b objstore.Bucket) {
	defer b.Close()
	data := []byte("some bytes")
	up, err := b.Begin(t.Context(), "error-in-success", int64(len(data)), objstore.Metadata{})
	if err != nil {
		t.Fatal(err)
	}
	ref, err := b.WritePart(t.Context(), up, objstore.Part{}, bodyOf(data))
	if err != nil {
		t.Fatal(err)
	}
	commit := func() (objstore.Object, error) {
		return b.Commit(t.Context(), up, []objstore.PartRef{ref}, up.Size, chunk.Sum(data))
	}
	p.Inject(faults.Fault{Match: requests.Commit, Do: faults.Answer(http.StatusOK, "application/xml",
		`<?xml version="1.0" encoding="UTF-8"?><Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>`)})
	if obj, err := commit(); objstore.KindOf(err) != objstore.KindTransient {
		t.Errorf("Commit returns %+v, %v", obj, err)
	}
	p.Inject(faults.Fault{})
	if _, err := b.Stat(t.Context(), up.Key); objstore.KindOf(err) != objstore.KindNotFound {
		t.Errorf("Stat after the failed commit: %v", err)
	}
	if _, err := commit(); err != nil {
		t.Errorf("Commit once more: %v", err)
	}
}
