package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/skyctl/skyctl/orchestrator/lab/host"
)

// patience is how long the lab's process, or those on its hosts, may take to end.
const patience = 20 * time.Second

// poll is how often to look for what nothing can be waited on.
const poll = 20 * time.Millisecond

// Down ends a lab and removes all of it: the processes on its hosts, whoever
// started them, its namespaces, its stores and its directory.
func (l *Lab) Down(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := l.end(ctx); err != nil {
		// It may have died in this moment; then the lock tells.
		if held, heldErr := l.held(); held || heldErr != nil {
			return errors.Join(err, heldErr)
		}
	}
	if err := eventually(ctx, func() (bool, error) { held, err := l.held(); return !held, err }); err != nil {
		return fmt.Errorf("the lab's process does not end: %w", err)
	}
	return l.clean()
}

// clean removes what is left of a lab whose process is dead.
func (l *Lab) clean() error {
	for _, h := range l.Hosts {
		if err := depopulate(h.Namespace); err != nil {
			return err
		}
		if err := host.Remove(h.Namespace); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(l.Dir); err != nil {
		return fmt.Errorf("the lab's directory cannot be removed: %w", err)
	}
	return nil
}

// depopulate kills the processes in a namespace and waits until there are none.
func depopulate(namespace string) error {
	var at unix.Stat_t
	err := unix.Stat(host.Path(namespace), &at)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("network namespace %s: %w", namespace, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err = eventually(ctx, func() (bool, error) {
		inhabitants, err := inhabitants(at)
		for _, pid := range inhabitants {
			if err := unix.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
				return false, err
			}
		}
		return len(inhabitants) == 0, err
	})
	if err != nil {
		return fmt.Errorf("processes in network namespace %s do not end: %w", namespace, err)
	}
	return nil
}

// inhabitants lists the processes that are in a namespace. A process without a
// namespace is dead and waits for its parent.
func inhabitants(at unix.Stat_t) ([]int, error) {
	paths, err := filepath.Glob("/proc/[0-9]*/ns/net")
	var pids []int
	for _, path := range paths {
		var ns unix.Stat_t
		if unix.Stat(path, &ns) != nil || ns.Ino != at.Ino || ns.Dev != at.Dev {
			continue // it has gone, or is elsewhere
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		if err != nil {
			return nil, err
		}
		pids = append(pids, pid)
	}
	return pids, err
}

// eventually polls until done.
func eventually(ctx context.Context, done func() (bool, error)) error {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
