package deploy

import (
	"bufio"
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
	sleep, err := exec.LookPath("sleep")
	if err == nil {
		err = os.Symlink(sleep, provider)
	}
	if err != nil {
		t.Fatal(err)
	}
	start := func(cmd *exec.Cmd) *exec.Cmd {
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
			_ = cmd.Wait() // it was killed
		})
		return cmd
	}
	for name, tc := range map[string]struct {
		dir  string
		want bool
	}{"of a killed Terraform": {root, true}, "of another run": {t.TempDir(), false}} {
		cmd := exec.Command(provider, "600")
		cmd.Dir = tc.dir
		start(cmd)
		if got := isStray("/proc/"+strconv.Itoa(cmd.Process.Pid), root); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}

	// A shell stands for the Terraform that is served.
	terraform := exec.Command("sh", "-c", `"$0" 600 & echo $!; read -r line; kill $!`, provider)
	terraform.Dir = root
	stdin, err := terraform.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := terraform.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := terraform.Start(); err != nil {
		t.Fatal(err)
	}
	pid, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || isStray("/proc/"+strings.TrimSpace(pid), root) {
		t.Errorf("the provider %s of a Terraform that lives is a stray (%v)", pid, err)
	}
	if err := stdin.Close(); err != nil {
		t.Error(err)
	}
	if err := terraform.Wait(); err != nil {
		t.Error(err)
	}
}
