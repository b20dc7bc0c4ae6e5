package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/skyctl/skyctl/orchestrator/region"
)

// Mapping says which key at the destination a key of the source becomes.
type Mapping struct {
	Source    Location // Key is the one key, or the prefix of all of them
	Dest      Location // Key is the new key, or the prefix of all of them
	Recursive bool
}

// Map applies the rules of paths to a source and one of its destinations.
//
// With recursive both are directories: of the source "data" every key that
// begins with "data/" is taken, never "database", and what follows that prefix
// is appended to the destination's. Without it the source is one exact key. It
// keeps its base name where the destination is a bare bucket, ends in a slash,
// or exists as a directory (destIsDir), and takes the destination's otherwise.
//
// A source without a key and without recursive, a destination that is the
// source and, with recursive, one inside the source are wrong usage. To find
// out, Map compares stores by what they are and not by their names, and files
// of this workstation by their paths behind symbolic links.
func Map(source, dest Location, recursive, destIsDir bool) (Mapping, error) {
	m := Mapping{Source: source, Dest: dest, Recursive: recursive}
	if recursive {
		m.Source, m.Dest = source.Directory(), dest.Directory()
	} else {
		if source.Key == "" {
			return Mapping{}, fmt.Errorf("%s names no object: add -r to take everything in it", source)
		}
		if destIsDir {
			m.Dest = dest.Directory()
		}
		if m.Dest.Key == "" || strings.HasSuffix(m.Dest.Key, "/") {
			m.Dest.Key += base(source.Key)
		}
	}
	from, to := m.Source.identity(), m.Dest.identity()
	switch {
	case from == to:
		return Mapping{}, fmt.Errorf("%s and %s are the same, nothing would be copied: name another destination", source, dest)
	case recursive && strings.HasPrefix(to, from):
		return Mapping{}, fmt.Errorf("%s is inside %s, the copy would contain itself: name a destination outside", dest, source)
	}
	return m, nil
}

// SameDest tells whether two mappings write to the same place.
func (m Mapping) SameDest(other Mapping) bool { return m.Dest.identity() == other.Dest.identity() }

// DestKey returns the destination's key for a key of the source, and false for
// a key that is not the source's to give. The one such key below a directory is
// the directory's own marker ("data/" of "data"), where the destination is a
// bare bucket and would need the empty key.
func (m Mapping) DestKey(key string) (string, bool) {
	if !m.Recursive {
		return m.Dest.Key, key == m.Source.Key
	}
	rest, ok := strings.CutPrefix(key, m.Source.Key)
	to := m.Dest.Key + rest
	return to, ok && to != ""
}

// Directory returns the location of everything below l: the prefix with its
// slash, or for files the directory itself, so that no key can leave it.
func (l Location) Directory() Location {
	switch {
	case l.Key == "":
	case l.Config.Type == typeFile:
		l.Config.Bucket, l.Key = filepath.Join(l.Config.Bucket, l.Key), ""
	case !strings.HasSuffix(l.Key, "/"):
		l.Key += "/"
	}
	return l
}

// base returns the last element of a key, with the slashes that end it. A key
// of nothing but slashes is its own.
func base(key string) string {
	trimmed := strings.TrimRight(key, "/")
	if trimmed == "" {
		return key
	}
	return key[strings.LastIndex(trimmed, "/")+1:]
}

// identity returns a string that is equal for locations that are the same, and
// a prefix of another's where that is inside this one and this is a directory.
func (l Location) identity() string {
	if l.Config.Type == typeFile {
		path := filepath.Join(l.Config.Bucket, l.Key)
		if l.local() {
			path = resolveLinks(path)
		}
		if l.Key == "" && path != "/" {
			path += "/"
		}
		return strings.Join([]string{typeFile, l.Host, path}, "\x00")
	}
	endpoint := strings.TrimRight(strings.ToLower(l.Config.Endpoint), "/")
	return strings.Join([]string{l.Config.Type, endpoint, l.Config.Bucket, l.Key}, "\x00")
}

// IsDir tells whether the location is an existing directory of this
// workstation. A directory that cannot be looked at is none.
func (l Location) IsDir() bool {
	if !l.local() {
		return false
	}
	info, err := os.Stat(filepath.Join(l.Config.Bucket, l.Key))
	return err == nil && info.IsDir()
}

// local tells whether the location is files of this workstation.
func (l Location) local() bool {
	return l.Config.Type == typeFile && l.Host == "" &&
		len(l.Regions) > 0 && l.Regions[0].Cloud() == region.Local
}

// resolveLinks follows the symbolic links of a path whose last elements need
// not exist.
func resolveLinks(path string) string {
	for existing, rest := path, ""; ; {
		if real, err := filepath.EvalSymlinks(existing); err == nil {
			return filepath.Join(real, rest)
		}
		parent, last := filepath.Split(existing)
		if parent = filepath.Clean(parent); parent == existing {
			return path
		}
		existing, rest = parent, filepath.Join(last, rest)
	}
}
