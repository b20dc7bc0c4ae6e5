package deploy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// strayPatience is how long an agent has to end when it is asked to.
	strayPatience = 5 * time.Second
	// strayRounds bounds the search: a script that is ended may just have
	// started an agent.
	strayRounds = 5
)

// endStrays ends what a Terraform that was killed or stopped may have left on
// this machine: agents of this run that it does not know of, the scripts that
// start them, and its providers. Terraform writes a resource into its state when
// that is complete, and runs no destroy provisioner for one whose creation was
// interrupted. It is called when the state is empty.
func (d *Deployment) endStrays(ctx context.Context) error {
	for range strayRounds {
		strays, err := findStrays(d.cfg.Run.Terraform())
		if err != nil || len(strays) == 0 {
			return err
		}
		for _, s := range strays {
			if err := s.end(ctx); err != nil {
				return fmt.Errorf("stop process %d, a leftover of run %s: %w", s.pid, d.cfg.Run.ID, err)
			}
		}
	}
	return fmt.Errorf("processes of run %s are started again and again", d.cfg.Run.ID)
}

// stray is a process, held by a descriptor so that no other can take its place.
type stray struct{ pid, fd int }

// findStrays looks through all processes. Those of other users cannot be looked
// at, and are not ours.
func findStrays(root string) ([]stray, error) {
	root, err := filepath.EvalSymlinks(root)
	if err != nil {
		return nil, err
	}
	names, err := filepath.Glob("/proc/[1-9]*")
	if err != nil {
		return nil, err
	}
	var strays []stray
	for _, dir := range names {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil || pid <= 1 || pid == os.Getpid() || !isStray(dir, root) {
			continue
		}
		fd, err := unix.PidfdOpen(pid, 0)
		if errors.Is(err, unix.ESRCH) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("hold process %d: %w", pid, err)
		}
		// The number may have changed hands before it was held.
		if !isStray(dir, root) {
			unix.Close(fd)
			continue
		}
		strays = append(strays, stray{pid, fd})
	}
	return strays, nil
}

// isStray tells whether the process is an agent with boot data below root, on
// its way to become one, the script that starts one there, or a provider whose
// Terraform was killed there: it serves on for nobody. One that ended has no
// command line any more.
func isStray(dir, root string) bool {
	cmdline, err := os.ReadFile(dir + "/cmdline")
	if err != nil {
		return false
	}
	args := strings.Split(string(bytes.TrimRight(cmdline, "\x00")), "\x00")
	for i, arg := range args {
		if i > 0 && args[i-1] == "--boot" && strings.HasPrefix(arg, filepath.Join(root, "gateways")+"/") {
			return true
		}
	}
	switch {
	case len(args) >= 2 && strings.HasSuffix(args[1], "/local-gateway/scripts/start.sh"):
		return worksIn(dir, root)
	case strings.HasPrefix(filepath.Base(args[0]), "terraform-provider-"):
		return worksIn(dir, root) && !worksIn("/proc/"+parent(dir), root)
	}
	return false
}

// worksIn tells whether the process's directory is root or below.
func worksIn(dir, root string) bool {
	cwd, err := os.Readlink(dir + "/cwd")
	return err == nil && (cwd == root || strings.HasPrefix(cwd, root+"/"))
}

// parent is the id of the process that the process is a child of.
func parent(dir string) string {
	stat, err := os.ReadFile(dir + "/stat")
	_, rest, ok := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if err != nil || !ok || len(fields) < 2 {
		return "1" // it ended
	}
	return fields[1]
}

// end asks the process to end, and makes it.
func (s stray) end(ctx context.Context) error {
	defer unix.Close(s.fd)
	for _, signal := range []unix.Signal{unix.SIGTERM, unix.SIGKILL} {
		if err := unix.PidfdSendSignal(s.fd, signal, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
		ended, err := s.wait(ctx, strayPatience)
		if err != nil || ended {
			return err
		}
	}
	return errors.New("it does not end")
}

func (s stray) wait(ctx context.Context, patience time.Duration) (ended bool, err error) {
	for deadline := time.Now().Add(patience); ; {
		fds := []unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, 100)
		switch {
		case err != nil && !errors.Is(err, unix.EINTR):
			return false, err
		case n > 0:
			return true, nil
		case ctx.Err() != nil:
			return false, ctx.Err()
		case time.Now().After(deadline):
			return false, nil
		}
	}
}
