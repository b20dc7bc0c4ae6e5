package azblob

import (
	"net/http"
	"slices"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/objstoretest"
)

// leftovers are the names under which the container has anything at all,
// uncommitted blocks included.
func leftovers(t *testing.T, b *bucket) []string {
	t.Helper()
	pager := b.container.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{Include: container.ListBlobsInclude{UncommittedBlobs: true}})
	var names []string
	for pager.More() {
		page, err := pager.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Segment.BlobItems {
			names = append(names, *item.Name)
		}
	}
	return names
}

// testAbortLeavesNothing where it can, and spares what is there.
func testAbortLeavesNothing(t *testing.T, server objstoretest.AzuriteServer) {
	b := open(t, server.Config(t, "aborted"))
	up, refs := begun(t, b, "new", "some content")
	if got := leftovers(t, b); !slices.Equal(got, []string{"new"}) {
		t.Errorf("before Abort the container has %q", got)
	}
	if err := b.Abort(t.Context(), up); err != nil {
		t.Error(err)
	}
	if got := leftovers(t, b); len(got) != 0 {
		t.Errorf("after Abort the container has %q", got)
	}

	// Blocks next to an existing blob stay; its version does as well.
	put, err := b.Put(t.Context(), "old", bodyOf([]byte("old")), objstore.Metadata{})
	if err != nil {
		t.Fatal(err)
	}
	up, refs = begun(t, b, "old", "some content")
	if err := b.Abort(t.Context(), up); err != nil {
		t.Error(err)
	}
	if obj, err := b.Stat(t.Context(), "old"); err != nil || obj.Version != put.Version {
		t.Errorf("Abort changed the blob to %+v, %v", obj, err)
	}
	if _, err := commit(t, b, up, refs, "some content"); objstore.KindOf(err) != objstore.KindNotFound {
		t.Errorf("Commit after Abort: %v", err)
	}

	// The next write of the blob drops them.
	up, refs = begun(t, b, "old", "next content")
	if _, err := commit(t, b, up, refs, "next content"); err != nil {
		t.Error(err)
	}
	if list, err := b.blob("old").GetBlockList(t.Context(), "uncommitted", nil); err != nil || len(list.UncommittedBlocks) != 0 {
		t.Errorf("uncommitted are %d blocks, %v", len(list.UncommittedBlocks), err)
	}
}

// TestAbortAfterAbort finishes what an earlier one had no time for.
func TestAbortAfterAbort(t *testing.T) {
	f, b := newFake(t)
	up, _ := begun(t, b, "key", "some content")
	deletes := 0
	f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodDelete {
			deletes++
		}
		if deletes == 2 { // the first only asks whether it may
			refuse(w, http.StatusForbidden, "AuthenticationFailed", "expired")
		}
		return deletes == 2
	}
	if err := b.Abort(t.Context(), up); objstore.KindOf(err) != objstore.KindPermission || f.blobs["key"] == nil {
		t.Errorf("Abort: %v", err)
	}
	deletes = 10
	if err := b.Abort(t.Context(), up); err != nil || f.blobs["key"] != nil {
		t.Errorf("Abort: %v, the empty blob is there: %v", err, f.blobs["key"] != nil)
	}
	if _, err := b.Put(t.Context(), "key", bodyOf(nil), objstore.Metadata{}); err != nil {
		t.Fatal(err)
	}
	if err := b.Abort(t.Context(), up); err != nil || f.blobs["key"] == nil {
		t.Errorf("Abort: %v, somebody's empty blob is there: %v", err, f.blobs["key"] != nil)
	}
}

// TestAbortCreatesNothingThatMayStay: the empty blob could not be deleted.
func TestAbortCreatesNothingThatMayStay(t *testing.T) {
	for name, intercept := range map[string]func(w http.ResponseWriter, r *http.Request) bool{
		"no permission to delete": func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodDelete {
				return false
			}
			refuse(w, http.StatusForbidden, "AuthorizationPermissionMismatch", "no")
			return true
		},
		"no permission to ask for policies": func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Query().Get("restype") != "container" {
				return false
			}
			refuse(w, http.StatusForbidden, "AuthorizationFailure", "no")
			return true
		},
		"immutable": func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Query().Get("restype") != "container" {
				return false
			}
			w.Header().Set("X-Ms-Has-Immutability-Policy", "true")
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, b := newFake(t)
			up, refs := begun(t, b, "key", "some content")
			f.intercept = intercept
			for range 2 {
				if err := b.Abort(t.Context(), up); err != nil {
					t.Error(err)
				}
			}
			if s := f.blobs["key"]; f.writes != 0 || s == nil || len(s.uncommitted) != 5 {
				t.Errorf("%d blobs were written; the blob is %+v", f.writes, s)
			}
			if _, err := commit(t, b, up, refs, "some content"); objstore.KindOf(err) != objstore.KindNotFound {
				t.Errorf("Commit after Abort: %v", err)
			}
			if _, err := b.Parts(t.Context(), up); objstore.KindOf(err) != objstore.KindNotFound {
				t.Errorf("Parts after Abort: %v", err)
			}
		})
	}
}
