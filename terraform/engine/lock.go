package engine

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// lockName is where Terraform records which providers a root was initialized
// with, and their checksums.
const lockName = ".terraform.lock.hcl"

// A provider that was once chosen is chosen again, with the same checksum, in
// every root that names the same Lock file: a release of yesterday does not
// change what is applied today. Whoever wants newer ones removes the file.

// seed gives a root that has no record of its providers what was recorded of
// them by earlier roots. Those that it does not need Terraform removes.
func (e *Engine) seed() error {
	if e.cfg.Lock == "" {
		return nil
	}
	own := filepath.Join(e.cfg.Dir, lockName)
	if _, err := os.Stat(own); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	known, err := os.ReadFile(e.cfg.Lock)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.WriteFile(own, known, 0o600)
}

// collect records for later roots the providers that were chosen for this one
// and for none before.
func (e *Engine) collect() error {
	if e.cfg.Lock == "" {
		return nil
	}
	chosen, err := readLock(filepath.Join(e.cfg.Dir, lockName))
	if err != nil {
		return err
	}
	known, err := readLock(e.cfg.Lock)
	if err != nil {
		return err
	}
	news := false
	for _, block := range chosen.Body().Blocks() {
		if known.Body().FirstMatchingBlock(block.Type(), block.Labels()) == nil {
			known.Body().AppendBlock(block)
			news = true
		}
	}
	if !news {
		return nil
	}
	return replace(e.cfg.Lock, hclwrite.Format(known.Bytes()))
}

// readLock reads a record of providers, which is empty if there is none.
func readLock(path string) (*hclwrite.File, error) {
	content, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f, diags := hclwrite.ParseConfig(content, path, hcl.InitialPos)
	if diags.HasErrors() {
		return nil, diags
	}
	return f, nil
}

// replace writes a file in one step: another program may read it meanwhile.
func replace(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".lock-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
