package render

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func writeDeployment(t *testing.T, dir string, d Deployment) {
	t.Helper()
	files, err := Render(d)
	if err != nil {
		t.Fatal(err)
	}
	if err := Write(dir, files); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestWriteModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "root")
	// A file that was readable before is not when it is replaced.
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, VariablesFile), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	writeDeployment(t, dir, threeRegions())
	for name, want := range map[string]os.FileMode{VariablesFile: 0o600, "main.tf": 0o644, "modules/local-gateway/main.tf": 0o644} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %o, want %o", name, info.Mode().Perm(), want)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, ".skyctl-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("temporary files are left: %q, %v", left, err)
	}
}

// TestWriteRetiresRegions renders a plan that lost two regions over one that
// had them, and one that has one of them again.
func TestWriteRetiresRegions(t *testing.T) {
	dir := t.TempDir()
	writeDeployment(t, dir, threeRegions())
	foreign := "module \"mine\" {\n  source = \"./mine\"\n  gateways = { a = {} }\n}\n"
	if err := os.WriteFile(filepath.Join(dir, "region_mine.tf"), []byte(foreign), 0o644); err != nil {
		t.Fatal(err)
	}

	only := threeRegions()
	only.Regions = only.Regions[1:2]
	only.Regions[0].Peers = nil
	writeDeployment(t, dir, only)

	for _, region := range []string{"local_mid", "local_west"} {
		content := read(t, dir, "region_"+region+".tf")
		for _, want := range []string{"module \"" + region + "\"", "gateways = {}", "hosts    = {}", "peers    = {}", "enrollment_tokens     = var.enrollment_tokens"} {
			if !strings.Contains(content, want) {
				t.Errorf("region %s that left the plan has no %q:\n%s", region, want, content)
			}
		}
	}
	if got := read(t, dir, "region_mine.tf"); got != foreign {
		t.Errorf("somebody else's file was changed:\n%s", got)
	}
	if !strings.Contains(read(t, dir, "region_local_east.tf"), "local-east-0") {
		t.Error("the region that stayed lost its gateway")
	}

	writeDeployment(t, dir, threeRegions())
	if !strings.Contains(read(t, dir, "region_local_mid.tf"), "local-mid-0") {
		t.Error("the region that came back has no gateway")
	}
}

func TestWritePrunesModules(t *testing.T) {
	dir := t.TempDir()
	writeDeployment(t, dir, threeRegions())
	stale := filepath.Join(dir, "modules/local-gateway/removed_in_this_version.tf")
	if err := os.WriteFile(stale, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	before := read(t, dir, "modules/local-gateway/main.tf")
	writeDeployment(t, dir, threeRegions())
	if _, err := os.Stat(stale); !os.IsNotExist(err) {
		t.Errorf("a file that the module no longer has is still there: %v", err)
	}
	if before != read(t, dir, "modules/local-gateway/main.tf") {
		t.Error("the copy of the module changed")
	}
}
