package supervise

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	Main()
	os.Exit(m.Run())
}

// supervised returns the command that runs script in place of Terraform, under
// supervision of this process.
func supervised(t *testing.T, script, remove string) *exec.Cmd {
	t.Helper()
	path := filepath.Join(t.TempDir(), "terraform")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	command, err := Wrap(path, remove, "")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(command.Path, "apply", "a b")
	cmd.Env = os.Environ()
	for name, value := range command.Env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

func TestTransparent(t *testing.T) {
	plan := filepath.Join(t.TempDir(), "plan")
	if err := os.WriteFile(plan, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := supervised(t, `read -r line; echo "$line $# $2"; env | grep SKYCTL_SUPERVISE; echo oops >&2; exit 7`, plan)
	cmd.Stdin = strings.NewReader("in\n")
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != 7 {
		t.Errorf("exit code is %d (%v), want 7", cmd.ProcessState.ExitCode(), err)
	}
	if stdout.String() != "in 2 a b\n" || stderr.String() != "oops\n" {
		t.Errorf("outputs are %q and %q", stdout.String(), stderr.String())
	}
	if _, err := os.Stat(plan); !os.IsNotExist(err) {
		t.Errorf("the plan is left: %v", err)
	}
}

func TestExitCodes(t *testing.T) {
	for script, want := range map[string]int{"exit 0": 0, "kill -TERM $$": 128 + int(syscall.SIGTERM)} {
		cmd := supervised(t, script, "")
		err := cmd.Run()
		if cmd.ProcessState.ExitCode() != want {
			t.Errorf("%s: exit code is %d (%v), want %d", script, cmd.ProcessState.ExitCode(), err, want)
		}
	}
	cmd := supervised(t, "", "")
	if err := os.Remove(envOf(cmd, envTerraform)); err != nil {
		t.Fatal(err)
	}
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "no such file") {
		t.Errorf("a missing binary: %q, %v", out, err)
	}
}

// TestRecord: who was killed stays recorded, for the moments in which it may have
// locked the state, and nobody else does.
func TestRecord(t *testing.T) {
	for script, want := range map[string]int{"exit 0": 0, "exit 1": 0, "kill -KILL $$": 1} {
		dir := t.TempDir()
		cmd := supervised(t, script, "")
		cmd.Env = append(cmd.Env, envRecord+"="+dir)
		before := time.Now()
		_ = cmd.Run() // it fails as it is to
		killed, _, err := Workers(dir)
		if err != nil || len(killed) != want {
			t.Fatalf("%s: recorded are %+v, %v", script, killed, err)
		}
		for _, w := range killed {
			if w.Locked(before.Add(-time.Second)) || !w.Locked(w.Began) || w.Locked(w.Ended.Add(time.Second)) || w.Ended.IsZero() {
				t.Errorf("%+v", w)
			}
		}
		if err := Forget(dir, killed); err != nil {
			t.Error(err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%s: left are %v, %v", script, left, err)
		}
	}
}

// TestLocked: of a worker whose end nobody saw only the beginning is known.
func TestLocked(t *testing.T) {
	w := Worker{Began: time.Now()}
	for after, want := range map[time.Duration]bool{-time.Second: false, time.Second: true, atOnce + time.Second: false} {
		if got := w.Locked(w.Began.Add(after)); got != want {
			t.Errorf("%v after it began: %t", after, got)
		}
	}
}

func envOf(cmd *exec.Cmd, name string) string {
	for _, entry := range cmd.Env {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

// TestInterruptsOnce sends two signals; Terraform would lose its state at the
// second.
func TestInterruptsOnce(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "go-on")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := supervised(t, `
		n=0
		trap 'n=$((n + 1)); echo interrupted' INT
		echo ready
		until read -r line <`+fifo+`; do :; done # which a signal may interrupt
		echo "$n times"`, "")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	expect := func(want string) {
		t.Helper()
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("got %q, want %q", lines.Text(), want)
		}
	}
	expect("ready")
	for range 2 {
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
	}
	expect("interrupted")
	if err := os.WriteFile(fifo, []byte("\n"), 0); err != nil {
		t.Fatal(err)
	}
	expect("1 times")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// TestOutlivesItsReader closes both outputs; the script, in the place of
// Terraform, writes on and must not notice.
func TestOutlivesItsReader(t *testing.T) {
	done := filepath.Join(t.TempDir(), "done")
	cmd := supervised(t, "i=0; while [ $i -lt 20000 ]; do echo line $i; echo line $i >&2; i=$((i + 1)); done; echo all >"+done, "")
	out, outWriter, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out.Close()
	cmd.Stdout, cmd.Stderr = outWriter, outWriter
	err = cmd.Run()
	outWriter.Close()
	if err != nil {
		t.Errorf("the supervisor ended with %v", err)
	}
	if content, err := os.ReadFile(done); err != nil || string(content) != "all\n" {
		t.Errorf("the script did not come to its end: %q, %v", content, err)
	}
}

// TestNoParent starts a supervisor whose program is gone already.
func TestNoParent(t *testing.T) {
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	started := filepath.Join(t.TempDir(), "started")
	for name, parent := range map[string]int{"ended": gone.Process.Pid, "not the parent": 1} {
		cmd := supervised(t, "touch "+started, "")
		cmd.Env = append(cmd.Env, envParent+"="+strconv.Itoa(parent))
		if out, err := cmd.CombinedOutput(); err == nil {
			t.Errorf("%s: Terraform was started: %s", name, out)
		}
		if _, err := os.Stat(started); err == nil {
			t.Errorf("%s: Terraform was started", name)
		}
	}
}

// TestWrapNeedsMain holds that a program without Main gets an error instead of
// starting itself over and over.
func TestWrapNeedsMain(t *testing.T) {
	installed = false
	defer func() { installed = true }()
	if _, err := Wrap("terraform", "", ""); err == nil || !strings.Contains(err.Error(), "supervise.Main") {
		t.Errorf("Wrap says %v", err)
	}
}
