package file

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

// linked is a tree with every kind of link, and what is no file at all.
func linked(t *testing.T) string {
	t.Helper()
	outside, dir := t.TempDir(), t.TempDir()
	for _, err := range []error{
		os.WriteFile(filepath.Join(outside, "secret"), []byte("outside"), 0o600),
		os.MkdirAll(filepath.Join(dir, "real", "deep"), 0o755),
		os.MkdirAll(filepath.Join(dir, "other"), 0o755),
		os.WriteFile(filepath.Join(dir, "real", "file"), []byte("inside"), 0o640),
		syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{
		"out": filepath.Join(outside, "secret"), "dir": "real", "file": "real/file", "self": "self", "dangling": "nothing", "fifo-link": "fifo",
		"real/deep/up": "../..", "other/beside": "../real/file", "other/dir": "../real",
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestSymlinks(t *testing.T) {
	dir := linked(t)
	for _, c := range []struct {
		how    objstore.Symlinks
		want   []string
		broken []string // of want: listed, and refused when they are read
	}{
		{objstore.SymlinksSkip, []string{"real/file"}, nil},
		{objstore.SymlinksCopy, []string{"dangling", "dir", "fifo-link", "file", "other/beside", "other/dir", "out", "real/deep/up", "real/file", "self"}, nil},
		{objstore.SymlinksFollow, []string{"dangling", "dir/deep/up", "dir/file", "file", "other/beside", "other/dir/deep/up", "other/dir/file", "out", "real/deep/up", "real/file", "self"},
			[]string{"dangling", "dir/deep/up", "other/dir/deep/up", "out", "real/deep/up", "self"}},
	} {
		t.Run(string(c.how), func(t *testing.T) {
			b, err := Open(t.Context(), objstore.Config{Bucket: dir, Symlinks: c.how})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			var got []string
			err = b.List(t.Context(), "", "", func(o objstore.Object) error {
				got = append(got, o.Key)
				if !slices.Contains(c.broken, o.Key) {
					wantListed(t, b, o)
					return nil
				}
				for op, err := range map[string]error{"stat": stat(t, b, o.Key), "open": read(t, b, o)} {
					if objstore.KindOf(err) != objstore.KindInvalid || !strings.Contains(err.Error(), "symbolic link") {
						t.Errorf("%s of the broken link %s: %v", op, o.Key, err)
					}
				}
				return nil
			})
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("listed are %v\n%q, want\n%q", err, got, c.want)
			}
			for i, after := range c.want { // and from anywhere
				if got := keysAfter(t, b, after); !slices.Equal(got, c.want[i+1:]) {
					t.Errorf("behind %s are listed\n%q, want\n%q", after, got, c.want[i+1:])
				}
			}
			omitted := b.(objstore.Omitter).Omitted()
			if !slices.Contains(omitted, `"fifo" is a named pipe and was left out`) {
				t.Errorf("omitted are %q", omitted)
			}
		})
	}
	if _, err := Open(t.Context(), objstore.Config{Bucket: dir, Symlinks: "hard"}); objstore.KindOf(err) != objstore.KindInvalid {
		t.Errorf("an unknown word: %v", err)
	}
}

func stat(t *testing.T, b objstore.Bucket, key string) error {
	_, err := b.Stat(t.Context(), key)
	return err
}

func read(t *testing.T, b objstore.Bucket, o objstore.Object) error {
	r, _, err := b.Open(t.Context(), o.Key, o.Version, chunk.Range{Length: o.Size})
	if err != nil {
		return err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err == nil && int64(len(data)) != o.Size {
		t.Errorf("%s: read %d bytes of %d", o.Key, len(data), o.Size)
	}
	return err
}

// wantListed compares a listing with what Stat and Open say.
func wantListed(t *testing.T, b objstore.Bucket, o objstore.Object) {
	t.Helper()
	s, err := b.Stat(t.Context(), o.Key)
	if err != nil || s.Version != o.Version || s.Size != o.Size || s.Metadata.Link != o.Metadata.Link {
		t.Errorf("Stat says %+v, %v, List %+v", s, err, o)
	}
	if err := read(t, b, o); err != nil {
		t.Error(err)
	}
}

func keysAfter(t *testing.T, b objstore.Bucket, after string) []string {
	t.Helper()
	keys := []string{}
	if err := b.List(t.Context(), "", after, func(o objstore.Object) error { keys = append(keys, o.Key); return nil }); err != nil {
		t.Error(err)
	}
	return keys
}

// TestCopiedLink: a link goes from tree to tree as it is, over what was there.
func TestCopiedLink(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	put(t, b, "link", "a file before")
	obj, err := b.Put(t.Context(), "link", objstore.Body{}, objstore.Metadata{Link: "../not/here"})
	if err != nil || obj.Size != 0 || obj.Metadata.Link != "../not/here" {
		t.Errorf("Put returns %+v, %v", obj, err)
	}
	if target, err := os.Readlink(filepath.Join(dir, "link")); err != nil || target != "../not/here" {
		t.Errorf("the link leads to %q, %v", target, err)
	}
	_, err = b.Put(t.Context(), "link", objstore.Body{Size: 1, Bytes: []byte("x"), Digest: chunk.Sum([]byte("x"))}, objstore.Metadata{Link: "y"})
	if objstore.KindOf(err) != objstore.KindInvalid {
		t.Errorf("a link with bytes: %v", err)
	}
	if _, err = b.Begin(t.Context(), "link", 10, objstore.Metadata{Link: "y"}); objstore.KindOf(err) != objstore.KindInvalid {
		t.Errorf("a link in parts: %v", err)
	}
}
