package file

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/skyctl/skyctl/agent/objstore"
)

// There are filesystems that take several spellings for one name: with other
// case (macOS, shares of Windows, directories with casefold), or with the same
// characters composed otherwise (é as one or as two). Two keys are then one
// file, and the second object would silently take the place of the first. So
// whatever exists already must have exactly the key's spelling, in each of its
// components; where nothing does, no name is taken that another writer took
// meanwhile, see place.
//
// Only what exists costs anything: a look at one or two other spellings. Where
// one of them is the same file, the directory is read for what it really has.

// names of a directory, as far as spellings matter.
type names interface {
	Lstat(name string) (fs.FileInfo, error)
	// Each yields what the directory holds, until it returns false.
	Each(yield func(name string) bool) error
}

// misspelt returns how the directory spells name, if there is something by that
// name and its spelling is another. Empty is all right.
func misspelt(d names, name string) (string, error) {
	fi, err := d.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil || !folds(d, name, fi) {
		return "", err
	}
	exact, found := false, ""
	err = d.Each(func(have string) bool {
		if exact = have == name; !exact && found == "" && strings.EqualFold(norm.NFC.String(have), norm.NFC.String(name)) {
			found = have
		}
		return !exact
	})
	if exact {
		found = ""
	}
	return found, err
}

// folds tells whether another spelling of name is the same file. It may also be
// a second link to it.
func folds(d names, name string, fi fs.FileInfo) bool {
	for _, other := range []string{swapCase(name), norm.NFC.String(name), norm.NFD.String(name)} {
		if other == name {
			continue
		}
		if same, err := d.Lstat(other); err == nil && os.SameFile(fi, same) {
			return true
		}
	}
	return false
}

// swapCase changes what every filesystem without case takes for the same: the
// letters of ASCII, if name has any, else whatever has a case.
func swapCase(name string) string {
	swap := func(only func(rune) bool) string {
		return strings.Map(func(r rune) rune {
			switch {
			case !only(r):
			case unicode.IsLower(r):
				return unicode.ToUpper(r)
			case unicode.IsUpper(r):
				return unicode.ToLower(r)
			}
			return r
		}, name)
	}
	if ascii := swap(func(r rune) bool { return r <= unicode.MaxASCII }); ascii != name {
		return ascii
	}
	return swap(func(rune) bool { return true })
}

// errMisspelt is why a key cannot be written beside another.
func errMisspelt(name, have string) error {
	return &objstore.Error{Kind: objstore.KindInvalid, Err: fmt.Errorf(
		"the filesystem takes %+q and %+q for one name, and has the second: rename the object, or write it elsewhere", name, have)}
}

// spelt refuses a name in the directory that is there with another spelling.
func (d directory) spelt(name string) error {
	have, err := misspelt(d, name)
	if err == nil && have != "" {
		err = errMisspelt(name, have)
	}
	return err
}

// Each implements names.
func (d directory) Each(yield func(string) bool) error {
	f, err := d.Open(".")
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		have, err := f.Readdirnames(listBatch)
		for _, name := range have {
			if !yield(name) {
				return nil
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// maxSpelt bounds the directories that are remembered to be spelt right.
const maxSpelt = 4096

// speltDirs refuses the existing directory dir if any of its components is
// spelt otherwise on the filesystem.
func (b *bucket) speltDirs(root *os.Root, dir string) error {
	if dir == "." {
		return nil
	}
	b.mu.Lock()
	_, known := b.spelt[dir]
	b.mu.Unlock()
	if known {
		return nil
	}
	if err := b.speltDirs(root, path.Dir(dir)); err != nil {
		return err
	}
	above, err := root.OpenRoot(path.Dir(dir))
	if err != nil {
		return err
	}
	defer above.Close()
	if err := (directory{above}).spelt(path.Base(dir)); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.spelt == nil || len(b.spelt) >= maxSpelt {
		b.spelt = map[string]struct{}{}
	}
	b.spelt[dir] = struct{}{}
	return nil
}
