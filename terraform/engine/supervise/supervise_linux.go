package supervise

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The environment by which the program tells the supervisor what to do. None
// of it reaches Terraform.
const (
	envTerraform = "SKYCTL_SUPERVISE_TERRAFORM" // path of the real binary
	envParent    = "SKYCTL_SUPERVISE_PARENT"    // process id of the program
	envRemove    = "SKYCTL_SUPERVISE_REMOVE"    // file to delete when Terraform has ended: a plan with secrets
	envRecord    = "SKYCTL_SUPERVISE_RECORD"    // directory for the record of a Terraform that locks the state
)

// installed tells whether Main was called: without it a program that handed
// out its own executable would start itself over and over.
var installed bool

// Wrap returns the command that runs the terraform at path under supervision
// of this process. The file remove, if not empty, is deleted when Terraform
// has ended, by whoever is left to do it. In the directory record, if not empty,
// Terraform is a Worker.
func Wrap(terraform, remove, record string) (Command, error) {
	if !installed {
		return Command{}, errors.New("this program cannot supervise Terraform: its main does not call supervise.Main")
	}
	self, err := os.Executable()
	if err != nil {
		return Command{}, err
	}
	return Command{Path: self, Env: map[string]string{
		envTerraform: terraform,
		envParent:    strconv.Itoa(os.Getpid()),
		envRemove:    remove,
		envRecord:    record,
	}}, nil
}

// Main returns at once, except in a process that was started to supervise
// Terraform: there it does that and exits with Terraform's exit code.
func Main() {
	installed = true
	terraform := os.Getenv(envTerraform)
	if terraform == "" {
		return
	}
	parent, err := strconv.Atoi(os.Getenv(envParent))
	if err != nil {
		fmt.Fprintf(os.Stderr, "supervise: %s is not a process id: %v\n", envParent, err)
		os.Exit(1)
	}
	code, err := supervise(terraform, os.Args[1:], parent)
	if remove := os.Getenv(envRemove); remove != "" {
		if err := os.Remove(remove); err != nil && !errors.Is(err, os.ErrNotExist) {
			fmt.Fprintln(os.Stderr, "supervise:", err)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "supervise:", err)
		code = 1
	}
	os.Exit(code)
}

// supervise runs Terraform and returns its exit code.
func supervise(terraform string, args []string, parent int) (int, error) {
	// terraform-exec asked the kernel to kill this process when the *thread*
	// that started it ends. Undo that; the process is what is watched instead.
	// Until here a kill did no harm, as there was no Terraform yet.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, 0, 0, 0, 0); err != nil {
		return 0, fmt.Errorf("clear the parent death signal: %w", err)
	}
	watch, err := watchParent(parent)
	if err != nil {
		return 0, err
	}
	defer watch.Close()
	select {
	case <-watch.Gone():
		return 0, errors.New("the program ended before Terraform was started")
	default:
	}

	// Caught, so that a write to a pipe whose reader died is an error and not
	// the end. Not ignored: Terraform and all it starts would inherit that.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)

	cmd := exec.Command(terraform, args...)
	cmd.Env = terraformEnv()
	cmd.Stdin = os.Stdin
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid: true, // a terminal's signals are for the program to translate
		// If somebody kills the supervisor Terraform still hears of it. The
		// kernel means the thread, so it must last as long as the process.
		Pdeathsig: syscall.SIGINT,
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	var copies sync.WaitGroup
	if err := errors.Join(
		pass(&copies, cmd.StdoutPipe, os.Stdout),
		pass(&copies, cmd.StderrPipe, os.Stderr),
	); err != nil {
		return 0, err
	}
	worker := Worker{Began: time.Now()}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	recorded := worker.begin(cmd.Process.Pid)

	ended := make(chan struct{})
	var interrupter sync.WaitGroup
	interrupter.Go(func() {
		select {
		case <-ended:
			return
		case <-ctx.Done():
		case <-watch.Gone():
		}
		// Once: at the second interrupt Terraform leaves without its state.
		// An error means that it has ended, which Wait reports.
		_ = cmd.Process.Signal(syscall.SIGINT)
	})
	copies.Wait()
	err = cmd.Wait()
	close(ended)
	interrupter.Wait()
	return exitCode(cmd.ProcessState), errors.Join(exceptExit(err), recorded, worker.end(cmd.ProcessState.Exited()))
}

// begin records a Terraform that has started, where that is wanted.
func (w *Worker) begin(pid int) (err error) {
	dir := os.Getenv(envRecord)
	if dir == "" {
		return nil
	}
	w.PID, w.Start = pid, startOf(pid)
	if w.Host, err = os.Hostname(); err != nil {
		return err
	}
	return w.write(dir)
}

// end removes the record of one that was not killed: it opened its lock.
func (w *Worker) end(byItself bool) error {
	dir := os.Getenv(envRecord)
	if dir == "" {
		return nil
	}
	if byItself {
		return Forget(dir, []Worker{*w})
	}
	w.Ended = time.Now()
	return w.write(dir)
}

// pass copies one of Terraform's outputs to ours until Terraform closes it,
// also when nobody reads ours any more.
func pass(copies *sync.WaitGroup, pipe func() (io.ReadCloser, error), to io.Writer) error {
	from, err := pipe()
	if err != nil {
		return err
	}
	copies.Go(func() {
		if _, err := io.Copy(to, from); err != nil {
			// The reader is gone, and there is nobody left to tell.
			_, _ = io.Copy(io.Discard, from)
		}
	})
	return nil
}

// terraformEnv is our environment without what was meant for us.
func terraformEnv() []string {
	var env []string
	for _, entry := range os.Environ() {
		switch name, _, _ := strings.Cut(entry, "="); name {
		case envTerraform, envParent, envRemove, envRecord:
		default:
			env = append(env, entry)
		}
	}
	return env
}

// exitCode follows the shell where a signal ended the process.
func exitCode(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}

// exceptExit drops the error that only says that the exit code is not 0.
func exceptExit(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil
	}
	return err
}
