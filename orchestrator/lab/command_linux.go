package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/skyctl/skyctl/orchestrator/lab/host"
)

// Exec replaces this process by a command on the first host of a region or, where
// region is empty, beside the regions, as the operator. The command finds the
// lab's skyctl.yaml by SKYCTL_CONFIG, this lab among others by SKYCTL_LAB, and rclone the stores by RCLONE_CONFIG. It
// returns only if that cannot be done.
func (l *Lab) Exec(region string, args []string) error {
	namespace, err := l.namespace(region)
	if err != nil {
		return err
	}
	path, err := exec.LookPath(args[0])
	if err != nil {
		return fmt.Errorf("%s cannot be run: %w", args[0], err)
	}
	// The kernel ends all other threads; this one, and the namespace that it is
	// in, become the command's.
	runtime.LockOSThread()
	if namespace != "" {
		ns, err := netns.GetFromPath(host.Path(namespace))
		if err == nil {
			err = errors.Join(netns.Set(ns), ns.Close())
		}
		if err != nil {
			return fmt.Errorf("network namespace %s cannot be entered: %w", namespace, err)
		}
	}
	env := append(os.Environ(), "SKYCTL_CONFIG="+l.Config(), "SKYCTL_LAB="+l.Name, "RCLONE_CONFIG="+l.RcloneConfig())
	return fmt.Errorf("%s cannot be run: %w", args[0], unix.Exec(path, args, env))
}

// namespace is that of a region's first host; empty for the operator.
func (l *Lab) namespace(region string) (string, error) {
	if region == "" {
		return "", nil
	}
	for _, h := range l.Hosts {
		if h.Region == region && !h.Store {
			return h.Namespace, nil
		}
	}
	return "", fmt.Errorf("the lab %s has no region %s", l.Name, region)
}
