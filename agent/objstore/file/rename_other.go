//go:build !linux && !darwin

package file

import (
	"errors"
	"os"
)

// renameNew cannot be told from a rename that replaces.
func renameNew(*os.File, string, string) error { return errors.ErrUnsupported }
