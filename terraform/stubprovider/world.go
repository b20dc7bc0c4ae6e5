package stubprovider

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// WorldVariable is the environment variable that names a directory with a file
// for each resource that exists, whatever a state says: TYPE.HASH, the resource
// as JSON in it. Without it nothing is kept, and all that a state has exists.
//
// A resource exists from the beginning of its creation, before the faults that
// make it slow: a Terraform that is killed meanwhile has it in no state, as with
// a cloud's API.
const WorldVariable = "STUBPROVIDER_WORLD"

// record is the file of a resource, empty if no world is kept.
func record(resource string, v cty.Value) string {
	dir := os.Getenv(WorldVariable)
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, fmt.Sprintf("%s.%.8x", resource, sha256.Sum256([]byte(v.GetAttr("id").AsString()))))
}

// appear makes a resource exist.
func appear(resource string, v cty.Value) error {
	path := record(resource, v)
	if path == "" {
		return nil
	}
	content, err := ctyjson.Marshal(v, v.Type())
	if err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o600)
}

// vanish ends a resource's existence.
func vanish(resource string, v cty.Value) error {
	path := record(resource, v)
	if path == "" {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// exists tells whether a resource that a state has is still there.
func exists(resource string, v cty.Value) (bool, error) {
	path := record(resource, v)
	if path == "" {
		return true, nil
	}
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
