//go:build boot

package images_test

import (
	"context"
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
  systemctl show --property=Id,LoadState,ActiveState ssh.service
} >>/report/report`

// bootOne boots a machine with the boot data and an agent that is the script, and
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

// TestBoot has a machine boot with a real systemd and a real cloud-init: the
// agent starts and reads what it is told, while its end is armed and nobody can
// log in, and with the agent the machine ends.
func TestBoot(t *testing.T) {
	got := bootOne(t, nil, "#!/bin/sh\ngrep -q '\"token\"' \"$2\" || exit 3\n")
	expectReport(t, got, "ends by agent", "Id=skyctl-lifetime.timer\nActiveState=active", "Result=success\nExecMainStatus=0\nId=skyagent.service",
		"LoadState=masked")
}

// TestBootEnds has the lifetime of a machine end it whose agent does not.
func TestBootEnds(t *testing.T) {
	got := bootOne(t, map[string]any{"lifetime_seconds": 20}, "#!/bin/sh\nexec sleep infinity\n")
	expectReport(t, got, "ends by lifetime")
}
