package config

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/orchestrator/region"
)

func TestResolve(t *testing.T) {
	c := full(t)
	t.Chdir(t.TempDir())
	cwd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	aws := environment(map[string]string{"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "us-east-1"})
	for _, x := range []struct {
		url     string
		env     LookupEnv
		store   string
		bucket  string
		key     string
		regions string
		host    string
	}{
		{"east://bucket/a/b", nothing, "east", "bucket", "a/b", "local:east", ""},
		{"east://bucket", nothing, "east", "bucket", "", "local:east", ""},
		{"east://bucket/", nothing, "east", "bucket", "", "local:east", ""},
		{"east://bucket//x", nothing, "east", "bucket", "/x", "local:east", ""},
		{"east://bucket/a//b/", nothing, "east", "bucket", "a//b/", "local:east", ""},
		{"east://bucket/a%20b?x=1#y+z", nothing, "east", "bucket", "a%20b?x=1#y+z", "local:east", ""},
		{"east://bucket/../x/.", nothing, "east", "bucket", "../x/.", "local:east", ""},
		{"east://bucket/s3://other/k", nothing, "east", "bucket", "s3://other/k", "local:east", ""},
		{"multi://b/k", nothing, "multi", "b", "k", "aws:us-east-1, aws:us-west-2", ""},
		{"s3://bucket/k", aws, "s3", "bucket", "k", "aws:eu-west-1", ""},
		{"s3://bucket/k", environment(map[string]string{"AWS_DEFAULT_REGION": "us-east-1"}), "s3", "bucket", "k", "aws:us-east-1", ""},
		{"s3://bucket/k", nothing, "s3", "bucket", "k", "", ""},
		{"gs://bucket/a//b", environment(map[string]string{"GOOGLE_REGION": "us-central1"}), "gs", "bucket", "a//b", "gcp:us-central1", ""},
		{"gs://bucket", aws, "gs", "bucket", "", "", ""},
		{"az://account/container/a/b", environment(map[string]string{"AZURE_DEFAULTS_LOCATION": "westus2"}), "az", "container", "a/b", "azure:westus2", ""},
		{"azure://account/container/", nothing, "az", "container", "", "", ""},
		{"r2://account/bucket//k", aws, "r2", "bucket", "/k", "", ""},
		{"gw://bucket/k", nothing, "gw", "bucket", "k", "local:west", ""},
		{"azu://container/k", nothing, "azu", "container", "k", "local:west", ""},
		{"nas://dir/key/x", nothing, "nas", "/srv/data/dir", "key/x", "ssh:rack1", "192.0.2.7"},
		{"nas:///key", nothing, "nas", "/srv/data", "key", "ssh:rack1", "192.0.2.7"},
		{"disk://dir", nothing, "disk", "/tmp/disk/dir", "", "local:workstation", ""},
		{"file:///srv/a b.txt", nothing, "file", "/srv", "a b.txt", "local:workstation", ""},
		{"file:///srv/dir/", nothing, "file", "/srv/dir", "", "local:workstation", ""},
		{"file:///", nothing, "file", "/", "", "local:workstation", ""},
		{"/srv/../etc/x", nothing, "file", "/etc", "x", "local:workstation", ""},
		{"x", nothing, "file", cwd, "x", "local:workstation", ""},
		{"./d/x", nothing, "file", cwd + "/d", "x", "local:workstation", ""},
		{".", nothing, "file", cwd, "", "local:workstation", ""},
		{"d/..", nothing, "file", cwd, "", "local:workstation", ""},
		{"a:b", nothing, "file", cwd, "a:b", "local:workstation", ""},
		{"./east:x", nothing, "file", cwd, "east:x", "local:workstation", ""},
		{"other:x", nothing, "file", cwd, "other:x", "local:workstation", ""},
		{"./east:/x", nothing, "file", cwd + "/east:", "x", "local:workstation", ""},
	} {
		l, err := c.Resolve(x.url, x.env)
		if err != nil {
			t.Errorf("%s: %v", x.url, err)
			continue
		}
		var names []string
		for _, r := range l.Regions {
			names = append(names, string(r))
		}
		got := []string{l.Store, l.Config.Bucket, l.Key, strings.Join(names, ", "), l.Host, l.URL}
		want := []string{x.store, x.bucket, x.key, x.regions, x.host, x.url}
		if strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%s:\n got  %q\n want %q", x.url, got, want)
		}
	}
}

func TestResolveConfig(t *testing.T) {
	c := full(t)
	l, err := c.Resolve("east://bucket/k", nothing)
	if err != nil || l.Config.Type != "s3" || l.Config.Endpoint != "http://127.0.0.1:9001" || !l.Config.PathStyle || l.Config.Region != "" || l.Config.Credentials["access_key_id"] != "key" {
		t.Errorf("east: %+v, %v", l.Config, err)
	}
	for url, want := range map[string]objstore.Config{
		"gs://bucket/k":            {Type: "gcs", Bucket: "bucket"},
		"az://acct/container/k":    {Type: "azblob", Bucket: "container", Endpoint: "https://acct.blob.core.windows.net"},
		"azure://acct/container/k": {Type: "azblob", Bucket: "container", Endpoint: "https://acct.blob.core.windows.net"},
		"r2://acct/bucket/k":       {Type: "s3", Bucket: "bucket", Endpoint: "https://acct.r2.cloudflarestorage.com", Region: "auto", PathStyle: true},
		"gw://bucket/k":            {Type: "gcs", Bucket: "bucket", Endpoint: c.Stores["gw"].Endpoint},
	} {
		if l, err := c.Resolve(url, nothing); err != nil || !reflect.DeepEqual(l.Config, want) {
			t.Errorf("%s: %+v, %v; want %+v", url, l.Config, err, want)
		}
	}
	if l, err = c.Resolve("multi://b/k", nothing); err != nil || l.Config.Region != "us-east-1" {
		t.Errorf("multi: %+v, %v", l.Config, err)
	}
}

// TestLocate: what the store of a cloud says of its bucket goes before what the
// environment says, and neither goes before the configuration.
func TestLocate(t *testing.T) {
	c := full(t)
	env := environment(map[string]string{"AWS_REGION": "us-east-1"})
	for _, x := range []struct {
		url     string
		named   []string
		regions []region.Region
		sdk     string // Config.Region
	}{
		{"s3://b/k", []string{"eu-west-1"}, []region.Region{"aws:eu-west-1"}, "eu-west-1"},
		{"s3://b/k", nil, []region.Region{"aws:us-east-1"}, "us-east-1"},
		{"s3://b/k", []string{"no region"}, []region.Region{"aws:us-east-1"}, "us-east-1"},
		{"gs://b/k", []string{"us-central1", "us-east1"}, []region.Region{"gcp:us-central1", "gcp:us-east1"}, "us-central1"},
		{"az://acct/b/k", []string{"westus2"}, []region.Region{"azure:westus2"}, "westus2"},
		{"r2://acct/b/k", []string{"wnam"}, nil, "auto"},
		{"east://b/k", []string{"us-east-1"}, []region.Region{"local:east"}, ""},
	} {
		l, err := c.Resolve(x.url, env)
		if err != nil {
			t.Fatal(err)
		}
		if l.Locate(x.named); !slices.Equal(l.Regions, x.regions) || l.Config.Region != x.sdk {
			t.Errorf("%s is said to be in %q: %v, %q", x.url, x.named, l.Regions, l.Config.Region)
		}
	}
}

func TestResolveRefuses(t *testing.T) {
	c := full(t)
	for url, want := range map[string]string{
		"":                "empty URL",
		"nope://b/k":      `unknown store "nope": the stores are s3, gs, az, r2, file, azu, disk, east, gw, multi, nas`,
		"gs:///k":         "write gs://bucket/key",
		"az://account":    "write az://account/bucket/key",
		"azure:///c/k":    "write azure://account/bucket/key",
		"r2://account//k": "write r2://account/bucket/key",
		"r2://a%2f/b/k":   "an account's name has only",
		"az://account/c$": "a bucket's name has only",
		"s3://":           "it has no bucket",
		"s3:///k":         "it has no bucket",
		"east:///k":       "write east://bucket/key",
		"east://b u/k":    "a bucket's name has only",
		"east://b?x/k":    "a bucket's name has only",
		"east:/bucket/k":  "write east://…, or ./east:/bucket/k for a file",
		"s3:/bucket/k":    "write s3://",
		"east:bucket/k":   "write east://",
		"file://srv/x":    "three slashes",
		"nas://../x":      `".." is no name`,
		"nas://d/a/../x":  `".." is no name`,
		"East://bucket/k": "unknown store",
	} {
		if l, err := c.Resolve(url, nothing); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v, %v, want %q", url, l, err, want)
		}
	}
	if _, err := Default().Resolve("east://b", nothing); err == nil || !strings.Contains(err.Error(), "no stores are configured") {
		t.Errorf("without stores: %v", err)
	}
	if _, err := c.Resolve("s3://b", environment(map[string]string{"AWS_REGION": "US EAST"})); err == nil || !strings.Contains(err.Error(), "AWS_REGION") {
		t.Errorf("malformed AWS_REGION: %v", err)
	}
}

