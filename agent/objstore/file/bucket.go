package file

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/skyctl/skyctl/agent/objstore"
)

// bucket is one directory tree. Everything goes through an os.Root, so no key
// and no symbolic link leads out of it.
type bucket struct {
	dir      string // absolute
	symlinks objstore.Symlinks
	run      string // as temporaries have it

	omitted omissions

	mu    sync.Mutex
	root  *os.Root            // opened when first needed: a destination may not exist yet
	spelt map[string]struct{} // directories that are spelt as they are asked for
}

// Open returns the bucket of the directory cfg.Bucket. The directory need not
// exist: the first write creates it, until then everything is KindNotFound.
func Open(_ context.Context, cfg objstore.Config) (objstore.Bucket, error) {
	b := &bucket{dir: cfg.Bucket, run: runHash(cfg.Run), symlinks: cmp.Or(cfg.Symlinks, objstore.SymlinksFollow)}
	switch b.symlinks {
	case objstore.SymlinksSkip, objstore.SymlinksFollow, objstore.SymlinksCopy:
	default:
		return nil, b.fail("open", "", objstore.KindInvalid, fmt.Errorf("symlinks is %q; it may be skip, follow or copy", b.symlinks))
	}
	if !filepath.IsAbs(cfg.Bucket) {
		return nil, b.fail("open", "", objstore.KindInvalid, errors.New("the root of a file store must be an absolute path"))
	}
	return b, nil
}

func (b *bucket) Check(ctx context.Context) (objstore.About, error) {
	if err := b.start(ctx, "check", ""); err != nil {
		return objstore.About{}, err
	}
	root, err := b.openRoot(false)
	if err != nil {
		return objstore.About{}, b.failRead("check", "", err)
	}
	d, err := root.Open(".")
	if err != nil {
		return objstore.About{}, b.failRead("check", "", err)
	}
	return objstore.About{}, d.Close()
}

func (b *bucket) Stat(ctx context.Context, key string) (objstore.Object, error) {
	if err := b.start(ctx, "stat", key); err != nil {
		return objstore.Object{}, err
	}
	root, err := b.openRoot(false)
	if err != nil {
		return objstore.Object{}, b.failRead("stat", key, err)
	}
	if obj, ok, err := b.linkAt(root, key); ok || err != nil {
		return obj, b.failRead("stat", key, err)
	}
	fi, err := root.Stat(key)
	if err == nil {
		err = regular(fi)
	}
	if err != nil {
		return objstore.Object{}, b.failRead("stat", key, explainLink(root, key, err))
	}
	return object(key, fi), nil
}

func (b *bucket) Delete(ctx context.Context, key string) error {
	if err := b.start(ctx, "delete", key); err != nil {
		return err
	}
	root, err := b.openRoot(false)
	if err == nil {
		var fi fs.FileInfo
		// Remove would take an empty directory as well.
		if fi, err = root.Lstat(key); err == nil && fi.IsDir() {
			err = syscall.EISDIR
		}
	}
	if err == nil {
		err = root.Remove(key)
	}
	if err = b.failRead("delete", key, err); objstore.KindOf(err) == objstore.KindNotFound {
		return nil
	}
	return err
}

// Limits are none that are known before a write.
func (b *bucket) Limits() objstore.Limits { return objstore.Limits{} }

func (b *bucket) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.root == nil {
		return nil
	}
	err := b.root.Close()
	b.root = nil
	return err
}

// start is what every operation on a key begins with.
func (b *bucket) start(ctx context.Context, op, key string) error {
	if err := ctx.Err(); err != nil {
		return b.fail(op, key, objstore.KindTransient, err)
	}
	if key == "" && op == "check" {
		return nil
	}
	if err := checkKey(key); err != nil {
		return b.fail(op, key, objstore.KindInvalid, err)
	}
	return nil
}

// openRoot returns the root, which stays open until Close.
func (b *bucket) openRoot(create bool) (*os.Root, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.root != nil {
		return b.root, nil
	}
	if create {
		if err := makeRoot(b.dir); err != nil {
			return nil, err
		}
	}
	root, err := os.OpenRoot(b.dir)
	b.root = root
	return root, err
}

// object describes the regular file fi as an object.
func object(key string, fi fs.FileInfo) objstore.Object {
	return objstore.Object{Key: key, Size: fi.Size(), Version: version(fi), Modified: fi.ModTime(),
		Metadata: objstore.Metadata{Modified: fi.ModTime(), Mode: uint32(fi.Mode().Perm())}}
}

// version tells this content of a file from others. The inode is part of it
// because the clock of a filesystem is coarse: two files renamed over one key
// within a few milliseconds may agree in size and time.
func version(fi fs.FileInfo) objstore.Version {
	var inode uint64
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		inode = st.Ino
	}
	return objstore.Version(fmt.Sprintf("%d-%d-%d", fi.Size(), fi.ModTime().UnixNano(), inode))
}

// regular refuses what is not an object.
func regular(fi fs.FileInfo) error {
	switch {
	case fi.IsDir():
		return syscall.EISDIR
	case !fi.Mode().IsRegular():
		return errNotRegular
	}
	return nil
}
