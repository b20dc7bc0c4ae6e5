package file

import (
	"os"
	"testing"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/objstoretest"
)

func open(t testing.TB, dir string) objstore.Bucket {
	t.Helper()
	b, err := Open(t.Context(), objstore.Config{Type: "file", Bucket: dir})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// tmpfs is a directory in memory.
func tmpfs(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "skyctl-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestContract(t *testing.T) {
	for name, dir := range map[string]string{"disk": t.TempDir(), "tmpfs": tmpfs(t)} {
		t.Run(name, func(t *testing.T) {
			objstoretest.Run(t, func(t *testing.T) objstore.Bucket { return open(t, dir) })
		})
	}
}
