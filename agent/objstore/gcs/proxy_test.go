package gcs

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/internal/httpstore"
	"github.com/skyctl/skyctl/agent/objstore/objstoretest"
	"github.com/skyctl/skyctl/agent/objstore/objstoretest/faults"
)

// TestFaults: everything that a network or a server can do to a request.
func TestFaults(t *testing.T) {
	cfg := objstoretest.StartFakeGCS(t).Config(t, "faults")
	p := faults.Start(t, cfg.Endpoint)
	cfg.Endpoint = p.Endpoint()
	faults.Run(t, p, func(t *testing.T, patience time.Duration) objstore.Bucket {
		b, err := openWith(t.Context(), cfg, httpstore.Patience{Bytes: patience, Answer: patience})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}, faults.Requests{
		Read: func(r *http.Request) bool { return r.URL.Query().Get("alt") == "media" },
		Put:  func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/upload/") },
		Later: func(r *http.Request) bool {
			q := r.URL.Query()
			return strings.HasSuffix(r.URL.Path, "/o") && (q.Get("pageToken") != "" || q.Get("startOffset") != "")
		},
		Commit:   func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/compose") },
		PageSize: pageSize,
	})
}
