package rundir

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const holderDir = "RUNDIR_TEST_HOLDER"

// held is what the other process holds: a variable of the package, or the lock
// would end with its garbage collection.
var held *Lock

// TestMain is also the other process of TestOneHolder.
func TestMain(m *testing.M) {
	if dir := os.Getenv(holderDir); dir != "" {
		var err error
		if held, err = (&Run{ID: "x", Dir: dir}).Lock(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println("locked")
		_, err = io.Copy(io.Discard, os.Stdin) // the test never closes it, but kills
		fmt.Fprintln(os.Stderr, "not killed:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func home(t *testing.T) Home {
	t.Helper()
	h, err := At(filepath.Join(t.TempDir(), "state"))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestIDsFitAndSort(t *testing.T) {
	var ids []ID
	for _, at := range []string{
		"2026-01-01T00:00:00Z", "2026-01-01T00:00:00.06Z", "2026-01-01T12:00:00Z",
		"2026-01-01T23:59:59.999999999Z", "2026-01-02T02:00:00+02:00", "2026-11-22T12:00:00Z", "2027-01-01T00:00:00Z",
	} {
		now, err := time.Parse(time.RFC3339Nano, at)
		if err != nil {
			t.Fatal(err)
		}
		id, err := NewID(now)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseID(string(id)); err != nil || len(id) != 15 {
			t.Errorf("%s: %q, %v", at, id, err)
		}
		ids = append(ids, id)
	}
	if !slices.IsSorted(ids) {
		t.Errorf("not sorted by time: %q", ids)
	}
	if s := string(ids[5]); !strings.HasPrefix(s, "261122-i000") {
		t.Errorf("noon is %s", s)
	}
}

func TestParseIDRefusesWhatIsNoName(t *testing.T) {
	for _, s := range []string{"", ".", "..", "../261122-g3kd4f9q", "261122-g3kd4f9", "261122-G3KD4F9Q", "261122-g3kd4f9q/", "261122-g3kd4f9q\n"} {
		if id, err := ParseID(s); err == nil {
			t.Errorf("%q is accepted as %q", s, id)
		}
	}
}

func TestDefaultFollowsTheEnvironment(t *testing.T) {
	for _, c := range []struct{ home, xdg, want string }{
		{"/a/b", "/x", "/a/b"},
		{"", "/x", "/x/skyctl"},
		{"", "", "/u/.local/state/skyctl"},
		{"", "relative", "/u/.local/state/skyctl"},
	} {
		t.Setenv("SKYCTL_HOME", c.home)
		t.Setenv("XDG_STATE_HOME", c.xdg)
		t.Setenv("HOME", "/u")
		h, err := Default()
		if err != nil || h.Dir() != c.want {
			t.Errorf("%+v: %q, %v", c, h.Dir(), err)
		}
	}
}

func TestCreateOpenList(t *testing.T) {
	h := home(t)
	if _, err := h.Newest(); !errors.Is(err, ErrNoRuns) {
		t.Errorf("no runs: %v", err)
	}
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	var made []ID
	for i := range 3 {
		r, err := h.Create(now.Add(time.Duration(i) * time.Second))
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, r.ID)
		for _, dir := range []string{r.Dir, r.Terraform(), r.CA(), r.Logs()} {
			if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 || !info.IsDir() {
				t.Errorf("%s: %v, %v", dir, info, err)
			}
		}
		opened, err := h.Open(string(r.ID))
		if err != nil || !reflect.DeepEqual(opened, r) {
			t.Errorf("%+v, %v", opened, err)
		}
	}
	// What is not a run is not listed.
	if err := os.Mkdir(filepath.Join(h.runs(), "lost+found"), 0o700); err != nil {
		t.Fatal(err)
	}
	file := "261122-zzzzzzzz"
	if err := os.WriteFile(filepath.Join(h.runs(), file), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	runs, err := h.List()
	if err != nil || len(runs) != 3 {
		t.Fatalf("%v, %v", runs, err)
	}
	for i, r := range runs {
		if r.ID != made[i] {
			t.Errorf("run %d is %s, want %s", i, r.ID, made[i])
		}
	}
	if _, err := h.Newest(); !errors.Is(err, ErrNoRuns) {
		t.Errorf("runs without a plan: %v", err)
	}
	for _, id := range made[:2] { // the third is being planned
		if err := WriteJSON(h.run(id).Plan(), "plan"); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := h.Newest(); err != nil || r.ID != made[1] {
		t.Errorf("newest %v, %v", r, err)
	}
	for _, name := range []string{"261122-00000000", file} {
		var missing *NotFoundError
		if _, err := h.Open(name); !errors.As(err, &missing) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := h.Open("../x"); err == nil {
		t.Error("a path is opened as a run")
	}
}

func TestOneHolder(t *testing.T) {
	r, err := home(t).Create(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), holderDir+"="+r.Dir)
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	pid := strconv.Itoa(cmd.Process.Pid)
	var locked *LockedError
	if _, err := r.Lock(); !errors.As(err, &locked) || locked.PID != pid || !strings.Contains(err.Error(), pid) {
		t.Errorf("%v, want the pid %s", err, pid)
	}
	if held, err := r.Held(); err != nil || !held {
		t.Errorf("held: %t, %v", held, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the holder ended by itself")
	}
	mine, err := r.Lock()
	if err != nil {
		t.Fatalf("a dead holder still holds: %v", err)
	}
	if _, err := r.Lock(); !errors.As(err, &locked) || locked.PID != strconv.Itoa(os.Getpid()) {
		t.Errorf("locked twice in one process: %v", err)
	}
	if err := mine.Unlock(); err != nil {
		t.Fatal(err)
	}
	if held, err := r.Held(); err != nil || held {
		t.Errorf("held: %t, %v", held, err)
	}
	again, err := r.Lock()
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Unlock(); err != nil {
		t.Fatal(err)
	}
}

// TestLockOnAFullDisk: what a run has rented has to be given back also then.
func TestLockOnAFullDisk(t *testing.T) {
	r, err := home(t).Create(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/full", filepath.Join(r.Dir, "lock")); err != nil {
		t.Fatal(err)
	}
	lock, err := r.Lock()
	if err != nil {
		t.Fatal(err)
	}
	if err := lock.file.Close(); err != nil {
		t.Error(err)
	}
}

// TestALookTakesNoLock: asking whether a run is held turns nobody away.
func TestALookTakesNoLock(t *testing.T) {
	r, err := home(t).Create(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if held, err := r.Held(); err != nil || held {
		t.Errorf("held: %t, %v", held, err)
	}
	var looking sync.WaitGroup
	end := make(chan struct{})
	looking.Go(func() {
		for {
			select {
			case <-end:
				return
			default:
			}
			if _, err := r.Held(); err != nil {
				t.Error(err)
			}
		}
	})
	for range 1000 {
		lock, err := r.Lock()
		if err == nil {
			err = lock.Unlock()
		}
		if err != nil {
			t.Error(err)
			break
		}
	}
	close(end)
	looking.Wait()
}

func TestWriteJSONReplacesWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plan.json")
	for _, v := range []map[string]string{{"a": strings.Repeat("long", 1000)}, {"b": "short"}} {
		if err := WriteJSON(path, v); err != nil {
			t.Fatal(err)
		}
		var got map[string]string
		if err := ReadJSON(path, &got); err != nil || !reflect.DeepEqual(got, v) {
			t.Errorf("%v, %v", got, err)
		}
	}
	if err := WriteJSON(path, func() {}); err == nil {
		t.Error("a function is written as JSON")
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("left beside the file: %v, %v", entries, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if err := WriteJSON(filepath.Join(path, "x"), 1); err == nil {
		t.Error("a file below a file is written")
	}
	var v any
	if err := ReadJSON(path+"x", &v); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
