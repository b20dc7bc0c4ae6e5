package azblob

import (
	"net/http"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/internal/httpstore"
	"github.com/skyctl/skyctl/agent/objstore/objstoretest"
	"github.com/skyctl/skyctl/agent/objstore/objstoretest/faults"
)

// testFaults: everything that a network or a server can do to a request.
func testFaults(t *testing.T, server objstoretest.AzuriteServer) {
	cfg := server.Config(t, "faults")
	p := faults.Start(t, cfg.Endpoint)
	cfg.Endpoint = p.Endpoint()
	pageSize := int32(100)
	faults.Run(t, p, func(t *testing.T, patience time.Duration) objstore.Bucket {
		b, err := openWith(cfg, httpstore.Patience{Bytes: patience, Answer: patience})
		if err != nil {
			t.Fatal(err)
		}
		b.(*bucket).pageSize = &pageSize
		return b
	}, faults.Requests{
		Read: func(r *http.Request) bool { return r.Method == http.MethodGet && r.Header.Get("X-Ms-Range") != "" },
		Put:  func(r *http.Request) bool { return r.Method == http.MethodPut && !r.URL.Query().Has("comp") },
		Later: func(r *http.Request) bool {
			q := r.URL.Query()
			return q.Get("comp") == "list" && (q.Has("marker") || q.Has("startFrom"))
		},
		Commit: func(r *http.Request) bool {
			return r.Method == http.MethodPut && r.URL.Query().Get("comp") == "blocklist"
		},
		PageSize: int(pageSize),
	})
}
