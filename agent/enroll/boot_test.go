package enroll

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestBootFile(t *testing.T) {
	a := authority(t, testRun)
	good := bootOf(a, "gw-0", a.NewToken())
	for _, c := range []struct {
		name   string
		change func(m map[string]any)
		want   string // in the error; empty: none
	}{
		{"good", func(map[string]any) {}, ""},
		{"every address", func(m map[string]any) { m["listen"] = ":7000" }, ""},
		{"unknown key", func(m map[string]any) { m["tokn"] = "x" }, `"tokn"`},
		{"no run", func(m map[string]any) { delete(m, "run") }, `run: run ""`},
		{"odd run", func(m map[string]any) { m["run"] = "../x" }, "run: "},
		{"odd name", func(m map[string]any) { m["name"] = "a b" }, `name: gateway "a b"`},
		{"long name", func(m map[string]any) { m["name"] = strings.Repeat("a", 65) }, "1 to 64"},
		{"no port", func(m map[string]any) { m["listen"] = "127.0.0.1" }, "not HOST:PORT"},
		{"port 0", func(m map[string]any) { m["listen"] = "127.0.0.1:0" }, "from 1 to 65535"},
		{"no certificate", func(m map[string]any) { delete(m, "ca_certificate") }, "not a certificate in PEM"},
		{"a bundle", func(m map[string]any) { m["ca_certificate"] = a.CertificatePEM() + a.CertificatePEM() }, "more than one"},
		{"short token", func(m map[string]any) { m["token"] = "c2hvcnQ" }, "token is not 32 bytes"},
		{"no lifetime", func(m map[string]any) { delete(m, "lifetime_seconds") }, "lifetime_seconds: 0 is not"},
		{"eternal", func(m map[string]any) { m["lifetime_seconds"] = 86401 }, "from 1 to 86400"},
		{"no end", func(m map[string]any) { delete(m, "not_after") }, "not_after: is missing"},
		{"odd end", func(m map[string]any) { m["not_after"] = "tomorrow" }, "not the expected JSON"},
		{"no patience", func(m map[string]any) { m["enroll_within_seconds"] = 0 }, "enroll_within_seconds: 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := map[string]any{
				"run": good.Run, "name": good.Name, "listen": good.Listen, "ca_certificate": good.CACertificate, "token": string(good.Token),
				"lifetime_seconds": 7200, "not_after": "2030-01-02T03:04:05Z", "enroll_within_seconds": 300,
			}
			c.change(m)
			raw, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "boot.json")
			if err := os.WriteFile(path, raw, 0o600); err != nil {
				t.Fatal(err)
			}
			b, err := ReadBoot(path)
			if c.want == "" {
				if err != nil || b.Lifetime() != 2*time.Hour || b.EnrollWithin() != 5*time.Minute || !b.NotAfter.Equal(time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)) {
					t.Errorf("%v, %+v", err, b)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), string(good.Token)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	for _, raw := range []string{"", "[]", "{} {}", strings.Repeat(" ", maxBoot+1)} {
		if _, err := parseBoot([]byte(raw)); err == nil {
			t.Errorf("%.10q is accepted", raw)
		}
	}
}

func TestTokensDoNotPrint(t *testing.T) {
	token := newToken()
	if token == newToken() {
		t.Error("two tokens are the same")
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "token", token)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "boot", Boot{Token: token})
	for _, s := range []string{log.String(), fmt.Sprint(token), fmt.Sprintf("%q %#v %s", token, token, token), fmt.Sprintf("%+v %#v", Boot{Token: token}, Boot{Token: token})} {
		if strings.Contains(s, string(token)) || !strings.Contains(s, "[token]") {
			t.Errorf("%s", s)
		}
	}
}

func TestAuthorityFiles(t *testing.T) {
	if _, err := LoadAuthority(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty directory: %v", err)
	}
	dir := filepath.Join(t.TempDir(), "ca")
	a := authority(t, testRun)
	if err := a.Save(dir); err != nil {
		t.Fatal(err)
	}
	if err := a.Save(dir); err != nil {
		t.Fatalf("saved again: %v", err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 3 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", f.Name(), info.Mode(), err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory: %v, %v", info.Mode(), err)
	}
	b, err := LoadAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	if b.Run() != testRun || !b.NotAfter().Equal(a.NotAfter().Truncate(time.Second)) || b.CertificatePEM() != a.CertificatePEM() {
		t.Errorf("loaded %s until %s", b.Run(), b.NotAfter())
	}
	if _, _, serverErr, clientErr := meet(t, enrolled(t, a, "gw-1").ServerConfig("h2"), b.ClientConfig("gw-1", "h2")); serverErr != nil || clientErr != nil {
		t.Errorf("the loaded authority: %v, %v", serverErr, clientErr)
	}
	for _, c := range []struct{ file, content string }{
		{keyFile, "rubbish"}, {certFile, "rubbish"}, {claimsFile, "null"}, {claimsFile, "["}, {certFile, authority(t, testRun).CertificatePEM()},
	} {
		dir := filepath.Join(t.TempDir(), "ca")
		if err := a.Save(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, c.file), []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadAuthority(dir); err == nil || !strings.Contains(err.Error(), c.file) {
			t.Errorf("%s with %.10q: %v", c.file, c.content, err)
		}
	}
}