func bucket(name, key string) Location {
	return Location{URL: name + "://b/" + key, Store: name, Key: key, Config: objstore.Config{Type: "s3", Endpoint: "http://" + name, Bucket: "b"}}
}

func TestMap(t *testing.T) {
	for _, c := range []struct {
		name      string
		src, dst  string // keys in different stores
		recursive bool
		isDir     bool
		key, want string // of an object; "-" is not the source's to give
	}{
		{"to a bare bucket", "a/x.bin", "", false, false, "a/x.bin", "x.bin"},
		{"to a directory", "a/x.bin", "d/", false, false, "a/x.bin", "d/x.bin"},
		{"to a new key", "a/x.bin", "d/y", false, false, "a/x.bin", "d/y"},
		{"to what exists as a directory", "a/x.bin", "d", false, true, "a/x.bin", "d/x.bin"},
		{"one key only", "a/x", "y", false, false, "a/xy", "-"},
		{"a key that ends in a slash", "a/d/", "e/", false, false, "a/d/", "e/d/"},
		{"a key of slashes", "//", "e/", false, false, "//", "e///"},
		{"a key with a double slash", "a//x", "", false, false, "a//x", "x"},
		{"a leading slash", "/x", "", false, false, "/x", "x"},

		{"a prefix is a directory", "data", "dst", true, false, "data/x/y", "dst/x/y"},
		{"not its namesakes", "data", "dst", true, false, "database/x", "-"},
		{"nor the object of its name", "data", "dst", true, false, "data", "-"},
		{"with its slash", "data/", "dst/", true, false, "data/x", "dst/x"},
		{"to a bare bucket", "data/", "", true, false, "data/x", "x"},
		{"from a bare bucket", "", "dst", true, false, "data/x", "dst/data/x"},
		{"bucket to bucket", "", "", true, false, "/x", "/x"},
		{"an exact prefix is removed", "data", "dst", true, false, "data//x", "dst//x"},
		{"a prefix of slashes", "data//", "dst", true, false, "data//x", "dst/x"},
		{"nor the other slashes", "data//", "dst", true, false, "data/x", "-"},
		{"a leading slash", "/data", "dst", true, false, "/data/x", "dst/x"},
		{"dots are letters", "data/..", "dst", true, false, "data/../x", "dst/x"},
		{"a marker", "data", "dst", true, false, "data/", "dst/"},
		{"a marker has no key in a bare bucket", "data", "", true, false, "data/", "-"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := Map(bucket("east", c.src), bucket("west", c.dst), c.recursive, c.isDir)
			if err != nil {
				t.Fatal(err)
			}
			if got, ok := m.DestKey(c.key); ok == (c.want == "-") || (ok && got != c.want) {
				t.Errorf("%q becomes %q, %v; want %q", c.key, got, ok, c.want)
			}
		})
	}
}

