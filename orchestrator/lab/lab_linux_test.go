package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/skyctl/skyctl/orchestrator/lab/host"
	"github.com/skyctl/skyctl/orchestrator/lab/labfile"
)

// TestMain is the lab's process too, and what runs a command in a lab.
func TestMain(m *testing.M) {
	var err error
	switch {
	case len(os.Args) == 3 && os.Args[1] == "serve":
		err = Serve(context.Background(), os.Args[2])
	case len(os.Args) > 4 && os.Args[1] == "exec":
		var l *Lab
		if l, err = Open(os.Args[2]); err == nil {
			err = l.Exec(os.Args[3], os.Args[4:])
		}
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// file is a lab that no other test on this machine has.
func file(t *testing.T, suffix string) *labfile.Lab {
	t.Helper()
	text := `
name: t` + strconv.Itoa(os.Getpid()) + suffix + `
regions: {east: {}, mid: {no_store: true}, west: {hosts: 2}}
operator: {rtt: 2ms, mbit: 100}
links:
  - {from: east, to: west, rtt: 20ms, mbit: 50}
  - {from: east, to: mid, rtt: 2ms, mbit: 50}
  - {from: mid, to: west, rtt: 2ms, mbit: 50}
`
	lab, err := labfile.Parse("lab.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return lab
}

func up(t *testing.T, file *labfile.Lab) *Lab {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	l, err := Up(t.Context(), file, []string{self, "serve"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// Its process has a race detector if this one has.
		if log, err := os.ReadFile(l.path(logFile)); err == nil && bytes.Contains(log, []byte("DATA RACE")) {
			t.Errorf("%s", log)
		}
		if held, _ := l.held(); held {
			if err := l.Down(context.Background()); err != nil {
				t.Error(err)
			}
		}
	})
	return l
}

// within runs a command in the lab and returns its output.
func within(t *testing.T, l *Lab, region string, args ...string) (string, error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := exec.Command(self, append([]string{"exec", l.Name, region}, args...)...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if stderr.Len() > 0 {
		t.Log(stderr.String())
	}
	return strings.TrimSpace(string(out)), err
}

// nothingIsLeft looks for whatever a lab makes.
func nothingIsLeft(t *testing.T, l *Lab) {
	t.Helper()
	for _, h := range l.Hosts {
		if _, err := os.Stat(host.Path(h.Namespace)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the namespace %s is left (%v)", h.Namespace, err)
		}
	}
	if _, err := os.Stat(l.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory is left (%v)", err)
	}
	if pids := processes(t, l.Dir); len(pids) > 0 {
		t.Errorf("processes are left: %v", pids)
	}
	_, err := os.Stat(fmt.Sprintf("/sys/class/net/skyctl-lab%d", l.Block))
	others, lerr := directories()
	if lerr != nil {
		t.Fatal(lerr)
	}
	taken := slices.ContainsFunc(others, func(o *Lab) bool { return o.Block == l.Block }) // by another program's lab
	if !taken && !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the operator's device is left (%v)", err)
	}
}

// processes lists those whose command line has a word.
func processes(t *testing.T, word string) (pids []int) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err == nil && strings.Contains(string(text), word) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(f)))
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	return pids
}

// reachWithin is for a store that cannot be reached.
const reachWithin = 5 * time.Second

// reach asks a region's store for anything and returns how long it took. It
// answers 403, to whom it does not know.
func reach(l *Lab, region string) (time.Duration, error) {
	client := &http.Client{Timeout: reachWithin, Transport: &http.Transport{DisableKeepAlives: true}}
	for _, h := range l.Hosts {
		if h.Region != region || !h.Store {
			continue
		}
		start := time.Now()
		response, err := client.Get("http://" + h.Listen().String() + "/data")
		if err != nil {
			return 0, err
		}
		return time.Since(start), response.Body.Close()
	}
	return 0, fmt.Errorf("%s has no store", region)
}

func TestUpAndDown(t *testing.T) {
	l := up(t, file(t, "a"))
	if _, err := reach(l, "east"); err != nil {
		t.Errorf("the operator does not reach the store: %v", err)
	}
	if out, err := within(t, l, "west", "ip", "-4", "-o", "addr", "show", "net0"); err != nil || !strings.Contains(out, l.Hosts[3].Address.String()+"/32") {
		t.Errorf("west's first host has %q (%v), want %s", out, err, l.Hosts[3].Address)
	}
	if out, err := within(t, l, "", "sh", "-c", "echo $SKYCTL_CONFIG"); err != nil || out != l.Config() {
		t.Errorf("the operator's SKYCTL_CONFIG is %q (%v)", out, err)
	}
	var exit *exec.ExitError
	if _, err := within(t, l, "mid", "sh", "-c", "exit 7"); !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("the command's exit code became %v", err)
	}
	if _, err := within(t, l, "south", "true"); err == nil {
		t.Error("a command ran in a region that is not there")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Up(t.Context(), file(t, "a"), []string{self, "serve"}); err == nil || !strings.Contains(err.Error(), "is up already") {
		t.Errorf("up a second time: %v", err)
	}
	if err := l.Down(t.Context()); err != nil {
		t.Fatal(err)
	}
	nothingIsLeft(t, l)
	if _, err := Open(l.Name); err == nil {
		t.Error("a lab that is gone can be opened")
	}
}

