package azblob

import (
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/objstoretest"
)

// testUploads: those of this run and key that somebody began and nobody ended,
// next to a blob too, where Abort can only mark them.
func testUploads(t *testing.T, server objstoretest.AzuriteServer) {
	cfg := server.Config(t, "uploads")
	cfg.Run = "run"
	b := open(t, cfg)
	cfg.Run = "other"
	other := open(t, cfg)
	since := time.Now()
	for _, key := range []string{"new", "old"} {
		if key == "old" {
			if _, err := b.Put(t.Context(), key, bodyOf(nil), objstore.Metadata{}); err != nil {
				t.Fatal(err)
			}
		}
		begun(t, b, key, "some content")
		begun(t, b, key, "other content")
		begun(t, other, key, "of another run")
		found, err := b.Uploads(t.Context(), key, since)
		if err != nil || len(found) != 2 {
			t.Errorf("%s: found are %+v, %v", key, found, err)
		}
		if later, err := b.Uploads(t.Context(), key, since.Add(time.Hour)); err != nil || len(later) != 0 {
			t.Errorf("%s: of a later time: %+v, %v", key, later, err)
		}
		for _, up := range found {
			if err := b.Abort(t.Context(), up); err != nil {
				t.Error(err)
			}
		}
		if left, err := b.Uploads(t.Context(), key, since); err != nil || len(left) != 0 {
			t.Errorf("%s: left are %+v, %v", key, left, err)
		}
		if left, err := other.Uploads(t.Context(), key, since); err != nil || len(left) != 1 {
			t.Errorf("%s: left of the other run are %+v, %v", key, left, err)
		}
	}
	if found, err := b.Uploads(t.Context(), "none", since); err != nil || len(found) != 0 {
		t.Errorf("of no blob: %+v, %v", found, err)
	}
}
