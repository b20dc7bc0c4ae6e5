package file

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"

	"github.com/skyctl/skyctl/agent/objstore"
)

// directory is the one in which a key's file is or will be. Opening it costs
// one system call a level and makes everything in it a single one; nothing is
// cached, so a directory that somebody moves or removes meanwhile is noticed.
type directory struct{ *os.Root }

// openDir opens the directory of key, creating it and its parents if asked.
func (b *bucket) openDir(key string, create bool) (directory, error) {
	root, err := b.openRoot(create)
	if err != nil {
		return directory{}, err
	}
	parent := path.Dir(key)
	// "/." so that something that is not a directory is refused, never opened:
	// opening a FIFO would wait for its writer.
	d, err := root.OpenRoot(parent + "/.")
	if create && errors.Is(err, fs.ErrNotExist) {
		if err = makeDirs(root, parent); err == nil {
			d, err = root.OpenRoot(parent + "/.")
		}
	}
	if create && err == nil {
		if err = b.speltDirs(root, parent); err != nil {
			d.Close()
		}
	}
	return directory{d}, err
}

// createTemp creates a file of a name that nothing else has.
func (d directory) createTemp(name string) (*os.File, error) {
	return d.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
}

// vacant refuses a key that is a directory already, or a file by another
// spelling: better now than when all bytes were sent.
func (d directory) vacant(key string) error {
	fi, err := d.Lstat(path.Base(key))
	switch {
	case err != nil:
		return nil
	case fi.IsDir():
		return syscall.EISDIR
	}
	return d.spelt(path.Base(key))
}

// dress gives a temporary the time and mode that it is to have at its key.
// Without a mode it keeps what the umask left of it.
func (d directory) dress(f *os.File, temp string, meta objstore.Metadata) error {
	if meta.Mode != 0 {
		if err := f.Chmod(fs.FileMode(meta.Mode)); err != nil {
			return err
		}
	}
	if !meta.Modified.IsZero() {
		return d.Chtimes(temp, meta.Modified, meta.Modified)
	}
	return nil
}

// sync makes renames and new names in the directory durable.
func (d directory) sync() error {
	f, err := d.Open(".")
	if err != nil {
		return err
	}
	return syncAndClose(f)
}

func syncAndClose(f *os.File) error {
	return errors.Join(f.Sync(), f.Close())
}

// makeDirs creates the directory name below root, and makes it durable: a file
// is only as safe as the names that lead to it.
func makeDirs(root *os.Root, name string) error {
	var missing []string
	for p := name; p != "."; p = path.Dir(p) {
		if _, err := root.Stat(p); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		missing = append(missing, p)
	}
	if err := root.MkdirAll(name, 0o777); err != nil {
		return err
	}
	for _, p := range missing {
		f, err := root.Open(path.Dir(p))
		if err != nil {
			return err
		}
		if err := syncAndClose(f); err != nil {
			return err
		}
	}
	return nil
}

// makeRoot is makeDirs for the root itself.
func makeRoot(dir string) error {
	var missing []string
	for p := dir; ; p = filepath.Dir(p) {
		if _, err := os.Stat(p); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		missing = append(missing, p)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for _, p := range missing {
		f, err := os.Open(filepath.Dir(p))
		if err != nil {
			return err
		}
		if err := syncAndClose(f); err != nil {
			return err
		}
	}
	return nil
}
