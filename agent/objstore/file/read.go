package file

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

func (b *bucket) Open(ctx context.Context, key string, version objstore.Version, r chunk.Range) (io.ReadCloser, objstore.Object, error) {
	if err := b.start(ctx, "open", key); err != nil {
		return nil, objstore.Object{}, err
	}
	f, obj, err := b.openFile(key)
	if err != nil {
		return nil, objstore.Object{}, b.failRead("open", key, err)
	}
	switch {
	case version != "" && version != obj.Version:
		err = errReplaced
	case r.Offset < 0 || r.Length < 0 || r.End() > obj.Size:
		err = fmt.Errorf("the file has %d bytes, wanted were %d from %d", obj.Size, r.Length, r.Offset)
	}
	if err == nil && f == nil {
		return io.NopCloser(strings.NewReader("")), obj, nil
	}
	if err != nil {
		if f != nil {
			f.Close()
		}
		return nil, objstore.Object{}, b.fail("open", key, objstore.KindPrecondition, err)
	}
	return &reader{ctx: ctx, bucket: b, file: f, object: obj, rest: r}, obj, nil
}

// openFile opens the regular file of key. A symbolic link that is an object
// itself has no file.
func (b *bucket) openFile(key string) (*os.File, objstore.Object, error) {
	root, err := b.openRoot(false)
	if err != nil {
		return nil, objstore.Object{}, err
	}
	if link, ok, err := b.linkAt(root, key); ok || err != nil {
		return nil, link, err
	}
	// Without O_NONBLOCK a FIFO would wait for its writer.
	f, err := root.OpenFile(key, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, objstore.Object{}, explainLink(root, key, err)
	}
	fi, err := f.Stat()
	if err == nil {
		err = regular(fi)
	}
	if err != nil {
		f.Close()
		return nil, objstore.Object{}, explainLink(root, key, err)
	}
	return f, object(key, fi), nil
}

// reader yields a range of an open file.
//
// A file that was replaced by a rename stays as it was for whoever has it
// open, but one may also be written in place. So before the last bytes of the
// range are handed out, and at an early end, the file must still have the
// version it had; a caller that got the whole range got one version.
type reader struct {
	ctx    context.Context
	bucket *bucket
	file   *os.File
	object objstore.Object
	rest   chunk.Range
}

func (r *reader) Read(p []byte) (int, error) {
	if r.rest.Length == 0 {
		return 0, io.EOF
	}
	if err := r.ctx.Err(); err != nil {
		return 0, r.bucket.fail("read", r.object.Key, objstore.KindTransient, err)
	}
	p = p[:min(int64(len(p)), r.rest.Length)]
	n, err := r.file.ReadAt(p, r.rest.Offset)
	if err != nil && err != io.EOF {
		return 0, r.bucket.failRead("read", r.object.Key, err)
	}
	r.rest.Offset += int64(n)
	r.rest.Length -= int64(n)
	if r.rest.Length > 0 && err == nil {
		return n, nil
	}
	fi, err := r.file.Stat()
	if err != nil {
		return 0, r.bucket.failRead("read", r.object.Key, err)
	}
	if version(fi) != r.object.Version {
		return 0, r.bucket.fail("read", r.object.Key, objstore.KindPrecondition, errReplaced)
	}
	if r.rest.Length > 0 {
		return 0, r.bucket.fail("read", r.object.Key, objstore.KindTransient, io.ErrUnexpectedEOF)
	}
	return n, nil
}

func (r *reader) Close() error { return r.file.Close() }
