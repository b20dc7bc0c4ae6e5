package file

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncData makes what was written into a file of fixed size durable. Unlike
// fsync it leaves the modification time for later, which spares a commit of
// the filesystem's journal for each part.
func syncData(f *os.File) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var syncErr error
	err = conn.Control(func(fd uintptr) {
		for {
			if syncErr = unix.Fdatasync(int(fd)); syncErr != unix.EINTR {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	return os.NewSyscallError("fdatasync", syncErr)
}
