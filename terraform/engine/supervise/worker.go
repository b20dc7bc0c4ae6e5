package supervise

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Worker is the record of a Terraform that locks the state. It is kept while it
// runs, and where it was killed: then a lock may be left that is its.
type Worker struct {
	PID   int       `json:"pid"`
	Start uint64    `json:"start"` // in the kernel's ticks: another process of that number has another
	Host  string    `json:"host"`
	Began time.Time `json:"began"` // before it started
	Ended time.Time `json:"ended,omitzero"`
}

// recordName is the pattern of a worker's file, in the directory that Wrap was
// given.
const recordName = ".skyctl-terraform-*.json"

// Workers returns those of this host that are recorded: who was killed, and who
// still runs.
func Workers(dir string) (killed, running []Worker, err error) {
	paths, err := filepath.Glob(filepath.Join(dir, recordName))
	if err != nil {
		return nil, nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, nil, err
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it has just ended
		}
		var w Worker
		if err == nil {
			err = json.Unmarshal(content, &w)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("record of an earlier Terraform: %w", err)
		}
		switch start := startOf(w.PID); {
		case w.Host != host:
		case start == 0 || start != w.Start:
			killed = append(killed, w)
		default:
			running = append(running, w)
		}
	}
	return killed, running, nil
}

// Forget removes records: the locks of those workers are gone.
func Forget(dir string, workers []Worker) error {
	var errs []error
	for _, w := range workers {
		if err := os.Remove(w.path(dir)); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// atOnce is how soon after its start a Terraform locks the state that nobody else
// has locked.
const atOnce = time.Minute

// Locked tells whether the worker made a lock of that moment. Where nobody saw
// its end, because who looked after it was killed too, that is said of its first
// minute only: later another may have locked the state.
func (w Worker) Locked(at time.Time) bool {
	ended := w.Ended
	if ended.IsZero() {
		ended = w.Began.Add(atOnce)
	}
	return !at.Before(w.Began) && !at.After(ended)
}

func (w Worker) path(dir string) string {
	return filepath.Join(dir, strings.ReplaceAll(recordName, "*", fmt.Sprintf("%d-%d", w.PID, w.Start)))
}

// write keeps the record in one step: who reads it reads the whole.
func (w Worker) write(dir string) error {
	content, err := json.Marshal(w)
	if err != nil {
		return err
	}
	path := w.path(dir)
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// startOf is when a process started, 0 if there is none: a zombie has ended.
func startOf(pid int) uint64 {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, fields, _ := strings.Cut(string(stat), ") ") // the name may have anything in it but comes first
	list := strings.Fields(fields)
	if len(list) < 20 || list[0] == "Z" {
		return 0
	}
	start, err := strconv.ParseUint(list[19], 10, 64)
	if err != nil {
		return 0
	}
	return start
}
