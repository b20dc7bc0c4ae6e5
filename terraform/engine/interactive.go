package engine

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// Interactive runs Terraform in dir for the person at the terminal: with our
// standard input and error, the arguments as given, and the cleaned environment.
// It returns Terraform's exit code.
//
// Terraform is in our process group, so a terminal's ^C reaches it without us,
// and once; it then ends in its own time. Interactive therefore takes no
// context and lets SIGINT pass, and hands on SIGTERM, which is sent to a
// process and not to a terminal.
func Interactive(dir, binary string, stdout io.Writer, args []string) (int, error) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)

	cmd := exec.Command(binary, args...)
	cmd.Dir = dir
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, stdout, os.Stderr
	for name, value := range cleanEnv(os.Environ()) {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			if s == syscall.SIGTERM {
				// An error means that it has ended, which Wait reports.
				_ = cmd.Process.Signal(s)
			}
		case err := <-ended:
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				return 0, err
			}
			if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
				return 128 + int(status.Signal()), nil
			}
			return cmd.ProcessState.ExitCode(), nil
		}
	}
}
