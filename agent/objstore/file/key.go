package file

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

const maxComponent = 255 // bytes, NAME_MAX of every common filesystem

// checkKey refuses keys that are not the one way to write a path below the
// root, and those that would name a temporary.
func checkKey(key string) error {
	switch {
	case key == "":
		return errors.New("the key is empty")
	case strings.IndexByte(key, 0) >= 0:
		return errors.New("a file name cannot hold a NUL byte")
	}
	for rest, more := key, true; more; {
		var c string
		c, rest, more = strings.Cut(rest, "/")
		switch {
		case c == "":
			return errors.New("a path cannot hold a leading, trailing or double slash")
		case c == "." || c == "..":
			return fmt.Errorf("a path cannot hold the component %q", c)
		case len(c) > maxComponent:
			return fmt.Errorf("a file name cannot be longer than %d bytes", maxComponent)
		}
	}
	if isTemp(path.Base(key)) {
		return fmt.Errorf("names of the form %s…%s and %s…%s are skyctl's own", tempPrefix, putSuffix, tempPrefix, partSuffix)
	}
	return nil
}
