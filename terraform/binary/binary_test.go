package binary

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// script writes an executable that introduces itself with the given line and
// returns its path.
func script(t *testing.T, dir, name, line string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	content := fmt.Sprintf("#!/bin/sh\n[ \"$*\" = version ] || exit 9\necho '%s'\necho 'on linux_amd64'\n", line)
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPinIsTheRepositorys(t *testing.T) {
	content, err := os.ReadFile("../../.terraform-version")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(string(content)); got != Pin {
		t.Errorf(".terraform-version says %s, this package %s", got, Pin)
	}
}

func TestFindOnPath(t *testing.T) {
	for name, tc := range map[string]struct {
		terraform, tofu string // what they say; empty: not there
		want            string // the binary that is found
		err             []string
	}{
		"terraform":                   {"Terraform v1.11.4", "OpenTofu v1.11.0", "Terraform 1.11.4", nil},
		"oldest":                      {"Terraform v1.11.0", "", "Terraform 1.11.0", nil},
		"newer":                       {"Terraform v1.15.2", "", "Terraform 1.15.2", nil},
		"prerelease":                  {"Terraform v1.14.0-rc1", "", "Terraform 1.14.0-rc1", nil},
		"tofu":                        {"", "OpenTofu v1.11.1", "OpenTofu 1.11.1", nil},
		"tofu beside an old":          {"Terraform v1.5.7", "OpenTofu v1.12.0", "OpenTofu 1.12.0", nil},
		"tofu under terraform's name": {"OpenTofu v1.11.1", "", "OpenTofu 1.11.1", nil},
		"old":                         {"Terraform v1.10.5", "", "", []string{"Terraform 1.10.5 (", "is not >= 1.11, < 2", "tofu on PATH: not found", "install Terraform " + Pin}},
		"next":                        {"Terraform v2.0.0-beta1", "", "", []string{"Terraform 2.0.0-beta1"}},
		"both old":                    {"Terraform v1.0.0", "OpenTofu v1.9.0", "", []string{"Terraform 1.0.0", "OpenTofu 1.9.0"}},
		"something else":              {"Hello", "", "", []string{"is neither Terraform nor OpenTofu"}},
		"nothing":                     {"", "", "", []string{"terraform on PATH: not found", "tofu on PATH: not found", "terraform.path"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("PATH", dir+":/usr/bin:/bin")
			t.Setenv("TF_CLI_ARGS_version", "-json")
			if tc.terraform != "" {
				script(t, dir, "terraform", tc.terraform)
			}
			if tc.tofu != "" {
				script(t, dir, "tofu", tc.tofu)
			}
			b, err := Find(t.Context(), Options{})
			if tc.want != "" {
				if err != nil || !strings.HasPrefix(b.String(), tc.want+" ("+dir) {
					t.Errorf("got %v, %v; want %s", b, err, tc.want)
				}
				return
			}
			if err == nil || strings.Contains(err.Error(), "\n") {
				t.Fatalf("got %v and the error %v", b, err)
			}
			for _, want := range tc.err {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error lacks %q: %v", want, err)
				}
			}
		})
	}
}

// TestConfiguredPathIsFinal holds that what the user asked for is used or
// refused, whatever else there is.
func TestConfiguredPathIsFinal(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	script(t, dir, "terraform", "Terraform v1.11.4")

	good := script(t, t.TempDir(), "mine", "OpenTofu v1.11.2")
	if b, err := Find(t.Context(), Options{Path: good}); err != nil || b.Path != good || b.Product != OpenTofu {
		t.Errorf("got %v, %v", b, err)
	}
	for path, want := range map[string]string{
		script(t, t.TempDir(), "old", "Terraform v1.1.0"): "Terraform 1.1.0",
		filepath.Join(dir, "missing"):                     "no such file",
	} {
		if b, err := Find(t.Context(), Options{Path: path}); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "terraform.path") {
			t.Errorf("got %v, %v; want an error with %q", b, err, want)
		}
	}
}

func TestFindStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	script(t, dir, "terraform", "Terraform v1.11.4")
	if b, err := Find(ctx, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v", b, err)
	}
}
