package rundir

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNoRuns is returned where a run is wanted and there is none.
var ErrNoRuns = errors.New("there is no run yet; skyctl plan makes one")

// NotFoundError says that no run of this home has the ID.
type NotFoundError struct {
	ID   ID
	Home string
}

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("no run %s in %s; skyctl runs lists them", e.ID, e.Home)
}

// Home is the directory that holds all runs of a user.
type Home struct{ dir string }

// Default finds the home as the environment says. It creates nothing.
func Default() (Home, error) {
	if dir := os.Getenv("SKYCTL_HOME"); dir != "" {
		return At(dir)
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) { // the XDG specification has relative ones ignored
		return At(filepath.Join(dir, "skyctl"))
	}
	user, err := os.UserHomeDir()
	if err != nil {
		return Home{}, fmt.Errorf("find where runs live: %w; set SKYCTL_HOME", err)
	}
	return At(filepath.Join(user, ".local", "state", "skyctl"))
}

// At makes dir the home. It creates nothing.
func At(dir string) (Home, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return Home{}, fmt.Errorf("find where runs live: %w", err)
	}
	return Home{abs}, nil
}

// Dir is the home's absolute path.
func (h Home) Dir() string { return h.dir }

func (h Home) runs() string { return filepath.Join(h.dir, "runs") }

// Create makes the directory of a new run that starts now.
func (h Home) Create(now time.Time) (*Run, error) {
	if err := os.MkdirAll(h.runs(), 0o700); err != nil {
		return nil, fmt.Errorf("make a run: %w", err)
	}
	for {
		id, err := NewID(now)
		if err != nil {
			return nil, err
		}
		run := h.run(id)
		err = os.Mkdir(run.Dir, 0o700)
		if errors.Is(err, fs.ErrExist) {
			continue // as likely as one in 1.7 million, within 52 ms
		}
		if err != nil {
			return nil, fmt.Errorf("make a run: %w", err)
		}
		for _, dir := range []string{run.Terraform(), run.CA(), run.Logs()} {
			if err := os.Mkdir(dir, 0o700); err != nil {
				return nil, errors.Join(fmt.Errorf("make a run: %w", err), os.RemoveAll(run.Dir))
			}
		}
		return run, nil
	}
}

// Open finds the run that a user named. The error is a *NotFoundError if there
// is none of that name.
func (h Home) Open(name string) (*Run, error) {
	id, err := ParseID(name)
	if err != nil {
		return nil, err
	}
	run := h.run(id)
	info, err := os.Stat(run.Dir)
	if errors.Is(err, fs.ErrNotExist) || (err == nil && !info.IsDir()) {
		return nil, &NotFoundError{ID: id, Home: h.dir}
	}
	if err != nil {
		return nil, fmt.Errorf("open run %s: %w", id, err)
	}
	return run, nil
}

// List returns all runs, oldest first. Whatever does not have the name of a
// run is not one.
func (h Home) List() ([]*Run, error) {
	entries, err := os.ReadDir(h.runs())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list runs: %w", err)
	}
	var runs []*Run
	for _, e := range entries {
		if id, err := ParseID(e.Name()); err == nil && e.IsDir() {
			runs = append(runs, h.run(id))
		}
	}
	slices.SortFunc(runs, func(a, b *Run) int { return cmp.Compare(a.ID, b.ID) })
	return runs, nil
}

// Newest returns the run that was planned last, or ErrNoRuns. One that is being
// planned, or whose planning was killed, has no plan.
func (h Home) Newest() (*Run, error) {
	runs, err := h.List()
	if err != nil {
		return nil, err
	}
	for _, run := range slices.Backward(runs) {
		_, err := os.Stat(run.Plan())
		if err == nil {
			return run, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("find the newest run: %w", err)
		}
	}
	return nil, ErrNoRuns
}

// Exclusive runs do while no other process of this home runs one of the same
// name. It waits for its turn.
func (h Home) Exclusive(name string, do func() error) (err error) {
	f, err := os.OpenFile(filepath.Join(h.dir, name+".lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("lock %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }() // which unlocks
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", name, err)
	}
	return do()
}

func (h Home) run(id ID) *Run {
	return &Run{ID: id, Dir: filepath.Join(h.runs(), string(id))}
}
