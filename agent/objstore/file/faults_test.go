package file

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

func TestKinds(t *testing.T) {
	b := &bucket{dir: "/srv"}
	for _, c := range []struct {
		err  error
		want objstore.Kind
	}{
		{syscall.ENOENT, objstore.KindNotFound},
		{syscall.EACCES, objstore.KindPermission},
		{syscall.EPERM, objstore.KindPermission},
		{syscall.EROFS, objstore.KindPermission},
		{syscall.ENOSPC, objstore.KindQuota},
		{syscall.EDQUOT, objstore.KindQuota},
		{syscall.EFBIG, objstore.KindInvalid},
		{syscall.ENAMETOOLONG, objstore.KindInvalid},
		{syscall.EISDIR, objstore.KindInvalid},
		{syscall.ENOTDIR, objstore.KindInvalid},
		{syscall.EIO, objstore.KindTransient},
		{syscall.EMFILE, objstore.KindTransient},
		{syscall.ENOSYS, objstore.KindUnknown},
		{context.Canceled, objstore.KindTransient},
		{fmt.Errorf("whatever"), objstore.KindUnknown},
	} {
		for _, err := range []error{c.err, &fs.PathError{Op: "write", Path: "p", Err: c.err}, &os.LinkError{Op: "renameat", Old: "o", New: "n", Err: c.err}} {
			got := b.failWrite("put", "key", err)
			if objstore.KindOf(got) != c.want {
				t.Errorf("%v is %v, want %v", err, got, c.want)
			}
			if want := fmt.Sprintf("put /srv: key: %v: %v", c.want, inTheWay(c.err)); got.Error() != want {
				t.Errorf("error %q, want %q", got, want)
			}
		}
	}
	if err := b.failRead("stat", "key", syscall.ENOTDIR); objstore.KindOf(err) != objstore.KindNotFound {
		t.Errorf("a path through a file: %v", err)
	}
}

// TestTemporariesAreInvisible: those of writes in progress, and those that a
// killed process left.
func TestTemporariesAreInvisible(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	put(t, b, "d/file", "x")
	up, err := b.Begin(t.Context(), "d/staged", 10, objstore.Metadata{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"d/.skyctl-LEFT.tmp", "d/.skyctl-LEFT.part"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := keys(t, b, ""); len(got) != 1 {
		t.Errorf("listed are %q", got)
	}
	if err := b.Abort(t.Context(), up); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(filepath.Join(dir, "d")); err != nil || len(entries) != 3 {
		t.Errorf("left after Abort are %v, %v", entries, err)
	}
	// An ID names a temporary beside its key and nothing else.
	for _, id := range []string{"file", "../d/.skyctl-LEFT.part", "../../x.part", ""} {
		up := objstore.Upload{Key: "d/staged", ID: id, Size: 1}
		if _, err := b.WritePart(t.Context(), up, objstore.Part{}, bodyOf("y")); objstore.KindOf(err) != objstore.KindNotFound {
			t.Errorf("WritePart of the upload %q: %v", id, err)
		}
		if err := b.Abort(t.Context(), up); err != nil {
			t.Errorf("Abort of the upload %q: %v", id, err)
		}
	}
	if got := keys(t, b, ""); len(got) != 1 {
		t.Errorf("an ID reached an object; listed are %q", got)
	}
}

// TestUploadsByAnotherClock: who asks may be ahead of the host that wrote.
func TestUploadsByAnotherClock(t *testing.T) {
	b := open(t, t.TempDir())
	if _, err := b.Begin(t.Context(), "key", 1, objstore.Metadata{}); err != nil {
		t.Fatal(err)
	}
	if ups, err := b.Uploads(t.Context(), "key", time.Now().Add(30*time.Second)); err != nil || len(ups) != 1 {
		t.Errorf("found are %v, %v", ups, err)
	}
	if ups, err := b.Uploads(t.Context(), "key", time.Now().Add(2*time.Minute)); err != nil || len(ups) != 0 {
		t.Errorf("of another time are found %v, %v", ups, err)
	}
}

// TestWriteThatDoesNotFit: a write that does not fit leaves the old object and nothing
// else.
func TestWriteThatDoesNotFit(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	put(t, b, "file", "old")
	var limit, small syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	// The limit on file sizes stands in for a full disk; Go ignores SIGXFSZ.
	small = limit
	small.Cur = 100_000
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small); err != nil {
		t.Fatal(err)
	}
	_, putErr := b.Put(t.Context(), "file", bodyOf(string(make([]byte, 200_000))), objstore.Metadata{})
	_, beginErr := b.Begin(t.Context(), "file", 200_000, objstore.Metadata{})
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	for op, err := range map[string]error{"put": putErr, "begin": beginErr} {
		if objstore.KindOf(err) != objstore.KindInvalid { // EFBIG
			t.Errorf("%s: %v", op, err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left are %v, %v", entries, err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "file")); err != nil || string(got) != "old" {
		t.Errorf("the object is now %q, %v", got, err)
	}
}

// TestFileAndDirectory: of a key and another that goes on behind a slash the
// first to come stays as it is, the other is refused with the reason, and
// nothing is left of it.
func TestFileAndDirectory(t *testing.T) {
	for first, second := range map[string]string{"p": "p/q", "p/q": "p"} {
		dir := t.TempDir()
		b := open(t, dir)
		put(t, b, first, "x")
		data := []byte("other")
		_, err := b.Put(t.Context(), second, objstore.Body{Size: int64(len(data)), Bytes: data, Digest: chunk.Sum(data)}, objstore.Metadata{})
		if objstore.KindOf(err) != objstore.KindInvalid || !strings.Contains(err.Error(), "of other key") && !strings.Contains(err.Error(), "of another key") {
			t.Errorf("%s after %s: %v", second, first, err)
		}
		var files []string
		if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				files = append(files, path)
			}
			return err
		}); err != nil || len(files) != 1 || files[0] != filepath.Join(dir, first) {
			t.Errorf("%s after %s leaves %v, %v", second, first, files, err)
		}
	}
}
