package render

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// Write brings the root module in dir in line with files, creating dir for
// nobody else to read. Each file is replaced in one step.
//
// A region that is no longer among the files keeps its module call, without
// gateways: Terraform can destroy what the region still has only while the call
// (and for local gateways the script that stops them) is there. Copies of
// modules lose what the module no longer has. Other files stay as they are.
func Write(dir string, files []File) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	current := map[string]bool{}
	for _, f := range files {
		current[f.Path] = true
		if err := replace(filepath.Join(dir, filepath.FromSlash(f.Path)), f); err != nil {
			return err
		}
	}
	regions, err := filepath.Glob(filepath.Join(dir, "region_*.tf"))
	if err != nil {
		return err
	}
	for _, path := range regions {
		if !current[filepath.Base(path)] {
			if err := retire(path); err != nil {
				return err
			}
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

// retire takes the gateways out of a region's file, if it is one of ours.
func retire(path string) error {
	source, err := os.ReadFile(path)
	if err != nil || !bytes.HasPrefix(source, []byte(mark)) {
		return err
	}
	file, diags := hclwrite.ParseConfig(source, path, hcl.InitialPos)
	if diags.HasErrors() {
		return fmt.Errorf("region that left the plan: %w", diags)
	}
	for _, block := range file.Body().Blocks() {
		for _, name := range []string{"gateways", "hosts", "peers"} {
			if block.Type() == "module" && block.Body().GetAttribute(name) != nil {
				block.Body().SetAttributeRaw(name, object{}.tokens())
			}
		}
	}
	return replace(path, File{Mode: public, Content: finish(file)})
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
