package stubprovider

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// Mirror lays out a filesystem mirror of the providers in dir, each of them a
// copy of the program at binary, and returns the path of a configuration for
// Terraform or OpenTofu that takes providers from nowhere else: for
// TF_CLI_CONFIG_FILE. The built-in provider needs no mirror.
func Mirror(dir, binary string) (config string, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return "", err
	}
	for _, name := range Names {
		c, err := loadCatalog(name)
		if err != nil {
			return "", err
		}
		for _, host := range []string{"registry.terraform.io", "registry.opentofu.org"} {
			place := filepath.Join(dir, host, "hashicorp", name, c.Version, runtime.GOOS+"_"+runtime.GOARCH)
			if err := os.MkdirAll(place, 0o755); err != nil {
				return "", err
			}
			if err := install(filepath.Join(place, fmt.Sprintf("terraform-provider-%s_v%s", name, c.Version)), binary); err != nil {
				return "", err
			}
		}
	}
	config = filepath.Join(dir, "terraform.rc")
	return config, os.WriteFile(config, fmt.Appendf(nil, "provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", dir), 0o644)
}

// install puts the program at to in one step: a provider that runs is not
// written to.
func install(to, from string) (err error) {
	r, err := os.Open(from)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := os.CreateTemp(filepath.Dir(to), ".stub-*")
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	if err := errors.Join(err, w.Chmod(0o755), w.Close()); err != nil {
		return errors.Join(err, os.Remove(w.Name()))
	}
	return os.Rename(w.Name(), to)
}
