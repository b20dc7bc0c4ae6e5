package file

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"github.com/skyctl/skyctl/agent/objstore"
)

// folding is a directory that takes several spellings for one name, as fold has
// it. Its files are real, so that they can be told apart.
type folding struct {
	dir  string
	have []string
	fold func(string) string
	read *int // how often it was
}

func (d folding) Lstat(name string) (fs.FileInfo, error) {
	for _, have := range d.have {
		if d.fold(have) == d.fold(name) {
			return os.Lstat(filepath.Join(d.dir, have))
		}
	}
	return nil, fs.ErrNotExist
}

func (d folding) Each(yield func(string) bool) error {
	*d.read++
	for _, have := range d.have {
		if !yield(have) {
			break
		}
	}
	return nil
}

// TestMisspelt: what is there by another spelling is named, and nothing is read
// where spellings are names of their own.
func TestMisspelt(t *testing.T) {
	const composed, apart = "caf\u00e9", "cafe\u0301"
	exact := func(s string) string { return s }
	whole := func(s string) string { return strings.ToLower(norm.NFC.String(s)) }
	for _, c := range []struct {
		name string
		fold func(string) string
		have []string
		ask  string
		want string
		read int
	}{
		{"nothing there", strings.ToLower, nil, "Report", "", 0},
		{"the same", strings.ToLower, []string{"other", "Report"}, "Report", "", 1},
		{"other case", strings.ToLower, []string{"report"}, "Report", "report", 1},
		{"other case outside ASCII", strings.ToLower, []string{"ÉTÉ"}, "été", "ÉTÉ", 1},
		{"no letters", strings.ToLower, []string{"2026"}, "2026", "", 0},
		{"composed otherwise", norm.NFC.String, []string{apart}, composed, apart, 1},
		{"composed otherwise, the other way", norm.NFC.String, []string{composed}, apart, composed, 1},
		{"composed the same", norm.NFC.String, []string{apart}, apart, "", 1},
		{"both", whole, []string{strings.ToUpper(apart)}, composed, strings.ToUpper(apart), 1},
		{"names of their own", exact, []string{"report", "Report", apart}, "Report", "", 0},
	} {
		dir, read := t.TempDir(), 0
		for _, name := range c.have {
			if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, err := misspelt(folding{dir, c.have, c.fold, &read}, c.ask)
		if err != nil || got != c.want || read != c.read {
			t.Errorf("%s: %q, %v, read %d times; want %q and %d", c.name, got, err, read, c.want, c.read)
		}
	}
}

// TestSpellingsOfTheirOwn: where the filesystem has no such notion each key is a
// file, and a second link to a file is not taken for its other spelling.
func TestSpellingsOfTheirOwn(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	for _, key := range []string{"D/Key", "d/Key", "D/key", "D/caf\u00e9", "D/cafe\u0301"} {
		put(t, b, key, key)
	}
	if err := os.Link(filepath.Join(dir, "D/Key"), filepath.Join(dir, "D/kEY")); err != nil {
		t.Fatal(err)
	}
	put(t, b, "D/Key", "again")
	for key, want := range map[string]string{"d/Key": "d/Key", "D/key": "D/key", "D/Key": "again", "D/kEY": "D/Key"} {
		if got, err := os.ReadFile(filepath.Join(dir, key)); err != nil || string(got) != want {
			t.Errorf("%s holds %q, %v", key, got, err)
		}
	}
	err := b.(*bucket).failWrite("put", "D/caf\u00e9", errMisspelt("caf\u00e9", "cafe\u0301"))
	if objstore.KindOf(err) != objstore.KindInvalid || !strings.Contains(err.Error(), `takes "caf\u00e9" and "cafe\u0301" for one name`) {
		t.Errorf("it is said as %q", err)
	}
}