func TestMapRefuses(t *testing.T) {
	for _, c := range []struct {
		name      string
		src, dst  Location
		recursive bool
		want      string
	}{
		{"no key", bucket("east", ""), bucket("west", "x"), false, "add -r"},
		{"the same key", bucket("east", "a/x"), bucket("east", "a/x"), false, "are the same"},
		{"the same by base name", bucket("east", "x"), bucket("east", ""), false, "are the same"},
		{"the same by directory", bucket("east", "a/x"), bucket("east", "a/"), false, "are the same"},
		{"the same prefix", bucket("east", "a"), bucket("east", "a/"), true, "are the same"},
		{"the same bucket", bucket("east", ""), bucket("east", ""), true, "are the same"},
		{"inside", bucket("east", "a"), bucket("east", "a/b"), true, "is inside"},
		{"inside the bucket", bucket("east", ""), bucket("east", "a"), true, "is inside"},
		{"another key", bucket("east", "a/x"), bucket("east", "a/y"), false, ""},
		{"a namesake", bucket("east", "a"), bucket("east", "ab"), true, ""},
		{"outside", bucket("east", "a/b"), bucket("east", "a"), true, ""},
		{"another store", bucket("east", "a"), bucket("west", "a"), true, ""},
	} {
		_, err := Map(c.src, c.dst, c.recursive, false)
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	// The same store by another name is the same store.
	alias := bucket("east", "a/b")
	alias.Store, alias.Config.Endpoint = "alias", "HTTP://east/"
	if _, err := Map(bucket("east", "a"), alias, true, false); err == nil {
		t.Error("a destination inside the source by another store's name is accepted")
	}
}

func TestMapOfFiles(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{"src/sub", "other"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(dir, "src"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	c := Default()
	at := func(path string) Location {
		t.Helper()
		l, err := c.Resolve(dir+"/"+path, nothing)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	for _, x := range []struct {
		src, dst  string
		recursive bool
		want      string
	}{
		{"src/x", "src/x", false, "are the same"},
		{"src/x", "link/x", false, "are the same"},
		{"src/x", "src/", false, "are the same"},
		{"src", "link", true, "are the same"},
		{"src", "link/sub/new", true, "is inside"},
		{"link", "src/sub", true, "is inside"},
		{"src", "src2", true, ""},
		{"src/x", "other/x", false, ""},
		{"src/sub", "src", true, ""},
	} {
		_, err := Map(at(x.src), at(x.dst), x.recursive, at(x.dst).IsDir() && !x.recursive)
		if (err == nil) != (x.want == "") || (err != nil && !strings.Contains(err.Error(), x.want)) {
			t.Errorf("%s to %s: %v, want %q", x.src, x.dst, err, x.want)
		}
	}
	// Of a recursive copy the directory is the root, which no key can leave.
	m, err := Map(at("src"), at("new"), true, false)
	if err != nil || m.Source.Config.Bucket != dir+"/src" || m.Source.Key != "" || m.Dest.Config.Bucket != dir+"/new" || m.Dest.Key != "" {
		t.Errorf("%+v, %v", m, err)
	}
	if got, ok := m.DestKey("a/b"); !ok || got != "a/b" {
		t.Errorf("a/b becomes %q, %v", got, ok)
	}
	// A file into an existing directory keeps its name.
	m, err = Map(bucket("east", "a/x"), at("other"), false, at("other").IsDir())
	if err != nil || m.Dest.Config.Bucket != dir+"/other" || m.Dest.Key != "x" {
		t.Errorf("%+v, %v", m.Dest, err)
	}
	remote := Location{Config: objstore.Config{Type: "file", Bucket: dir}, Key: "src", Host: "192.0.2.7", Regions: []region.Region{"ssh:rack1"}}
	if remote.IsDir() {
		t.Error("a directory of another host is looked up here")
	}
	if _, err := Map(at("src"), remote, true, false); err != nil {
		t.Errorf("the same path on another host: %v", err)
	}
}

func TestRegionHint(t *testing.T) {
	for url, want := range map[string]string{
		"s3://b":   "set AWS_REGION, or declare",
		"gs://b":   "set GOOGLE_REGION, or declare",
		"r2://a/b": "type s3, endpoint https://a.r2.cloudflarestorage.com and the region",
	} {
		l, err := Default().Resolve(url, nothing)
		if got := l.RegionHint(); err != nil || !strings.Contains(got, want) {
			t.Errorf("%s: %q, %v; want %q", url, got, err, want)
		}
	}
}
