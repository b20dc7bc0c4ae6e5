package config

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
)

//go:embed start.yaml
var start []byte

// WriteStart writes a configuration to start from, which says no more than its
// absence. One that is there already is an error, and stays.
func WriteStart(path string) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("configuration cannot be written: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = f.Write(start)
	return err
}
