package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

func (b *bucket) Begin(ctx context.Context, key string, size int64, meta objstore.Metadata) (objstore.Upload, error) {
	if err := b.start(ctx, "begin", key); err != nil {
		return objstore.Upload{}, err
	}
	if err := b.checkMetadata("begin", key, meta); err != nil {
		return objstore.Upload{}, err
	}
	if meta.Link != "" {
		return objstore.Upload{}, b.fail("begin", key, objstore.KindInvalid, errors.New("a symbolic link has no parts; put it"))
	}
	d, err := b.openDir(key, true)
	if err != nil {
		return objstore.Upload{}, b.failWrite("begin", key, err)
	}
	defer d.Close()
	id, err := d.begin(key, b.run, size, meta)
	if err != nil {
		return objstore.Upload{}, b.failWrite("begin", key, err)
	}
	return objstore.Upload{Key: key, ID: id, Size: size}, nil
}

// begin creates the temporary of a staged write, durably: parts that were
// acknowledged must not be lost with the only name that leads to them.
func (d directory) begin(key, run string, size int64, meta objstore.Metadata) (id string, err error) {
	if err := d.vacant(key); err != nil {
		return "", err
	}
	id = partTemp(key, run, meta)
	f, err := d.createTemp(id)
	if err != nil {
		return "", err
	}
	if err = f.Truncate(size); err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = d.sync()
	}
	if err != nil {
		return "", d.discard(id, err)
	}
	return id, nil
}

func (b *bucket) WritePart(ctx context.Context, up objstore.Upload, p objstore.Part, body objstore.Body) (objstore.PartRef, error) {
	if err := b.start(ctx, "write part", up.Key); err != nil {
		return objstore.PartRef{}, err
	}
	if e := body.Check(); e != nil {
		return objstore.PartRef{}, b.fail("write part", up.Key, e.Kind, e.Err)
	}
	if p.Number < 0 || p.Offset < 0 || p.Offset+body.Size > up.Size {
		return objstore.PartRef{}, b.fail("write part", up.Key, objstore.KindInvalid, fmt.Errorf("part %d, %d bytes from %d, reaches beyond the object's %d", p.Number, body.Size, p.Offset, up.Size))
	}
	d, f, err := b.openUpload(up)
	if err != nil {
		return objstore.PartRef{}, b.failRead("write part", up.Key, err)
	}
	defer d.Close()
	digest, err := write(ctx, f, p.Offset, body)
	if err == nil {
		err = syncData(f)
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return objstore.PartRef{}, b.failWrite("write part", up.Key, err)
	}
	return objstore.PartRef{Number: p.Number, Size: body.Size, Digest: &digest}, nil
}

// Parts cannot tell: a file has no memory of which of its bytes were written.
func (b *bucket) Parts(ctx context.Context, up objstore.Upload) ([]objstore.PartRef, error) {
	if err := b.start(ctx, "list parts", up.Key); err != nil {
		return nil, err
	}
	d, f, err := b.openUpload(up)
	if err != nil {
		return nil, b.failRead("list parts", up.Key, err)
	}
	defer d.Close()
	if err := f.Close(); err != nil {
		return nil, b.failRead("list parts", up.Key, err)
	}
	return nil, b.fail("list parts", up.Key, objstore.KindUnsupported, errors.New("a file does not know which parts were written"))
}

func (b *bucket) Commit(ctx context.Context, up objstore.Upload, parts []objstore.PartRef, size int64, digest chunk.Digest) (objstore.Object, error) {
	if err := b.start(ctx, "commit", up.Key); err != nil {
		return objstore.Object{}, err
	}
	compared, e := objstore.CheckParts(parts, size, digest)
	if e != nil {
		return objstore.Object{}, b.fail("commit", up.Key, e.Kind, e.Err)
	}
	d, f, err := b.openUpload(up)
	if objstore.KindOf(b.failRead("commit", up.Key, err)) == objstore.KindNotFound {
		return b.recognise(ctx, up, size, digest)
	}
	if err != nil {
		return objstore.Object{}, b.failWrite("commit", up.Key, err)
	}
	defer d.Close()
	obj, err := b.commit(ctx, d, f, up, size, digest, compared)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if errors.Is(err, fs.ErrNotExist) { // another commit was quicker
		return b.recognise(ctx, up, size, digest)
	}
	if err != nil {
		return objstore.Object{}, b.failWrite("commit", up.Key, err)
	}
	return obj, nil
}

func (b *bucket) commit(ctx context.Context, d directory, f *os.File, up objstore.Upload, size int64, digest chunk.Digest, compared bool) (objstore.Object, error) {
	fi, err := f.Stat()
	if err != nil {
		return objstore.Object{}, err
	}
	if fi.Size() != size {
		return objstore.Object{}, &objstore.Error{Kind: objstore.KindCorrupt, Err: fmt.Errorf("the temporary %s has %d bytes, wanted were %d", up.ID, fi.Size(), size)}
	}
	if !compared {
		if err := compare(ctx, f, size, digest); err != nil {
			return objstore.Object{}, err
		}
	}
	meta, err := metadataOf(up.ID)
	if err == nil {
		err = d.dress(f, up.ID, meta)
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		return objstore.Object{}, err
	}
	return d.become(f, up.ID, up.Key)
}

