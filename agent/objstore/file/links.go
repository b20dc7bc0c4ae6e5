package file

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"sync"

	"github.com/skyctl/skyctl/agent/objstore"
)

// maxOmitted is how many examples of what a listing left out are kept.
const maxOmitted = 10

// linkAt returns the symbolic link of key as an object, if links are copied
// and it is one.
func (b *bucket) linkAt(root *os.Root, key string) (objstore.Object, bool, error) {
	if b.symlinks != objstore.SymlinksCopy {
		return objstore.Object{}, false, nil
	}
	fi, err := root.Lstat(key)
	if err != nil || fi.Mode().Type() != fs.ModeSymlink {
		return objstore.Object{}, false, err
	}
	target, err := root.Readlink(key)
	if err != nil {
		return objstore.Object{}, false, err
	}
	return linkObject(key, fi, target), true, nil
}

// linkObject describes a symbolic link as an object without bytes.
func linkObject(key string, fi fs.FileInfo, target string) objstore.Object {
	return objstore.Object{Key: key, Version: version(fi), Modified: fi.ModTime(), Metadata: objstore.Metadata{Link: target}}
}

// brokenObject describes a symbolic link that leads to nothing that can be
// read. It is listed, so that somebody misses it; whoever stats or opens it is
// told why.
func brokenObject(key string, fi fs.FileInfo) objstore.Object {
	return objstore.Object{Key: key, Version: version(fi), Modified: fi.ModTime()}
}

// explainLink says why key cannot be read if that is because of a link.
func explainLink(root *os.Root, key string, err error) error {
	fi, lerr := root.Lstat(key)
	if lerr != nil || fi.Mode().Type() != fs.ModeSymlink {
		return err
	}
	target, lerr := root.Readlink(key)
	if lerr != nil {
		return err
	}
	return &objstore.Error{Kind: objstore.KindInvalid,
		Err: fmt.Errorf("the symbolic link to %q cannot be followed (%w); remove it, or choose to skip or copy links", target, cause(err))}
}

// above tells whether the directory dir is one of those that lead to key: to
// follow a link to it would not end.
func above(root *os.Root, key string, dir fs.FileInfo) (bool, error) {
	for at := path.Dir(key); ; at = path.Dir(at) {
		fi, err := root.Stat(at)
		if err != nil {
			return false, err
		}
		if os.SameFile(fi, dir) {
			return true, nil
		}
		if at == "." {
			return false, nil
		}
	}
}

// omissions are what listings met that can be no object.
type omissions struct {
	mu   sync.Mutex
	keys map[string]string // to what it is
	more int64
}

func (o *omissions) add(key string, mode fs.FileMode) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, known := o.keys[key]; known {
		return
	}
	if len(o.keys) == maxOmitted {
		o.more++
		return
	}
	if o.keys == nil {
		o.keys = map[string]string{}
	}
	what := "special file"
	switch {
	case mode&fs.ModeNamedPipe != 0:
		what = "named pipe"
	case mode&fs.ModeSocket != 0:
		what = "socket"
	case mode&fs.ModeDevice != 0:
		what = "device"
	}
	o.keys[key] = what
}

// Omitted implements objstore.Omitter.
func (b *bucket) Omitted() []string {
	b.omitted.mu.Lock()
	defer b.omitted.mu.Unlock()
	var all []string
	for _, key := range slices.Sorted(maps.Keys(b.omitted.keys)) {
		all = append(all, fmt.Sprintf("%q is a %s and was left out", key, b.omitted.keys[key]))
	}
	if b.omitted.more > 0 {
		all = append(all, fmt.Sprintf("%d more special files were left out", b.omitted.more))
	}
	return all
}
