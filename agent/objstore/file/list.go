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
func (b *bucket) List(ctx context.Context, prefix, after string, yield func(objstore.Object) error) error {
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
	w := walk{ctx: ctx, bucket: b, root: root, prefix: prefix, after: after, yield: yield}
	return w.dir(d, parent)
}

// walk is one listing.
type walk struct {
	ctx           context.Context
	bucket        *bucket
	root          *os.Root
	prefix, after string
	yield         func(objstore.Object) error
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
		if strings.HasSuffix(name, "/") {
			err = w.subdir(d, name, parent+name)
		} else {
			err = w.file(d, name, parent+name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// file lists what is no directory.
func (w *walk) file(d *os.Root, name, key string) error {
	if key <= w.after {
		return nil
	}
	fi, err := d.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return w.bucket.failRead("list", key, err)
	case fi.Mode().IsRegular():
		return w.yield(object(key, fi))
	case fi.Mode().Type() != fs.ModeSymlink:
		return nil
	case w.bucket.symlinks == objstore.SymlinksCopy:
		target, err := d.Readlink(name)
		if err != nil {
			return w.bucket.failRead("list", key, err)
		}
		return w.yield(linkObject(key, fi, target))
	}
	// Links are followed from the root, for they may leave d.
	to, err := w.root.Stat(key)
	if err != nil || to.IsDir() { // names says which directories can be listed
		return w.yield(brokenObject(key, fi))
	}
	if !to.Mode().IsRegular() {
		w.bucket.omitted.add(key, to.Mode())
		return nil
	}
	return w.yield(object(key, to))
}

func (w *walk) subdir(d *os.Root, name, key string) error {
	if w.after >= key && !strings.HasPrefix(w.after, key) {
		return nil // all that is in it comes before
	}
	sub, err := d.OpenRoot(name + ".")
	if err != nil && w.bucket.symlinks == objstore.SymlinksFollow {
		sub, err = w.root.OpenRoot(key + ".") // a link that leaves d
	}
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
			name, err := w.entry(e, parent)
			if err != nil {
				return nil, err
			}
			if name != "" {
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

// entry returns an entry's name, with a slash if it is a directory, or nothing
// if it is not to be listed.
func (w *walk) entry(e fs.DirEntry, parent string) (string, error) {
	name, key := e.Name(), parent+e.Name()
	isLink := e.Type() == fs.ModeSymlink
	isDir := e.IsDir()
	if isLink && w.bucket.symlinks == objstore.SymlinksFollow && w.wants(key+"/") {
		var err error
		if isDir, err = w.leadsDown(key); err != nil {
			return "", w.bucket.failRead("list", key, err)
		}
	}
	switch {
	case isDir && w.wants(key+"/"):
		return name + "/", nil
	case isDir, isTemp(name), !strings.HasPrefix(key, w.prefix), isLink && w.bucket.symlinks == objstore.SymlinksSkip:
		return "", nil
	case e.Type().IsRegular(), isLink:
		return name, nil
	}
	w.bucket.omitted.add(key, e.Type())
	return "", nil
}

// leadsDown tells whether a link leads to a directory that can be listed: not
// to one in which it is itself.
func (w *walk) leadsDown(key string) (bool, error) {
	to, err := w.root.Stat(key)
	if err != nil || !to.IsDir() {
		return false, nil // file says what is wrong with it
	}
	loop, err := above(w.root, key, to)
	return !loop, err
}

// wants tells whether a directory may hold keys with the prefix.
func (w *walk) wants(dir string) bool {
	return strings.HasPrefix(dir, w.prefix) || strings.HasPrefix(w.prefix, dir)
}
