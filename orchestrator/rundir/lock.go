package rundir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// LockedError says that another process works on the run.
type LockedError struct {
	ID  ID
	PID string // of the holder; empty before it has said so, or where it could not
}

func (e *LockedError) Error() string {
	who := "another skyctl"
	if e.PID != "" {
		who += " (process " + e.PID + ")"
	}
	return fmt.Sprintf("run %s is being worked on by %s; wait for it or stop it", e.ID, who)
}

// Lock is the right to change a run. It ends with Unlock or with the process,
// however that ends.
type Lock struct{ file *os.File }

// Lock takes the run's lock without waiting for its holder. The error is a *LockedError if
// another process, or another holder in this one, has it.
//
// The lock is an flock: the kernel drops it when the process dies, so nothing
// stale is ever left, and children do not inherit it, so a Terraform that
// outlives skyctl does not keep the run from being resumed.
func (r *Run) Lock() (*Lock, error) {
	f, err := os.OpenFile(filepath.Join(r.Dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock run %s: %w", r.ID, err)
	}
	if err := take(f); err != nil {
		pid, readErr := os.ReadFile(f.Name())
		closeErr := f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, errors.Join(&LockedError{ID: r.ID, PID: strings.TrimSpace(string(pid))}, readErr, closeErr)
		}
		return nil, errors.Join(fmt.Errorf("lock run %s: %w", r.ID, err), closeErr)
	}
	// Who has the lock is only for people to know: on a full disk, too, gateways
	// have to be destroyed.
	_ = announce(f)
	return &Lock{f}, nil
}

// Whoever looks at the lock has it for an instant. That is no reason to be
// turned away.
const (
	glances = 5
	glance  = 10 * time.Millisecond
)

// take locks the file; unix.EWOULDBLOCK if it is locked.
func take(f *os.File) (err error) {
	for range glances {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return err
		}
		time.Sleep(glance)
	}
	return err
}

// Held tells whether somebody has the run's lock.
func (r *Run) Held() (held bool, err error) {
	f, err := os.Open(filepath.Join(r.Dir, "lock"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look at the lock of run %s: %w", r.ID, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	err = unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("look at the lock of run %s: %w", r.ID, err)
	}
	return false, nil
}

// announce writes the holder's process id for whoever is turned away.
func announce(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := fmt.Fprintf(f, "%d\n", os.Getpid())
	return err
}

// Unlock gives the lock back. The file stays: removing it would let two
// processes hold locks on two files of the same name.
func (l *Lock) Unlock() error { return errors.Join(l.file.Truncate(0), l.file.Close()) }
