//go:build packer

package images_test

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// TestPacker has Packer judge the syntax of the machine images' templates. What
// their builders take it knows only with the clouds' plugins, and what the
// clouds take only an account tells.
func TestPacker(t *testing.T) {
	templates, err := filepath.Glob("packer/*.pkr.hcl")
	if err != nil || len(templates) != 3 {
		t.Fatalf("there are templates %q, %v", templates, err)
	}
	for _, path := range templates {
		if out, err := exec.Command("packer", "validate", "-syntax-only", path).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", path, err, out)
		}
	}
	if out, err := exec.Command("packer", "fmt", "-check", "packer").CombinedOutput(); err != nil {
		t.Errorf("packer fmt would change something: %v\n%s", err, out)
	}
}
