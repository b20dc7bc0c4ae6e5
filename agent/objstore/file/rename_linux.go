package file

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// renameNew renames within a directory, to a name that nothing has: fs.ErrExist
// if something does, errors.ErrUnsupported if the filesystem cannot tell.
func renameNew(dir *os.File, from, to string) error {
	fd := int(dir.Fd())
	err := unix.Renameat2(fd, from, fd, to, unix.RENAME_NOREPLACE)
	if err == unix.EINVAL || err == unix.ENOSYS {
		return errors.ErrUnsupported
	}
	if err != nil {
		return &os.LinkError{Op: "renameat2", Old: from, New: to, Err: err}
	}
	return nil
}
