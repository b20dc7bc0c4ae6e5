package gcs

import (
	"testing"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/objstoretest"
)

func open(t testing.TB, cfg objstore.Config) objstore.Bucket {
	t.Helper()
	b, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestContractOnFakeGCSServer(t *testing.T) {
	cfg := objstoretest.StartFakeGCS(t).Config(t, "contract")
	objstoretest.Run(t, func(t *testing.T) objstore.Bucket { return open(t, cfg) }, objstoretest.Refuses("tab\tand\nnewline"))
	wantNoTemporaries(t, cfg)
}

// wantNoTemporaries lists what the provider hides.
func wantNoTemporaries(t *testing.T, cfg objstore.Config) {
	t.Helper()
	b := open(t, cfg).(*bucket)
	defer b.Close()
	left, err := b.nodes(t.Context(), temporary)
	if err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

// TestContractOnTheFake: with a store that holds Google's preconditions.
func TestContractOnTheFake(t *testing.T) {
	f, _ := newFake(t)
	f.pageSize = 1000
	cfg := objstore.Config{Type: "gcs", Bucket: fakeBucket, Endpoint: f.url}
	objstoretest.Run(t, func(t *testing.T) objstore.Bucket { return open(t, cfg) }, objstoretest.Refuses("tab\tand\nnewline"))
	wantNoTemporaries(t, cfg)
}
