package config

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/orchestrator/region"
)

// Location is what a URL or path on the command line names.
type Location struct {
	URL    string          // as the user wrote it
	Store  string          // the URL's scheme: a configured store's name, "s3", "gs", "az", "r2" or "file"
	Config objstore.Config // how an agent opens the bucket
	Key    string          // literal: a key, a prefix, or empty

	// Regions are where gateways may read and write it. For a bucket of a cloud
	// they are what the environment says, or none, until Locate.
	Regions []region.Region

	// Host is the address of the host that a file store is on, empty for this
	// workstation and for everything but files.
	Host string
}

// String returns the URL.
func (l Location) String() string { return l.URL }

// builtin are the schemes that no configured store may be called.
var builtin = []string{"s3", "gs", "az", "azure", "r2", "file"}

// typeFile is the type of stores that are a directory.
const typeFile = "file"

// scheme is what may stand before "://", and therefore be a store's name.
var scheme = regexp.MustCompile(`^[a-z][a-z0-9+.-]*$`)

// bucketName is what every object store allows and no shell or URL changes.
var bucketName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// Resolve reads SCHEME://BUCKET/KEY, file:///PATH or a plain path.
//
// Keys are literal: whatever follows the slash behind the bucket is the key,
// nothing is decoded, cleaned or dropped. Paths are not keys: they are made
// absolute and cleaned. A path's last element is its key in the directory
// before it; a path that ends in a slash, "." or ".." is a directory with no
// key.
//
// A store of type file keeps each bucket in a directory of its own below its
// path; nas:///key is a key right in its path.
//
// Every error is wrong usage.
func (c *Config) Resolve(url string, env LookupEnv) (Location, error) {
	name, rest, ok := strings.Cut(url, "://")
	switch {
	case url == "":
		return Location{}, errors.New("empty URL, write for example s3://bucket/key or ./file")
	case !ok || strings.Contains(name, "/"):
		if name, _, _ := strings.Cut(url, ":"); c.known(name) {
			return Location{}, fmt.Errorf("malformed URL %q: write %s://…, or ./%s for a file", url, name, url)
		}
		return file(url, url)
	case name == "file":
		if !strings.HasPrefix(rest, "/") {
			return Location{}, fmt.Errorf("malformed URL %q: a file URL has three slashes, file:///path", url)
		}
		return file(url, rest)
	}
	if s, ok := c.Stores[name]; ok {
		return s.locate(url, name, rest)
	}
	if slices.Contains(builtin, name) {
		return cloud(url, name, rest, env)
	}
	return Location{}, fmt.Errorf("%s: unknown store %q: %s", url, name, c.knownStores())
}

// known tells whether name is the scheme of some store.
func (c *Config) known(name string) bool {
	_, ok := c.Stores[name]
	return ok || slices.Contains(builtin, name)
}

func (c *Config) knownStores() string {
	if len(c.Stores) == 0 {
		return "no stores are configured; add it to stores in the configuration, or use s3://, gs://, az://, r2://, file:// or a path"
	}
	return "the stores are s3, gs, az, r2, file, " + strings.Join(slices.Sorted(maps.Keys(c.Stores)), ", ")
}

// file locates a path of this workstation.
func file(url, path string) (Location, error) {
	l := Location{URL: url, Store: typeFile, Regions: []region.Region{region.Workstation}}
	abs, err := filepath.Abs(path)
	if err != nil {
		return Location{}, fmt.Errorf("%s: %w", url, err)
	}
	l.Config = objstore.Config{Type: typeFile, Bucket: abs}
	if last := path[strings.LastIndex(path, "/")+1:]; last != "" && last != "." && last != ".." {
		l.Config.Bucket, l.Key = filepath.Split(abs)
		l.Config.Bucket = filepath.Clean(l.Config.Bucket)
	}
	return l, nil
}

// locate finds a bucket of a configured store.
func (s Store) locate(url, name, rest string) (Location, error) {
	l := Location{
		URL:     url,
		Store:   name,
		Regions: slices.Clone(s.Region),
		Host:    s.Host,
		Config: objstore.Config{
			Type:        s.Type,
			Endpoint:    s.Endpoint,
			PathStyle:   s.PathStyle,
			Credentials: maps.Clone(s.Credentials),
		},
	}
	if len(s.Region) > 0 && !s.Region[0].Cloud().Owned() {
		l.Config.Region = s.Region[0].Name()
	}
	var err error
	if s.Type == typeFile {
		l.Config.Bucket, l.Key, err = s.directory(url, rest)
	} else {
		l.Config.Bucket, l.Key, err = split(url, name, rest)
	}
	if err != nil {
		return Location{}, err
	}
	return l, nil
}

// directory splits BUCKET/KEY for a store of files.
func (s Store) directory(url, rest string) (root, key string, err error) {
	bucket, key, _ := strings.Cut(rest, "/")
	for element := range strings.SplitSeq(rest, "/") {
		if element == "." || element == ".." {
			return "", "", fmt.Errorf("malformed URL %q: %q is no name in a store of files", url, element)
		}
	}
	return filepath.Join(s.Path, bucket), key, nil
}

// split divides BUCKET/KEY at its first slash.
func split(url, name, rest string) (bucket, key string, err error) {
	bucket, key, _ = strings.Cut(rest, "/")
	switch {
	case bucket == "":
		return "", "", fmt.Errorf("malformed URL %q: it has no bucket, write %s://bucket/key", url, name)
	case !bucketName.MatchString(bucket):
		return "", "", fmt.Errorf("malformed URL %q: a bucket's name has only letters, digits, '.', '_' and '-'", url)
	}
	return bucket, key, nil
}
