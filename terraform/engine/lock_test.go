package engine

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skyctl/skyctl/terraform/render"
)

// TestLock: what the first root was given the next ones are given too; a
// provider whose checksum differs from then is refused.
func TestLock(t *testing.T) {
	t.Setenv("TF_CLI_CONFIG_FILE", stubConfig(t))
	lock := filepath.Join(t.TempDir(), "providers.lock.hcl")
	initialize := func(d render.Deployment) error {
		dir := t.TempDir()
		files, err := render.Render(d)
		if err == nil {
			err = render.Write(dir, files)
		}
		if err != nil {
			t.Fatal(err)
		}
		e, err := New(Config{Dir: dir, Binary: terraformPath, Lock: lock})
		if err != nil {
			t.Fatal(err)
		}
		return e.Init(t.Context())
	}
	read := func() string {
		content, err := os.ReadFile(lock)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		return string(content)
	}
	both, azure := twoClouds(), twoClouds()
	azure.Regions = azure.Regions[1:]
	azure.Regions[0].Peers = nil
	if err := initialize(azure); err != nil {
		t.Fatal(err)
	}
	first := read()
	if strings.Count(first, "provider \"") != 1 || !strings.Contains(first, "hashicorp/azurerm") || !strings.Contains(first, "h1:") {
		t.Errorf("kept is\n%s", first)
	}
	if err := initialize(both); err != nil {
		t.Fatal(err)
	}
	second := read()
	if strings.Count(second, "provider \"") != 2 || !strings.Contains(second, "hashicorp/aws") || !strings.Contains(second, first[strings.Index(first, "provider"):len(first)-1]) {
		t.Errorf("kept is\n%s", second)
	}
	// A root that needs one of them loses nobody the other.
	if err := initialize(azure); err != nil || read() != second {
		t.Errorf("%v; kept is\n%s", err, read())
	}
	i := strings.Index(second, "h1:")
	other := second[:i+3] + strings.Repeat("A", 43) + second[i+46:]
	if err := os.WriteFile(lock, []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := initialize(both); err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("another program under the same version: %v", err)
	}
}
