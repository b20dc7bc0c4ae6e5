package render

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Write brings the root module in dir in line with files, creating dir for
// nobody else to read. Each file is replaced in one step.
//
// A region that is no longer among the files keeps its module call, without
// gateways: Terraform can destroy what the region still has only while the call
// (and for local gateways the script that stops them) is there. So is its
// cloud's provider, as it was configured when there was a region left. Copies of
// modules lose what the module no longer has. Other files stay as they are.
func Write(dir string, files []File) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	retired, err := findRetired(dir, files)
	if err != nil {
		return err
	}
	if files, err = keepProviders(dir, files, retired); err != nil {
		return err
	}
	current := map[string]bool{}
	for _, f := range files {
		current[f.Path] = true
		if err := replace(filepath.Join(dir, filepath.FromSlash(f.Path)), f); err != nil {
			return err
		}
	}
	for _, r := range retired {
		if err := r.retire(); err != nil {
			return err
		}
	}
	return prune(dir, current)
}

// replace writes the file beside its place and moves it there.
func replace(path string, f File) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".skyctl-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temporary.Name()))
		}
	}()
	_, err = temporary.Write(f.Content)
	if err := errors.Join(err, temporary.Chmod(f.Mode), temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), path)
}

// prune removes from the copies of modules the configuration that a newer
// version of the module does not have: Terraform would read it.
func prune(dir string, current map[string]bool) error {
	var stale []string
	for path := range current {
		if module := filepath.Dir(path); filepath.Dir(module) == "modules" {
			found, err := filepath.Glob(filepath.Join(dir, module, "*.tf"))
			if err != nil {
				return err
			}
			for _, f := range found {
				relative, err := filepath.Rel(dir, f)
				if err != nil {
					return err
				}
				if !current[filepath.ToSlash(relative)] {
					stale = append(stale, f)
				}
			}
		}
	}
	for _, f := range stale {
		if err := os.Remove(f); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