func TestSetAndStatus(t *testing.T) {
	l := up(t, file(t, "b"))
	mbit, loss, rtt, yes, no := 20.0, 0.25, 300*time.Millisecond, true, false
	for _, c := range []Change{
		{From: "east", To: "west", Mbit: &mbit},
		{From: "west", To: "east", OneWay: true, Loss: &loss},
		{From: labfile.Operator, To: "east", RTT: &rtt},
		{From: "mid", Down: &yes},
	} {
		if err := l.Set(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	s, err := l.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range s.Links {
		ends := k.From + " " + k.To
		if (ends == "east west" || ends == "west east") && k.Mbit != 20 {
			t.Errorf("%s has %v Mbit/s", ends, k.Mbit)
		}
		if want := ends == "west east"; (k.Loss == loss) != want {
			t.Errorf("%s loses %v", ends, k.Loss)
		}
		if want := strings.Contains(ends, "mid"); k.Down != want {
			t.Errorf("%s: down is %t", ends, k.Down)
		}
	}
	// A connection and an answer are two round trips. What else this machine does
	// may make it more.
	for try := range 6 {
		took, err := reach(l, "east")
		if err != nil || took < 2*rtt || took > 4*rtt && try == 5 {
			t.Errorf("the store at a round trip of %v answers in %v (%v)", rtt, took, err)
		}
		if took <= 4*rtt {
			break
		}
	}
	if err := l.Set(t.Context(), Change{From: labfile.Operator, To: "west", Down: &yes}); err != nil {
		t.Fatal(err)
	}
	if _, err := reach(l, "west"); err == nil {
		t.Error("a store behind a link that is down answers")
	}
	if err := l.Set(t.Context(), Change{From: labfile.Operator, To: "west", Down: &no}); err != nil {
		t.Fatal(err)
	}
	if _, err := reach(l, "west"); err != nil {
		t.Errorf("a store behind a link that is up again does not answer: %v", err)
	}
	for _, c := range []Change{{From: "east", To: "south"}, {From: "east", To: "east"}, {From: "east", To: "west", Loss: new(float64(1))}} {
		if err := l.Set(t.Context(), c); err == nil || strings.Contains(err.Error(), "\n\n") {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// A lab whose process is killed leaves names and a directory, and processes that
// others started on its hosts. The next up takes them away.
func TestKilled(t *testing.T) {
	l := up(t, file(t, "c"))
	stray := exec.Command("ip", "netns", "exec", l.Hosts[0].Namespace, "sleep", "3600")
	if err := stray.Start(); err != nil {
		t.Fatal(err)
	}
	strayed := make(chan error, 1)
	go func() { strayed <- stray.Wait() }()
	for _, pid := range processes(t, "serve\x00"+l.Name) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := eventually(ctx, func() (bool, error) { held, err := l.held(); return !held, err }); err != nil {
		t.Fatalf("the lock outlives the process: %v", err)
	}
	if err := eventually(ctx, func() (bool, error) { return len(processes(t, l.Dir)) == 0, nil }); err != nil {
		t.Fatalf("the stores outlive the process: %v", err)
	}
	if _, err := os.Stat(host.Path(l.Hosts[0].Namespace)); err != nil {
		t.Fatalf("nothing was left, the test shows nothing: %v", err)
	}
	again := up(t, file(t, "c"))
	select {
	case <-strayed:
	case <-ctx.Done():
		t.Error("a process on a host of the lab that died lives on")
	}
	if _, err := reach(again, "east"); err != nil {
		t.Error(err)
	}
	if err := again.Down(t.Context()); err != nil {
		t.Fatal(err)
	}
	nothingIsLeft(t, again)
}

func TestTwoLabs(t *testing.T) {
	one, other := up(t, file(t, "d")), up(t, file(t, "e"))
	if one.Block == other.Block {
		t.Errorf("both labs have the addresses of block %d", one.Block)
	}
	if _, err := Open(""); err == nil || !strings.Contains(err.Error(), "--lab") {
		t.Errorf("two labs are up, and which is meant was not asked: %v", err)
	}
	for _, l := range []*Lab{one, other} {
		if _, err := reach(l, "west"); err != nil {
			t.Error(err)
		}
	}
}

func TestUpThatFailsLeavesNothing(t *testing.T) {
	f := file(t, "f")
	l := &Lab{Dir: filepath.Join(root, f.Name), Info: Info{Name: f.Name, Block: labfile.Blocks}} // no device has that
	if _, err := Up(t.Context(), f, []string{"/bin/false"}); err == nil || !strings.Contains(err.Error(), "did not start") {
		t.Errorf("%v", err)
	}
	nothingIsLeft(t, l)
}
