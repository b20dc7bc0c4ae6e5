package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hashicorp/terraform-exec/tfexec"
)

// erroredFile is where Terraform puts a state that it could not write to where
// the state is kept: that did not answer, or the disk was full.
const erroredFile = "errored.tfstate"

// recover puts such a state where it belongs. Without it Terraform knows nothing
// of what the apply created that it is of: it would find nothing to destroy, and
// would say so.
func (e *Engine) recover(ctx context.Context) error {
	return e.run(ctx, "state push", quiet, func(tf *tfexec.Terraform) error { return e.pushErrored(ctx, tf) })
}

func (e *Engine) pushErrored(ctx context.Context, tf *tfexec.Terraform) error {
	path := filepath.Join(e.cfg.Dir, erroredFile)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Size() == 0:
		return fmt.Errorf("Terraform could not write its state anywhere, so what it created is not known: look for it (skyctl gc), then remove %s", path)
	}
	if err := tf.StatePush(ctx, path, tfexec.LockTimeout(lockTimeout)); err != nil {
		return fmt.Errorf("%s has a state that could not be written, and cannot be now: %w", path, err)
	}
	return os.Remove(path)
}
