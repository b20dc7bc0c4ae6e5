package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/skyctl/skyctl/orchestrator/lab/labfile"
	"github.com/skyctl/skyctl/orchestrator/rundir"
)

// root is where labs are. They are the machine's, not a user's: namespaces and
// addresses are too.
const root = "/var/lib/skyctl/lab"

// Info is what a lab is, written before anything of it is made, so that what is
// left of it can always be found.
type Info struct {
	Name        string              `json:"name"`
	Block       int                 `json:"block"` // of addresses
	Hosts       []labfile.Host      `json:"hosts"`
	Credentials labfile.Credentials `json:"credentials"`
	Server      string              `json:"server"` // path of the S3 server's program
}

// Files of a lab's directory.
const (
	infoFile   = "lab.json"
	labFile    = "lab.yaml"
	configFile = "skyctl.yaml"
	rcloneFile = "rclone.conf"
	lockFile   = "lock"
	logFile    = "log"
	storesDir  = "stores"
)

func (l *Lab) path(elements ...string) string {
	return filepath.Join(append([]string{l.Dir}, elements...)...)
}

// Config is the path of the skyctl.yaml that describes the lab.
func (l *Lab) Config() string { return l.path(configFile) }

// RcloneConfig is the path of an rclone.conf with the lab's stores.
func (l *Lab) RcloneConfig() string { return l.path(rcloneFile) }

// StoreDir is the directory behind a region's store; a bucket is a directory in
// it, an object is a file.
func (l *Lab) StoreDir(region string) string { return l.path(storesDir, region) }

// Open finds a lab that is up: the one of that name, or without a name the only
// one.
func Open(name string) (*Lab, error) {
	if err := Supported(); err != nil {
		return nil, err
	}
	all, err := directories()
	if err != nil {
		return nil, err
	}
	var up []*Lab
	for _, l := range all {
		held, err := l.held()
		if err != nil {
			return nil, err
		}
		if held && (name == "" || l.Name == name) {
			up = append(up, l)
		}
	}
	switch {
	case len(up) == 1:
		return up[0], nil
	case len(up) > 1:
		return nil, fmt.Errorf("several labs are up: %s; say which with --lab", names(up))
	case name != "":
		return nil, fmt.Errorf("no lab %s is up; skyctl lab up FILE makes one", name)
	}
	return nil, errors.New("no lab is up; skyctl lab up FILE makes one")
}

func names(labs []*Lab) string {
	var list []string
	for _, l := range labs {
		list = append(list, l.Name)
	}
	return strings.Join(list, ", ")
}

// directories lists all labs that have a directory. One that has no info yet is
// being made, or was never more than a directory, and has no hosts.
func directories() ([]*Lab, error) {
	entries, err := os.ReadDir(root)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("labs cannot be listed: %w", err)
	}
	var all []*Lab
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		l := &Lab{Dir: filepath.Join(root, e.Name())}
		err := rundir.ReadJSON(l.path(infoFile), &l.Info)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		l.Name = e.Name()
		all = append(all, l)
	}
	return all, nil
}

// held tells whether the lab's process lives.
func (l *Lab) held() (bool, error) {
	f, err := lock(l.path(lockFile), false)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return false, f.Close()
}

// lock locks a file until it is closed, or its process and all that inherited it
// have ended. Without wait the error is EWOULDBLOCK if another has it.
func lock(path string, wait bool) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the lab cannot be locked: %w", err)
	}
	how := syscall.LOCK_EX
	if !wait {
		how |= syscall.LOCK_NB
	}
	for {
		err = syscall.Flock(int(f.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the lab cannot be locked: %w", err), f.Close())
	}
	return f, nil
}
