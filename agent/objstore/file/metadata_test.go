package file

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

// TestModes: a mode that is given is given whatever the umask; without one the
// umask decides. The second file is written in a part.
func TestModes(t *testing.T) {
	old := syscall.Umask(0o027)
	defer syscall.Umask(old)
	dir := t.TempDir()
	b := open(t, dir)
	data := []byte("data")
	body := objstore.Body{Size: 4, Bytes: data, Digest: chunk.Sum(data)}
	modified := time.Date(1999, 12, 31, 23, 59, 59, 987654321, time.UTC)
	for want, meta := range map[os.FileMode]objstore.Metadata{
		0o640: {},
		0o666: {Mode: 0o666, Modified: modified},
		0o400: {Mode: 0o400, Modified: modified},
	} {
		if _, err := b.Put(t.Context(), "put", body, meta); err != nil {
			t.Fatal(err)
		}
		up, err := b.Begin(t.Context(), "staged", 4, meta)
		if err != nil {
			t.Fatal(err)
		}
		ref, err := b.WritePart(t.Context(), up, objstore.Part{}, body)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := open(t, dir).Commit(t.Context(), up, []objstore.PartRef{ref}, 4, body.Digest); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"put", "staged"} {
			fi, err := os.Stat(filepath.Join(dir, name))
			if err != nil || fi.Mode() != want || !meta.Modified.IsZero() && !fi.ModTime().Equal(modified) {
				t.Errorf("%s: %v of %v, want %v: %v", name, fi.Mode(), fi.ModTime(), want, err)
			}
		}
	}
}

// unread fails the test that reads it.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body is read although the key cannot be written")
	return 0, io.EOF
}

// TestDirectoryInTheWay is noticed before any bytes are sent.
func TestDirectoryInTheWay(t *testing.T) {
	b := open(t, t.TempDir())
	put(t, b, "dir/file", "x")
	for _, key := range []string{"dir", "dir/file/below"} {
		if _, err := b.Put(t.Context(), key, objstore.Body{Size: 1, Reader: unread{t}}, objstore.Metadata{}); objstore.KindOf(err) != objstore.KindInvalid {
			t.Errorf("Put of %s: %v", key, err)
		}
		if _, err := b.Begin(t.Context(), key, 1, objstore.Metadata{}); objstore.KindOf(err) != objstore.KindInvalid {
			t.Errorf("Begin of %s: %v", key, err)
		}
	}
}

// TestOrphans: what a process that was killed in the middle of a Put left
// behind is found with the uploads of its key, and goes with Abort.
func TestOrphans(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	run := b.(*bucket).run
	start := time.Now()
	put(t, b, "dir/key", "x")
	orphan := putTemp("dir/key", run)
	for _, name := range []string{orphan, putTemp("dir/other", run), ".skyctl-foreign.tmp", ".skyctl-foreign.part"} {
		if err := os.WriteFile(filepath.Join(dir, "dir", name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found, err := b.Uploads(t.Context(), "dir/key", start)
	if err != nil || len(found) != 1 || found[0] != (objstore.Upload{Key: "dir/key", ID: orphan, Size: 4}) {
		t.Fatalf("found are %+v, %v", found, err)
	}
	if err := b.Abort(t.Context(), found[0]); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "dir", orphan)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the orphan after Abort: %v", err)
	}
	// No other file can be given up this way.
	for _, id := range []string{"key", "../dir/key", strings.TrimSuffix(orphan, putSuffix), ".skyctl-foreign.part"} {
		if err := b.Abort(t.Context(), objstore.Upload{Key: "dir/key", ID: id}); err != nil {
			t.Errorf("Abort of %s: %v", id, err)
		}
	}
	entries, err := os.ReadDir(filepath.Join(dir, "dir"))
	if err != nil || len(entries) != 4 {
		t.Errorf("left are %v, %v", entries, err)
	}
}
