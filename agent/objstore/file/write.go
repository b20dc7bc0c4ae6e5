package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"sync"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

func (b *bucket) Put(ctx context.Context, key string, body objstore.Body, meta objstore.Metadata) (objstore.Object, error) {
	if err := b.start(ctx, "put", key); err != nil {
		return objstore.Object{}, err
	}
	if e := body.Check(); e != nil {
		return objstore.Object{}, b.fail("put", key, e.Kind, e.Err)
	}
	if err := b.checkMetadata("put", key, meta); err != nil {
		return objstore.Object{}, err
	}
	d, err := b.openDir(key, true)
	if err != nil {
		return objstore.Object{}, b.failWrite("put", key, err)
	}
	defer d.Close()
	var obj objstore.Object
	if err = d.vacant(key); err == nil && meta.Link != "" {
		obj, err = d.link(key, b.run, body, meta)
	} else if err == nil {
		obj, err = d.put(ctx, key, b.run, body, meta)
	}
	return obj, b.failWrite("put", key, err)
}

// link makes the key a symbolic link. Its target is not looked at: nothing is
// read or written through a link that leaves the root.
func (d directory) link(key, run string, body objstore.Body, meta objstore.Metadata) (objstore.Object, error) {
	if body.Size != 0 {
		return objstore.Object{}, &objstore.Error{Kind: objstore.KindInvalid, Err: fmt.Errorf("a symbolic link has no bytes, the body has %d", body.Size)}
	}
	temp := putTemp(key, run)
	if err := d.Symlink(meta.Link, temp); err != nil {
		return objstore.Object{}, err
	}
	fi, err := d.Lstat(temp)
	if err == nil {
		err = d.place(temp, path.Base(key))
	}
	if err != nil {
		return objstore.Object{}, d.discard(temp, err)
	}
	return linkObject(key, fi, meta.Link), nil
}

// put writes the body into a temporary file and makes it the file of key.
func (d directory) put(ctx context.Context, key, run string, body objstore.Body, meta objstore.Metadata) (objstore.Object, error) {
	temp := putTemp(key, run)
	f, err := d.createTemp(temp)
	if err != nil {
		return objstore.Object{}, err
	}
	_, err = write(ctx, f, 0, body)
	if err == nil {
		err = d.dress(f, temp, meta)
	}
	if err == nil {
		err = f.Sync()
	}
	var obj objstore.Object
	if err == nil {
		obj, err = d.become(f, temp, key)
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return objstore.Object{}, d.discard(temp, err)
	}
	return obj, nil
}

// become makes the synced temporary f the file of key, durably.
func (d directory) become(f *os.File, temp, key string) (objstore.Object, error) {
	fi, err := f.Stat()
	if err != nil {
		return objstore.Object{}, err
	}
	return object(key, fi), d.place(temp, path.Base(key))
}

// place renames a temporary, durably. What has the name already it replaces
// only if that has the same spelling.
func (d directory) place(temp, name string) error {
	dir, err := d.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	err = renameNew(dir, temp, name)
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrExist) {
		if err = d.spelt(name); err == nil {
			err = d.Rename(temp, name)
		}
	}
	if err != nil {
		return err
	}
	return dir.Sync()
}

// discard removes a temporary because of err, and returns err.
func (d directory) discard(temp string, err error) error {
	if rmErr := d.Remove(temp); rmErr != nil && !errors.Is(rmErr, fs.ErrNotExist) {
		return fmt.Errorf("%w; its temporary %s is left behind: %w", err, temp, rmErr)
	}
	return err
}

// write copies the body to f from offset on and returns its digest.
func write(ctx context.Context, f *os.File, offset int64, body objstore.Body) (chunk.Digest, error) {
	if body.Size == 0 {
		return 0, nil
	}
	if body.Bytes != nil {
		_, err := f.WriteAt(body.Bytes, offset)
		return body.Digest, err
	}
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	var digest chunk.Digest
	for rest := body.Size; rest > 0; {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		p := (*buf)[:min(int64(len(*buf)), rest)]
		n, err := io.ReadFull(body.Reader, p)
		if err != nil {
			return 0, &objstore.Error{Kind: objstore.KindTransient, Err: fmt.Errorf("body ended %d bytes early: %w", rest-int64(n), err)}
		}
		if _, err := f.WriteAt(p, offset); err != nil {
			return 0, err
		}
		digest = digest.Update(p)
		offset += int64(n)
		rest -= int64(n)
	}
	return digest, nil
}

// buffers are what streamed bodies pass through.
var buffers = sync.Pool{New: func() any {
	b := make([]byte, 256<<10)
	return &b
}}
