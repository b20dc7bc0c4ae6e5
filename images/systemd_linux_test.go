//go:build boot

package images_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// report is what a machine of these tests does when it ends, in the place of what
// its cloud wants.
const report = `{
  echo "ends by $1"
  systemctl show --property=Id,ActiveState skyctl-lifetime.timer
  systemctl show --property=Id,Result,ExecMainStatus skyagent.service
  systemctl show --property=Id,LoadState ssh.service
  journalctl --no-pager --output=cat --unit=skyagent.service
} >>/report/report`

// bootOne boots a machine with some of the boot data changed and that agent, and
// returns what it reported when it had powered off. Whether it ever does is what
// is tested: there is a bound, far beyond what a boot takes.
func bootOne(t *testing.T, changed map[string]any, agent string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"user-data": string(renderWith(t, changed, report)), "agent": agent} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "testdata/boot.sh", dir).CombinedOutput()
	said, _ := os.ReadFile(filepath.Join(dir, "report"))
	if ctx.Err() != nil || len(said) == 0 { // what powers itself off is killed by that
		journal, _ := exec.Command("journalctl", "--no-pager", "--directory="+filepath.Join(dir, "journal")).CombinedOutput()
		t.Errorf("the machine did not power itself off: %v\n%s%s%s", err, out, said, journal)
	}
	leave(t, dir)
	return string(said)
}

// leave removes the control groups of a machine that is over.
func leave(t *testing.T, dir string) {
	t.Helper()
	name, err := os.ReadFile(filepath.Join(dir, "cgroup"))
	if err != nil {
		t.Fatal(err)
	}
	var groups []string
	err = filepath.WalkDir(strings.TrimSpace(string(name)), func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			groups = append([]string{path}, groups...) // the inner ones first
		}
		return err
	})
	for _, g := range groups {
		if err == nil {
			err = syscall.Rmdir(g)
		}
	}
	if err != nil {
		t.Error(err)
	}
}

func expectReport(t *testing.T, got string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("the machine did not report %q:\n%s", w, got)
		}
	}
}

// TestBoot has a machine boot with a real systemd, a real cloud-init and a real
// agent: it reads what it is told and listens, confined as it is, while the end of
// the machine is armed and nobody can log in. Nobody enrolls it, so it ends, and
// with it the machine.
func TestBoot(t *testing.T) {
	built := filepath.Join(t.TempDir(), "skyagent")
	if out, err := exec.Command("go", "build", "-tags=disable_grpc_modules", "-o", built, "../agent/cmd/skyagent").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	agent, err := os.ReadFile(built)
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]any{}
	if err := json.Unmarshal([]byte(values(t)["boot"].(string)), &told); err != nil {
		t.Fatal(err)
	}
	told["enroll_within_seconds"] = 5
	boot, err := json.Marshal(told)
	if err != nil {
		t.Fatal(err)
	}
	expectReport(t, bootOne(t, map[string]any{"boot": string(boot)}, string(agent)),
		"ends by agent", "Id=skyctl-lifetime.timer\nActiveState=active", "Result=success\nExecMainStatus=0\nId=skyagent.service",
		"LoadState=masked", "msg=listening gateway=azure-westus2-0 address=[::]:7443", "nobody enrolled this gateway in time")
}

// TestBootEnds has the lifetime of a machine end it whose agent does not.
func TestBootEnds(t *testing.T) {
	got := bootOne(t, map[string]any{"lifetime_seconds": 20}, "#!/bin/sh\nexec sleep infinity\n")
	expectReport(t, got, "ends by lifetime")
}
