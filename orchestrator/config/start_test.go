package config

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"testing"
)

func TestStartSaysNoMoreThanItsAbsence(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	if err := WriteStart(path); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse(path, data, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	got.File = ""
	if !reflect.DeepEqual(got, Default()) {
		t.Errorf("got %+v", got)
	}
	if err := WriteStart(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("again: %v", err)
	}
}

// TestStartWithoutItsComments: what a user gets who removes every #.
func TestStartWithoutItsComments(t *testing.T) {
	data := regexp.MustCompile(`(?m)^(# [A-Z].*|# skyctl.*|clouds: \{\})$`).ReplaceAll(start, nil)
	data = regexp.MustCompile(`(?m)^# `).ReplaceAll(data, nil)
	data = bytes.ReplaceAll(data, []byte(`sha256: "…"`), []byte(`sha256: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"`))
	c, err := Parse("start", data, func(string) (string, bool) { return "x", true })
	if err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	if c.Clouds.AWS.AccountID == "" || len(c.Stores) != 1 || len(c.Regions) != 2 || c.Tags["team"] != "data" {
		t.Errorf("%+v", c)
	}
}
