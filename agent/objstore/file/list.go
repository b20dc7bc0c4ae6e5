package file

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/skyctl/skyctl/agent/objstore"
)

// listBatch is how many names are read from a directory at once.
const listBatch = 1024

// List walks the tree in the byte order of keys, the order of object stores.
// It holds the names of the directories between the root and where it is, so
// memory grows with the largest directory, not with the tree.
//
// What disappears while the walk comes by is not an error: it is gone.
// Whatever else hides a part of the tree is.
func (b *bucket) List(ctx context.Context, prefix string, yield func(objstore.Object) error) error {
	if err := ctx.Err(); err != nil {
		return b.fail("list", "", objstore.KindTransient, err)
	}
	root, err := b.openRoot(false)
	if err != nil {
		return b.failRead("list", "", err)
	}
	// Everything with the prefix is below its last slash.
	parent := prefix[:strings.LastIndexByte(prefix, '/')+1]
	start := "."
	if parent != "" {
		if checkKey(parent+"x") != nil {
			return nil // no key starts like this
		}
		start = parent + "."
	}
	d, err := root.OpenRoot(start)
	if err != nil {
		if err = b.failRead("list", parent, err); parent != "" && objstore.KindOf(err) == objstore.KindNotFound {
			return nil
		}
		return err
	}
	defer d.Close()
	w := walk{ctx: ctx, bucket: b, prefix: prefix, yield: yield}
	return w.dir(d, parent)
}

// walk is one listing.
type walk struct {
	ctx    context.Context
	bucket *bucket
	prefix string
	yield  func(objstore.Object) error
}

// dir lists the directory d; parent is its key with a slash behind it, or
// empty for the root.
func (w *walk) dir(d *os.Root, parent string) error {
	names, err := w.names(d, parent)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := w.ctx.Err(); err != nil {
			return w.bucket.fail("list", "", objstore.KindTransient, err)
		}
		if dirName, isDir := strings.CutSuffix(name, "/"); isDir {
			err = w.subdir(d, dirName, parent+name)
		} else {
			err = w.file(d, name, parent+name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) file(d *os.Root, name, key string) error {
	fi, err := d.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !fi.Mode().IsRegular() {
		return nil
	}
	if err != nil {
		return w.bucket.failRead("list", key, err)
	}
	return w.yield(object(key, fi))
}

func (w *walk) subdir(d *os.Root, name, key string) error {
	sub, err := d.OpenRoot(name + "/.")
	if err != nil {
		if err = w.bucket.failRead("list", key, err); objstore.KindOf(err) == objstore.KindNotFound {
			return nil
		}
		return err
	}
	defer sub.Close()
	return w.dir(sub, key)
}

// names returns what is to be listed of a directory, sorted, a directory with
// a slash at its end: so "a-b" comes before what is in "a", as its keys do.
func (w *walk) names(d *os.Root, parent string) ([]string, error) {
	f, err := d.Open(".")
	if err != nil {
		return nil, w.bucket.failRead("list", parent, err)
	}
	defer f.Close()
	var names []string
	for {
		entries, err := f.ReadDir(listBatch)
		for _, e := range entries {
			if name := e.Name(); e.IsDir() && w.wants(parent+name+"/") {
				names = append(names, name+"/")
			} else if e.Type().IsRegular() && !isTemp(name) && strings.HasPrefix(parent+name, w.prefix) {
				names = append(names, name)
			}
		}
		if err == io.EOF {
			slices.Sort(names)
			return names, nil
		}
		if err != nil {
			return nil, w.bucket.failRead("list", parent, err)
		}
	}
}

// wants tells whether a directory may hold keys with the prefix.
func (w *walk) wants(dir string) bool {
	return strings.HasPrefix(dir, w.prefix) || strings.HasPrefix(w.prefix, dir)
}
