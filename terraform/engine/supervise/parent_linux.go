package supervise

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// parentWatch knows when the parent process has ended.
type parentWatch struct {
	gone   chan struct{}
	cancel *os.File // its closing wakes the poll
	done   sync.WaitGroup
}

// watchParent watches the process that started this one. A pidfd tells of the
// end of the process, where the kernel's parent death signal tells of the end
// of a thread.
func watchParent(parent int) (*parentWatch, error) {
	w := &parentWatch{gone: make(chan struct{})}
	woken, cancel, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	w.cancel = cancel

	pidfd, err := unix.PidfdOpen(parent, 0)
	// The number may have changed hands before the pidfd was open. It has not
	// if the process of that number is still our parent.
	if err == unix.ESRCH || os.Getppid() != parent {
		if err == nil {
			unix.Close(pidfd)
		}
		close(w.gone)
		return w, woken.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("watch process %d: %w", parent, err)
	}

	w.done.Go(func() {
		defer woken.Close()
		defer unix.Close(pidfd)
		fds := []unix.PollFd{
			{Fd: int32(pidfd), Events: unix.POLLIN},
			{Fd: int32(woken.Fd()), Events: unix.POLLIN},
		}
		for {
			_, err := unix.Poll(fds, -1)
			switch {
			case err == unix.EINTR:
			case fds[0].Revents != 0:
				close(w.gone)
				return
			default: // woken, or poll failed: then the end is not seen
				return
			}
		}
	})
	return w, nil
}

// Gone is closed when the parent has ended.
func (w *parentWatch) Gone() <-chan struct{} { return w.gone }

// Close ends the watch.
func (w *parentWatch) Close() {
	w.cancel.Close()
	w.done.Wait()
}
