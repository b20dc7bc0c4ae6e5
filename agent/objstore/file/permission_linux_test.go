package file

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

// asNobody runs f on a thread that the kernel's permission checks take for an
// ordinary user's, also if the tests run as root. The thread is not used again.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if os.Getuid() == 0 {
			if err := unix.Setfsuid(65534); err != nil {
				t.Error(err)
				return
			}
		}
		f()
	}()
	<-done
}

func TestPermission(t *testing.T) {
	dir := tmpfs(t) // t.TempDir's parents are closed to others
	b := open(t, dir)
	put(t, b, "a/file", "x")
	put(t, b, "locked/file", "x")
	put(t, b, "z/file", "x")
	for path, mode := range map[string]os.FileMode{"": 0o755, "a": 0o755, "z": 0o755, "locked": 0, "a/file": 0} {
		if err := os.Chmod(filepath.Join(dir, path), mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := os.Chmod(filepath.Join(dir, "locked"), 0o755); err != nil {
			t.Error(err)
		}
	})
	asNobody(t, func() {
		var listed []string
		err := b.List(t.Context(), "", "", func(o objstore.Object) error { listed = append(listed, o.Key); return nil })
		if objstore.KindOf(err) != objstore.KindPermission || len(listed) != 1 {
			t.Errorf("a directory in the middle that cannot be read: listed %q, %v", listed, err)
		}
		_, _, err = b.Open(t.Context(), "a/file", "", chunk.Range{Length: 1})
		if objstore.KindOf(err) != objstore.KindPermission {
			t.Errorf("open: %v", err)
		}
		for op, err := range everyOp(t, b, "locked/file") {
			if objstore.KindOf(err) != objstore.KindPermission {
				t.Errorf("%s in a locked directory: %v", op, err)
			}
		}
		if os.Getuid() == 0 { // else the directory is ours
			if _, err := b.Put(t.Context(), "z/new", bodyOf("x"), objstore.Metadata{}); objstore.KindOf(err) != objstore.KindPermission {
				t.Errorf("put: %v", err)
			}
		}
	})
}
