package file

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/objstoretest"
)

func bodyOf(s string) objstore.Body {
	return objstore.Body{Size: int64(len(s)), Bytes: []byte(s), Digest: chunk.Sum([]byte(s))}
}

func put(t *testing.T, b objstore.Bucket, key, content string) objstore.Object {
	t.Helper()
	obj, err := b.Put(t.Context(), key, bodyOf(content), objstore.Metadata{})
	if err != nil {
		t.Fatal(err)
	}
	return obj
}

func keys(t *testing.T, b objstore.Bucket, prefix string) []string {
	t.Helper()
	var keys []string
	if err := b.List(t.Context(), prefix, "", func(o objstore.Object) error { keys = append(keys, o.Key); return nil }); err != nil {
		t.Fatal(err)
	}
	return keys
}

// everyOp calls all operations on a key.
func everyOp(t *testing.T, b objstore.Bucket, key string) map[string]error {
	ctx := t.Context()
	_, stat := b.Stat(ctx, key)
	r, _, open := b.Open(ctx, key, "", chunk.Range{})
	if open == nil {
		r.Close()
	}
	_, put := b.Put(ctx, key, bodyOf("x"), objstore.Metadata{})
	_, begin := b.Begin(ctx, key, 1, objstore.Metadata{})
	return map[string]error{"stat": stat, "open": open, "put": put, "begin": begin, "delete": b.Delete(ctx, key)}
}

// TestKeysThatAreNoPaths: refused by every operation, and nothing is made
// inside the root or beside it.
func TestKeysThatAreNoPaths(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "root")
	b := open(t, dir)
	put(t, b, "dir/file", "content")
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	bad := append(slices.Clone(objstoretest.PathKeys),
		"dir", "empty", "nul\x00byte", strings.Repeat("x", 256), "dir/"+strings.Repeat("x", 256)+"/file",
		".skyctl-x.tmp", "dir/.skyctl-x.part")
	for _, key := range bad {
		for op, err := range everyOp(t, b, key) {
			if objstore.KindOf(err) != objstore.KindInvalid {
				t.Errorf("%s of %q: %v", op, key, err)
			}
		}
	}
	// Below a file there is nothing, and can be nothing.
	for op, err := range everyOp(t, b, "dir/file/below") {
		want := objstore.KindInvalid
		switch op {
		case "stat", "open":
			want = objstore.KindNotFound
		case "delete":
			if err == nil {
				continue
			}
		}
		if objstore.KindOf(err) != want {
			t.Errorf("%s below a file: %v", op, err)
		}
	}
	var found []string
	err := filepath.WalkDir(parent, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			found = append(found, path)
		}
		return err
	})
	if want := []string{filepath.Join(dir, "dir", "file")}; err != nil || !slices.Equal(found, want) {
		t.Errorf("found %q, %v, want %q", found, err, want)
	}
}

func TestLinks(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	b := open(t, dir)
	put(t, b, "real/file", "inside")
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("outside"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{
		"out": outside, "out-file": filepath.Join(outside, "secret"), "up": "..", "in": "real", "in-file": "real/file", "loop": "loop", "dangling": "nothing",
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []string{"out/secret", "out/new", "up/x"} {
		for op, err := range everyOp(t, b, key) {
			if objstore.KindOf(err) != objstore.KindInvalid {
				t.Errorf("%s of %q, which leaves the root: %v", op, key, err)
			}
		}
	}
	if _, err := b.Stat(t.Context(), "out-file"); objstore.KindOf(err) != objstore.KindInvalid {
		t.Errorf("a link to a file outside: %v", err)
	}
	if obj, err := b.Stat(t.Context(), "in/file"); err != nil || obj.Size != 6 {
		t.Errorf("through a link inside: %+v, %v", obj, err)
	}
	// A write replaces a link, never what it points to.
	put(t, b, "out-file", "new")
	if got, err := os.ReadFile(filepath.Join(outside, "secret")); err != nil || string(got) != "outside" {
		t.Errorf("the file outside now holds %q, %v", got, err)
	}
}

// TestFIFO: nothing waits for a writer that never comes.
func TestFIFO(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Open(t.Context(), "fifo", "", chunk.Range{}); objstore.KindOf(err) != objstore.KindInvalid {
		t.Errorf("Open: %v", err)
	}
	if _, err := b.Put(t.Context(), "fifo/x", bodyOf("x"), objstore.Metadata{}); objstore.KindOf(err) != objstore.KindInvalid {
		t.Errorf("Put below: %v", err)
	}
	if got := append(keys(t, b, ""), keys(t, b, "fifo/")...); len(got) != 0 {
		t.Errorf("listed are %q", got)
	}
}

func TestListOrder(t *testing.T) {
	b := open(t, t.TempDir())
	want := []string{"a-b", "a.b", "a/b", "a/b-c", "a/b/c", "a0", "ab", "é"}
	for _, key := range []string{"ab", "a/b", "a-b", "a0", "a.b", "é", "a/b-c"} {
		put(t, b, key, "x")
	}
	want = slices.DeleteFunc(want, func(key string) bool { return key == "a/b/c" }) // cannot be beside a/b
	if got := keys(t, b, ""); !slices.Equal(got, want) {
		t.Errorf("listed are %q, want %q", got, want)
	}
}

// TestChangedInPlace: a writer that does not rename is noticed before the last
// byte is handed out.
func TestChangedInPlace(t *testing.T) {
	for name, change := range map[string]func(f *os.File) error{
		"rewritten": func(f *os.File) error { _, err := f.WriteAt([]byte("y"), 9_999); return err },
		"truncated": func(f *os.File) error { return f.Truncate(5_000) },
		"appended":  func(f *os.File) error { _, err := f.WriteAt([]byte("y"), 10_000); return err },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			b := open(t, dir)
			put(t, b, "file", strings.Repeat("x", 10_000))
			path := filepath.Join(dir, "file")
			// Away from the clock's last tick, which is all a filesystem stores.
			old := time.Now().Add(-time.Hour)
			if err := os.Chtimes(path, old, old); err != nil {
				t.Fatal(err)
			}
			obj, err := b.Stat(t.Context(), "file")
			if err != nil {
				t.Fatal(err)
			}
			r, _, err := b.Open(t.Context(), "file", obj.Version, chunk.Range{Length: 10_000})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			buf := make([]byte, 10_000)
			if _, err := io.ReadFull(r, buf[:1000]); err != nil {
				t.Fatal(err)
			}
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(change(f), f.Close()); err != nil {
				t.Fatal(err)
			}
			if n, err := io.ReadFull(r, buf[1000:]); objstore.KindOf(err) != objstore.KindPrecondition {
				t.Errorf("read on to %d bytes, %v", n, err)
			}
		})
	}
}

func TestRootThatIsMissing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "yet")
	b := open(t, dir)
	_, checked := b.Check(t.Context())
	for name, err := range map[string]error{"check": checked, "list": b.List(t.Context(), "", "", nil)} {
		if objstore.KindOf(err) != objstore.KindNotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := b.Stat(t.Context(), "file"); objstore.KindOf(err) != objstore.KindNotFound {
		t.Errorf("stat: %v", err)
	}
	if err := b.Delete(t.Context(), "file"); err != nil {
		t.Errorf("delete: %v", err)
	}
	put(t, b, "a/b/file", "x") // creates it
	if _, err := b.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := Open(t.Context(), objstore.Config{Bucket: "relative"}); objstore.KindOf(err) != objstore.KindInvalid {
		t.Errorf("a relative root: %v", err)
	}
}
