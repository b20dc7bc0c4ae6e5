package engine

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestInteractive(t *testing.T) {
	dir := writeRoot(t, map[string]string{"main.tf": "output \"answer\" { value = 42 }\n"})
	e, _ := newEngine(t, dir)
	apply(t, e, PlanOptions{})
	for args, want := range map[string]struct {
		out  string
		code int
	}{
		"output -json answer":                        {"42", 0},
		"output nothing":                             {"", 1},
		"plan -detailed-exitcode -destroy -no-color": {"answer", 2},
	} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), roleEnv+"=interactive", roleDirEnv+"="+dir, rolePath+"="+terraformPath, roleArgs+"="+args, "TF_CLI_ARGS=-no-such-flag")
		out, err := cmd.Output()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if code := cmd.ProcessState.ExitCode(); code != want.code || !strings.Contains(string(out), want.out) {
			t.Errorf("terraform %s: exit code %d, want %d; output %q", args, code, want.code, out)
		}
	}
	if _, err := Interactive(dir, "/no/such/terraform", io.Discard, nil); err == nil {
		t.Error("a missing binary is no error")
	}
}
