package httpstore

import (
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/objstore"
)

// TestFold: what is folded comes back, under any spelling of the names.
func TestFold(t *testing.T) {
	moment := time.Date(2020, 2, 29, 12, 30, 45, 120_000_000, time.UTC)
	for _, c := range []struct {
		name string
		meta objstore.Metadata
		user map[string]string // with Seconds
	}{
		{"nothing", objstore.Metadata{ContentType: "a/b"}, nil},
		{"all", objstore.Metadata{User: map[string]string{"own": "1"}, Modified: moment, Mode: 0o640, Link: "../x"},
			map[string]string{"own": "1", "mtime": "1582979445.12", "mode": "0640", "skyctl-symlink": "../x"}},
		{"whole second", objstore.Metadata{Modified: moment.Truncate(time.Second)}, map[string]string{"mtime": "1582979445"}},
		{"ten", objstore.Metadata{Modified: time.Unix(10, 0).UTC()}, map[string]string{"mtime": "10"}},
		{"before 1970", objstore.Metadata{Modified: time.Unix(-2, 750_000_000).UTC()}, map[string]string{"mtime": "-1.25"}},
		{"just before 1970", objstore.Metadata{Modified: time.Unix(-1, 999_999_999).UTC()}, map[string]string{"mtime": "-0.000000001"}},
		{"set-uid", objstore.Metadata{Mode: 0o4755}, map[string]string{"mode": "4755"}},
	} {
		given := maps.Clone(c.meta.User)
		if got := Fold(c.meta, Seconds, nil); !maps.Equal(got.User, c.user) || !got.Modified.IsZero() || got.Mode != 0 || got.Link != "" {
			t.Errorf("%s: folded to %+v", c.name, got)
		}
		if !maps.Equal(c.meta.User, given) {
			t.Errorf("%s: Fold changed what it was given to %v", c.name, c.meta.User)
		}
		for _, format := range []TimeFormat{Seconds, RFC3339} {
			for _, spell := range []func(string) string{nil, func(s string) string { return strings.ReplaceAll(s, "-", "_") }} {
				if got := Unfold(Fold(c.meta, format, spell), spell); !reflect.DeepEqual(got, c.meta) {
					t.Errorf("%s: comes back as %+v, was %+v", c.name, got, c.meta)
				}
			}
		}
	}
}

// TestUnfold: what others wrote.
func TestUnfold(t *testing.T) {
	for _, c := range []struct {
		user map[string]string
		want objstore.Metadata
	}{
		{map[string]string{"mtime": "1582979445.123456789"}, objstore.Metadata{Modified: time.Unix(1582979445, 123456789).UTC()}}, // rclone, S3
		{map[string]string{"mtime": "2020-02-29T13:30:45+01:00"}, objstore.Metadata{Modified: time.Date(2020, 2, 29, 13, 30, 45, 0, time.FixedZone("", 3600))}},
		{map[string]string{"mode": "100644"}, objstore.Metadata{Mode: 0o644}},                             // rclone, with the file's type
		{map[string]string{"mode": "33261"}, objstore.Metadata{User: map[string]string{"mode": "33261"}}}, // s3fs, decimal
		{map[string]string{"mode": "33188"}, objstore.Metadata{User: map[string]string{"mode": "33188"}}},
		{map[string]string{"mtime": "yesterday", "mode": "rw"}, objstore.Metadata{User: map[string]string{"mtime": "yesterday", "mode": "rw"}}},
		{map[string]string{"mtime": "12.x", "mode": "0"}, objstore.Metadata{User: map[string]string{"mtime": "12.x", "mode": "0"}}},
		{map[string]string{"mtime": "--1"}, objstore.Metadata{User: map[string]string{"mtime": "--1"}}},
		{map[string]string{"mtime": "1.-5"}, objstore.Metadata{User: map[string]string{"mtime": "1.-5"}}},
		{map[string]string{"mtime": ""}, objstore.Metadata{User: map[string]string{"mtime": ""}}},
	} {
		got := Unfold(objstore.Metadata{User: maps.Clone(c.user)}, nil)
		if !got.Modified.Equal(c.want.Modified) || got.Mode != c.want.Mode || !maps.Equal(got.User, c.want.User) {
			t.Errorf("%q is %+v, want %+v", c.user, got, c.want)
		}
	}
}

func TestEncodeWord(t *testing.T) {
	for _, s := range []string{"", "plain", "Grüße, 世界", " at both ends ", "=?utf-8?q?not_one?= of mine", strings.Repeat("ü", 200), "a=b&c"} {
		word := EncodeWord(s)
		if strings.ContainsFunc(word, func(r rune) bool { return r < ' ' || r > '~' }) || strings.TrimSpace(word) != word {
			t.Errorf("%q is encoded as %q, which no header keeps", s, word)
		}
		if got := DecodeWord(word); got != s {
			t.Errorf("%q comes back as %q, over %q", s, got, word)
		}
	}
}

func TestKeepUser(t *testing.T) {
	m := objstore.Metadata{User: map[string]string{"good": "1", "bad": "2", "mtime": "2020-01-01T00:00:00Z"}, Mode: 0o170000, Link: "a\nb"}
	given := maps.Clone(m.User)
	user := m.User
	lost := KeepUser(&m, func(name, _ string) bool { return name != "bad" })
	if want := objstore.FieldUser | objstore.FieldMode | objstore.FieldLink; lost != want {
		t.Errorf("lost are %v, want %v", lost, want)
	}
	if !maps.Equal(m.User, map[string]string{"good": "1"}) || m.Mode != 0 || m.Link != "" {
		t.Errorf("kept is %+v", m)
	}
	if !maps.Equal(user, given) {
		t.Errorf("the given map is now %v", user)
	}
	all := func(string, string) bool { return true }
	for _, c := range []struct {
		name string
		meta objstore.Metadata
		kept bool
	}{
		{"what is no mode", objstore.Metadata{User: map[string]string{"mode": "33261"}}, true},
		{"what is no mode, beside one", objstore.Metadata{User: map[string]string{"mode": "33261"}, Mode: 0o644}, false},
		{"a mode", objstore.Metadata{User: map[string]string{"mode": "100644"}}, false},
		{"what is no time", objstore.Metadata{User: map[string]string{"mtime": "yesterday"}}, true},
		{"what is no time, beside one", objstore.Metadata{User: map[string]string{"mtime": "yesterday"}, Modified: time.Unix(1, 0)}, false},
		{"a link", objstore.Metadata{User: map[string]string{"skyctl-symlink": "x"}}, false},
	} {
		m := c.meta
		lost := KeepUser(&m, all)
		if c.kept != (lost == 0) || c.kept != (len(m.User) == 1) {
			t.Errorf("%s: kept is %+v, lost %v", c.name, m, lost)
		}
	}
}
