package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// slowRoot creates one resource at once, and then another that says so on the
// FIFO `started`, with Terraform's process id, and never ends.
const slowRoot = `
resource "terraform_data" "quick" {
  input = "quick"
}

resource "terraform_data" "slow" {
  depends_on = [terraform_data.quick]

  provisioner "local-exec" {
    interpreter = ["/bin/sh", "-c"]
    command     = "echo $PPID >started; read -r line <never"
  }
}

resource "terraform_data" "later" {
  depends_on = [terraform_data.slow]
}
`

// slow writes slowRoot and returns a function that waits until Terraform is in
// the middle of it and returns its process id.
func slow(t *testing.T) (dir string, started func() int) {
	dir = writeRoot(t, map[string]string{"main.tf": slowRoot})
	for _, name := range []string{"started", "never"} {
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, func() int {
		content, err := os.ReadFile(filepath.Join(dir, "started"))
		if err != nil {
			t.Fatal(err)
		}
		var pid int
		if _, err := fmt.Sscan(string(content), &pid); err != nil {
			t.Fatalf("%q: %v", content, err)
		}
		return pid
	}
}

// checkInterrupted asserts that Terraform wrote what it had done, started
// nothing more, holds no lock, and left no plan.
func checkInterrupted(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{".terraform.tfstate.lock.info", planFile} {
		if _, err := os.Stat(filepath.Join(dir, name)); !os.IsNotExist(err) {
			t.Errorf("%s is left: %v", name, err)
		}
	}
	e, _ := newEngine(t, dir)
	list, err := e.StateList(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(list, " "); got != "terraform_data.quick terraform_data.slow" {
		t.Errorf("the state has %q", got)
	}
	state, err := e.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range state.Values.RootModule.Resources {
		if r.Tainted != (r.Name == "slow") {
			t.Errorf("%s: tainted is %t", r.Address, r.Tainted)
		}
	}
	if err := e.Destroy(t.Context()); err != nil {
		t.Errorf("destroy: %v", err)
	}
}

func TestCancelIsGraceful(t *testing.T) {
	dir, started := slow(t)
	e, _ := newEngine(t, dir)
	plan, err := e.Plan(t.Context(), PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	applied := make(chan error, 1)
	go func() { applied <- e.Apply(ctx, plan) }()
	started()
	cancel()
	if err := <-applied; !errors.Is(err, context.Canceled) {
		t.Errorf("apply ended with %v", err)
	}
	checkInterrupted(t, dir)
}

// TestTerraformSurvivesItsParent kills the program in the middle of an apply,
// as kill -9, an OOM killer or a closed laptop would.
func TestTerraformSurvivesItsParent(t *testing.T) {
	dir, started := slow(t)
	program := exec.Command(os.Args[0])
	program.Env = append(os.Environ(), roleEnv+"=apply", roleDirEnv+"="+dir, rolePath+"="+terraformPath)
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	terraform := started()
	supervisor := parentOf(t, terraform)
	if grandparent := parentOf(t, supervisor); grandparent != program.Process.Pid {
		t.Fatalf("Terraform is started by %d and that by %d, not by %d", supervisor, grandparent, program.Process.Pid)
	}
	if session, err := unix.Getsid(terraform); err != nil || session != terraform {
		t.Errorf("Terraform is in session %d, %v", session, err)
	}
	supervised := pidfd(t, supervisor)
	worked := pidfd(t, terraform)

	if err := program.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := program.Wait(); err == nil {
		t.Error("the program ended well before it was killed")
	}
	waitPidfd(t, worked)
	waitPidfd(t, supervised)
	checkInterrupted(t, dir)
}

func parentOf(t *testing.T, pid int) int {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, fields, _ := strings.Cut(string(stat), ") ")
	var state string
	var parent int
	if _, err := fmt.Sscan(fields, &state, &parent); err != nil {
		t.Fatal(err)
	}
	return parent
}

// pidfd refers to a process that is nobody's child here.
func pidfd(t *testing.T, pid int) int {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// waitPidfd returns when the process has ended.
func waitPidfd(t *testing.T, fd int) {
	t.Helper()
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 60_000)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			t.Fatalf("the process does not end: %v", err)
		}
		return
	}
}

// TestCancelWhileTerraformStarts cancels at many moments from before the
// process is there until it has begun to work: the answer is always the
// cancellation, or success.
func TestCancelWhileTerraformStarts(t *testing.T) {
	dir := writeRoot(t, map[string]string{"main.tf": ""})
	e, _ := newEngine(t, dir)
	for i := range 80 {
		ctx, cancel := context.WithCancel(t.Context())
		timer := time.AfterFunc(time.Duration(i)*250*time.Microsecond, cancel)
		if err := e.Init(ctx); err != nil && (!errors.Is(err, context.Canceled) || err.Error() == "") {
			t.Errorf("init ended with %v", err)
		}
		timer.Stop()
		cancel()
	}
}
