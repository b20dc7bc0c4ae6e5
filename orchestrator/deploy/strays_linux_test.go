package deploy

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestProvidersOfAKilledTerraformAreStrays: one that serves a Terraform in the
// run's directory is that one's to end, and one elsewhere nobody's here.
func TestProvidersOfAKilledTerraformAreStrays(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	provider := filepath.Join(root, "terraform-provider-slow_v1.0.0")
	cat, err := exec.LookPath("cat") // serves until its standard input ends
	if err == nil {
		err = os.Symlink(cat, provider)
	}
	if err != nil {
		t.Fatal(err)
	}
	start := func(dir string, args ...string) (stdin io.WriteCloser, stdout *bufio.Reader, pid int) {
		t.Helper()
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = dir
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := errors.Join(in.Close(), cmd.Wait()); err != nil {
				t.Error(err)
			}
		})
		return in, bufio.NewReader(out), cmd.Process.Pid
	}
	for name, tc := range map[string]struct {
		dir  string
		want bool
	}{"of a killed Terraform": {root, true}, "of another run": {t.TempDir(), false}} {
		// It says something back once it runs: until exec is through, a process
		// has no command line to read.
		stdin, stdout, pid := start(tc.dir, provider)
		_, err := io.WriteString(stdin, "serving\n")
		if err == nil {
			_, err = stdout.ReadString('\n')
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := isStray("/proc/"+strconv.Itoa(pid), root); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}

	// A shell stands for the Terraform that is served. What the provider says
	// back tells that it runs.
	stdin, stdout, _ := start(root, "sh", "-c", `exec 3<&0; "$0" <&3 & echo $!; wait`, provider)
	pid, err := stdout.ReadString('\n')
	if err == nil {
		_, err = io.WriteString(stdin, "serving\n")
	}
	if err == nil {
		_, err = stdout.ReadString('\n')
	}
	if err != nil || isStray("/proc/"+strings.TrimSpace(pid), root) {
		t.Errorf("the provider %s of a Terraform that lives is a stray (%v)", pid, err)
	}
}
