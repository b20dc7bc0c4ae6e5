package table

import (
	"strings"
	"testing"
)

func TestRows(t *testing.T) {
	table, err := Open("t.csv", strings.NewReader("\ufeffname, gbps\n# a comment\n\neast, 1.5\n# another\n\"west\",0\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := table.Only([]string{"name", "gbps"}, "rtt"); err != nil {
		t.Fatal(err)
	}
	type row struct {
		name string
		gbps float64
		line int
	}
	var got []row
	for table.Next() {
		got = append(got, row{table.Text("name"), table.Figure("gbps"), table.Line()})
		if table.Text("rtt") != "" {
			t.Errorf("a column that is not there: %q", table.Text("rtt"))
		}
	}
	want := []row{{"east", 1.5, 4}, {"west", 0, 6}}
	if table.Err() != nil || len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("%v, %v, want %v", got, table.Err(), want)
	}
}

func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                   "t.csv: empty",
		"# only a comment\n": "t.csv: empty",
		"a,a\n":              `t.csv:1: column "a" is there twice`,
		"b\n1\n":             `t.csv:1: column "a" is missing`,
		"a,b\n1,2\n":         `t.csv:1: column "b" is unknown`,
		"a\n1\n2,3\n":        "t.csv:3: wrong number of fields",
		"a\n\"x\n":           "t.csv:2: extraneous or missing",
		"a\n\n-1\n":          "t.csv:3: a -1 is negative",
		"a\n0\n":             "t.csv:2: a 0 is no figure",
		"a\nNaN\n":           `t.csv:2: a "NaN" is not a number`,
		"a\n+Inf\n":          `t.csv:2: a "+Inf" is not a number`,
		"a\n1e99\n":          "t.csv:2: a 1e+99 is too large",
		"a\none\n":           `t.csv:2: a "one" is not a number`,
	} {
		if err := read(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if err := read("a\n1\n"); err != nil {
		t.Error(err)
	}
}

// read reads a table of one column of positive figures.
func read(text string) error {
	t, err := Open("t.csv", strings.NewReader(text))
	if err != nil {
		return err
	}
	if err := t.Only([]string{"a"}); err != nil {
		return err
	}
	for t.Next() {
		t.Positive("a")
	}
	return t.Err()
}

func FuzzRead(f *testing.F) {
	f.Add("a\n1\n")
	f.Add("a,b\n\"1\",2\n")
	f.Fuzz(func(t *testing.T, text string) {
		if err := read(text); err != nil && !strings.HasPrefix(err.Error(), "t.csv:") {
			t.Errorf("%q: %v does not name the file", text, err)
		}
	})
}