// recognise answers a commit whose temporary is gone: an earlier commit, whose
// reply was lost, has made it the object, or it was aborted.
func (b *bucket) recognise(ctx context.Context, up objstore.Upload, size int64, digest chunk.Digest) (objstore.Object, error) {
	f, obj, err := b.openFile(up.Key)
	if errors.Is(err, fs.ErrNotExist) || err == nil && (f == nil || obj.Size != size) {
		err = &objstore.Error{Kind: objstore.KindNotFound, Err: errNoUpload}
	}
	if f != nil {
		defer f.Close()
	}
	if err == nil {
		err = compare(ctx, f, size, digest)
	}
	if objstore.KindOf(err) == objstore.KindCorrupt {
		err = &objstore.Error{Kind: objstore.KindNotFound, Err: errNoUpload}
	}
	if err != nil {
		return objstore.Object{}, b.failRead("commit", up.Key, err)
	}
	// The earlier commit may have failed after its rename.
	d, err := b.openDir(up.Key, false)
	if err == nil {
		err = errors.Join(d.sync(), d.Close())
	}
	return obj, b.failRead("commit", up.Key, err)
}

func (b *bucket) Abort(ctx context.Context, up objstore.Upload) error {
	if err := b.start(ctx, "abort", up.Key); err != nil {
		return err
	}
	d, err := b.openDir(up.Key, false)
	if err == nil {
		defer d.Close()
		if t, ok := parseTemp(up.ID); ok && t.key == keyHash(up.Key) {
			err = d.Remove(up.ID)
		}
	}
	if err = b.failRead("abort", up.Key, err); objstore.KindOf(err) == objstore.KindNotFound {
		return nil
	}
	return err
}

// clockDifference is how far this host's clock may be behind the caller's.
const clockDifference = time.Minute

// Uploads looks for this run's temporaries beside the key, those of Put
// included: a process that was killed in the middle of one leaves it behind.
func (b *bucket) Uploads(ctx context.Context, key string, since time.Time) ([]objstore.Upload, error) {
	if err := b.start(ctx, "list uploads", key); err != nil {
		return nil, err
	}
	d, err := b.openDir(key, false)
	var found []objstore.Upload
	if err == nil {
		defer d.Close()
		found, err = d.uploads(ctx, key, b.run, since)
	}
	if err = b.failRead("list uploads", key, err); objstore.KindOf(err) == objstore.KindNotFound {
		return nil, nil
	}
	return found, err
}

func (d directory) uploads(ctx context.Context, key, run string, since time.Time) ([]objstore.Upload, error) {
	var found []objstore.Upload
	hash := keyHash(key)
	err := d.temps(ctx, func(name string, t temp) error {
		if t.key != hash || t.run != run || t.begun.Before(since.Add(-clockDifference)) {
			return nil
		}
		fi, err := d.Lstat(name)
		if err == nil {
			found = append(found, objstore.Upload{Key: key, ID: name, Size: fi.Size()})
		}
		if errors.Is(err, fs.ErrNotExist) { // just committed
			return nil
		}
		return err
	})
	return found, err
}

// openUpload opens a staged write's temporary, for reading and writing, and
// the directory in which it is.
func (b *bucket) openUpload(up objstore.Upload) (directory, *os.File, error) {
	if err := checkUpload(up); err != nil {
		return directory{}, nil, err
	}
	d, err := b.openDir(up.Key, false)
	if err != nil {
		return directory{}, nil, err
	}
	f, err := d.OpenFile(up.ID, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrPermission) && d.Chmod(up.ID, 0o600) == nil {
		// A commit that was cut short has given it the object's mode already.
		f, err = d.OpenFile(up.ID, os.O_RDWR, 0)
	}
	if err != nil {
		d.Close()
		return directory{}, nil, err
	}
	return d, f, nil
}

// checkUpload refuses IDs that Begin does not give, so that none names another
// file.
func checkUpload(up objstore.Upload) error {
	if t, ok := parseTemp(up.ID); !ok || !t.staged || t.key != keyHash(up.Key) {
		return &objstore.Error{Kind: objstore.KindNotFound, Err: errNoUpload}
	}
	return nil
}

// compare reads f, which has size bytes, and holds it against digest.
func compare(ctx context.Context, f *os.File, size int64, digest chunk.Digest) error {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	var got chunk.Digest
	for offset := int64(0); offset < size; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := f.ReadAt((*buf)[:min(int64(len(*buf)), size-offset)], offset)
		if n == 0 && err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		got = got.Update((*buf)[:n])
		offset += int64(n)
	}
	if got != digest {
		return &objstore.Error{Kind: objstore.KindCorrupt, Err: fmt.Errorf("CRC32C of the file is %v, wanted was %v", got, digest)}
	}
	return nil
}
