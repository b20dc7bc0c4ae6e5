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

// TestCommitCutShort: between giving the temporary the mode of the object, which
// does not let its owner write, and its new name.
func TestCommitCutShort(t *testing.T) {
	dir := tmpfs(t)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	b := open(t, dir)
	asNobody(t, func() {
		up, err := b.Begin(t.Context(), "key", 1, objstore.Metadata{Mode: 0o444})
		if err != nil {
			t.Error(err)
			return
		}
		ref, err := b.WritePart(t.Context(), up, objstore.Part{}, bodyOf("x"))
		if err != nil {
			t.Error(err)
			return
		}
		if err := os.Chmod(filepath.Join(dir, up.ID), 0o444); err != nil {
			t.Error(err)
		}
		_, err = b.Commit(t.Context(), up, []objstore.PartRef{ref}, 1, *ref.Digest)
		if fi, serr := os.Stat(filepath.Join(dir, "key")); err != nil || serr != nil || fi.Mode() != 0o444 {
			t.Errorf("Commit: %v, %v", err, serr)
		}
	})
}
