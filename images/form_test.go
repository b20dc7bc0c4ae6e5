//go:build boot

package images_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestForm has cloud-init judge the data, and systemd the units in them.
func TestForm(t *testing.T) {
	boot := render(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "user-data")
	if err := os.WriteFile(path, boot, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cloud-init", "schema", "--config-file", path).CombinedOutput(); err != nil {
		t.Errorf("cloud-init: %v\n%s", err, out)
	}
	// systemd looks for what units start.
	for _, program := range []string{"usr/local/bin/skyagent", "usr/local/sbin/skyctl-fetch", "usr/local/sbin/skyctl-end", "usr/bin/true"} {
		if err := os.MkdirAll(filepath.Join(dir, "root", filepath.Dir(program)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "root", program), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	units := filepath.Join(dir, "root/etc/systemd/system")
	if err := os.MkdirAll(units, 0o755); err != nil {
		t.Fatal(err)
	}
	args := []string{"verify", "--recursive-errors=no", "--root=" + filepath.Join(dir, "root")}
	for _, f := range parse(t, boot).Files {
		if strings.HasSuffix(f.Path, ".service") {
			unit := filepath.Join(units, filepath.Base(f.Path))
			if err := os.WriteFile(unit, []byte(f.Content), 0o644); err != nil {
				t.Fatal(err)
			}
			args = append(args, filepath.Base(f.Path))
		}
	}
	if out, err := exec.Command("systemd-analyze", args...).CombinedOutput(); err != nil || strings.Contains(string(out), "skyagent") || strings.Contains(string(out), "skyctl") {
		t.Errorf("systemd-analyze: %v\n%s", err, out)
	}
	out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=15", filepath.Join(units, "skyagent.service")).CombinedOutput()
	if err != nil {
		t.Errorf("systemd finds the agent's unit exposed: %v\n%s", err, out)
	}
}
