package lab

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/skyctl/skyctl/orchestrator/lab/labfile"
	"github.com/skyctl/skyctl/orchestrator/rundir"
)

// server is the S3 server of a region, as the Makefile installs it.
const server = "versitygw@v1.8.0"

// Supported tells why there can be no lab here, or nil.
func Supported() error {
	if os.Geteuid() != 0 {
		return errors.New("a lab makes network namespaces and needs root: use sudo")
	}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		return fmt.Errorf("a lab needs TUN devices: %w; load the kernel's module tun", err)
	}
	return nil
}

// Up makes a lab and returns when it works. self are the program and arguments
// that are to call Serve; the name of the lab is appended. What labs that died
// left behind is removed first.
func Up(ctx context.Context, file *labfile.Lab, self []string) (l *Lab, err error) {
	if err := Supported(); err != nil {
		return nil, err
	}
	program, err := findServer()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, fmt.Errorf("the lab's directory cannot be made: %w", err)
	}
	// One at a time looks for what is free and what is left.
	one, err := lock(filepath.Join(root, lockFile), true)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, one.Close()) }()
	block, err := sweep(file.Name)
	if err != nil {
		return nil, err
	}
	l = &Lab{Dir: filepath.Join(root, file.Name), Info: Info{
		Name: file.Name, Block: block, Hosts: file.Hosts(block), Server: program,
		Credentials: labfile.Credentials{AccessKey: "lab", SecretKey: rand.Text()},
	}}
	held, err := l.write(file)
	if err != nil {
		return nil, err
	}
	if err = l.launch(ctx, self, held); err != nil {
		return nil, errors.Join(err, l.clean())
	}
	return l, nil
}

// findServer finds the S3 server's program.
func findServer() (string, error) {
	dir := os.Getenv("SKYCTL_TOOLS")
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(cache, "skyctl", "tools")
	}
	path := filepath.Join(dir, server)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("the lab's S3 server is missing (%w): run make tools, or name the directory that has it in SKYCTL_TOOLS", err)
	}
	return path, nil
}

// sweep removes labs whose process is dead and returns a free block of
// addresses. The caller has the lock on all labs.
func sweep(name string) (block int, err error) {
	all, err := directories()
	if err != nil {
		return 0, err
	}
	taken := map[int]bool{}
	for _, l := range all {
		held, err := l.held()
		switch {
		case err != nil:
			return 0, err
		case held && l.Name == name:
			return 0, fmt.Errorf("the lab %s is up already; skyctl lab down ends it", name)
		case held:
			taken[l.Block] = true
			continue
		}
		if err := l.clean(); err != nil {
			return 0, err
		}
	}
	for taken[block] {
		block++
	}
	if block == labfile.Blocks {
		return 0, fmt.Errorf("%d labs are up, there are no addresses for another; skyctl lab down ends one", block)
	}
	return block, nil
}

// write makes the lab's directory and returns the lock on it.
func (l *Lab) write(file *labfile.Lab) (*os.File, error) {
	if err := os.Mkdir(l.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("the lab's directory cannot be made: %w", err)
	}
	held, err := lock(l.path(lockFile), false)
	if err != nil {
		return nil, err
	}
	err = rundir.WriteJSON(l.path(infoFile), l.Info)
	for name, text := range map[string][]byte{
		labFile:    file.Text,
		configFile: file.SkyctlConfig(l.Block, l.Credentials),
		rcloneFile: file.RcloneConfig(l.Block, l.Credentials),
	} {
		if err == nil {
			err = os.WriteFile(l.path(name), text, 0o600)
		}
	}
	for _, h := range l.Hosts {
		if err == nil && h.Store {
			err = os.MkdirAll(filepath.Join(l.StoreDir(h.Region), labfile.Bucket), 0o755)
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the lab's directory cannot be written: %w", err), held.Close(), l.clean())
	}
	return held, nil
}

// Descriptors that the lab's process inherits.
const (
	readyFD = 3 // it says there how its start went: "ready", or an error
	lockFD  = 4 // the lock on its directory, which ends with it
)

// launch starts the lab's process, in a session of its own, and waits until it
// works. It takes the lock over.
func (l *Lab) launch(ctx context.Context, self []string, held *os.File) (err error) {
	defer func() { err = errors.Join(err, held.Close()) }()
	log, err := os.Create(l.path(logFile))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()

	cmd := exec.Command(self[0], append(self[1:len(self):len(self)], l.Name)...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, "/"
	cmd.ExtraFiles = []*os.File{w, held}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = errors.Join(cmd.Start(), w.Close())
	if err != nil {
		return fmt.Errorf("the lab's process cannot be started: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() }) // then the pipe ends
	said, err := io.ReadAll(r)
	if !stop() {
		return errors.Join(context.Cause(ctx), cmd.Wait())
	}
	if err == nil && string(said) == ready {
		return cmd.Process.Release()
	}
	why := strings.TrimSpace(string(said))
	if why == "" {
		tail, readErr := os.ReadFile(log.Name())
		why = errors.Join(err, readErr, fmt.Errorf("its process ended: %s", bytes.TrimSpace(tail))).Error()
	}
	_ = cmd.Wait() // it has said why it failed
	return fmt.Errorf("the lab did not start: %s", why)
}
