package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/skyctl/skyctl/agent/objstore"
)

var (
	errNotRegular = errors.New("not a regular file")
	errNoUpload   = errors.New("the upload does not exist, or no longer")
	errReplaced   = errors.New("the file is not the version that was asked for")
)

func (b *bucket) fail(op, key string, kind objstore.Kind, err error) error {
	return &objstore.Error{Op: op, Bucket: b.dir, Key: key, Kind: kind, Err: err}
}

// failRead wraps the error of an operation on something that must exist. A
// path through a regular file leads to nothing.
func (b *bucket) failRead(op, key string, err error) error {
	if errors.Is(err, syscall.ENOTDIR) {
		return b.fail(op, key, objstore.KindNotFound, cause(err))
	}
	return b.failWrite(op, key, err)
}

// failWrite wraps the error of an operation that creates.
func (b *bucket) failWrite(op, key string, err error) error {
	if err == nil {
		return nil
	}
	var known *objstore.Error
	if errors.As(err, &known) {
		return b.fail(op, key, known.Kind, known.Err)
	}
	return b.fail(op, key, kindOf(err), inTheWay(cause(err)))
}

// inTheWay says what it means that there is a file or a directory already: in a
// store one key can be the beginning of another's path, here it cannot.
func inTheWay(err error) error {
	switch {
	case errors.Is(err, syscall.EEXIST), errors.Is(err, syscall.EISDIR):
		return fmt.Errorf("%w: a directory has that name, with files of other keys below it", err)
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%w: a file of another key has the name of a directory that this one needs", err)
	}
	return err
}

// cause strips the path that os puts around an error: the key says it already,
// and a temporary's name would only confuse.
func cause(err error) error {
	switch err := err.(type) {
	case *fs.PathError:
		return err.Err
	case *os.LinkError:
		return err.Err
	}
	return err
}

// kindOf classifies what the operating system says.
func kindOf(err error) objstore.Kind {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return objstore.KindTransient
	case errors.Is(err, errNotRegular), cause(err).Error() == "path escapes from parent": // os does not export this error
		return objstore.KindInvalid
	}
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return objstore.KindUnknown
	}
	switch errno {
	case syscall.ENOENT:
		return objstore.KindNotFound
	case syscall.EACCES, syscall.EPERM, syscall.EROFS:
		return objstore.KindPermission
	case syscall.ENOSPC, syscall.EDQUOT:
		return objstore.KindQuota
	case syscall.EISDIR, syscall.ENOTDIR, syscall.EEXIST, syscall.ENAMETOOLONG, syscall.ELOOP, syscall.EINVAL, syscall.EILSEQ, syscall.EFBIG:
		return objstore.KindInvalid
	case syscall.EIO, syscall.EAGAIN, syscall.ESTALE, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EBUSY:
		return objstore.KindTransient
	}
	return objstore.KindUnknown
}
