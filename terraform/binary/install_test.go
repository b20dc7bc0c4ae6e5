package binary

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
)

// The names tell hc-install what the files are.
const (
	sumsFile      = "terraform_" + Pin + "_SHA256SUMS"
	signatureFile = sumsFile + ".sig"
)

// releaseServer serves one release of the pin as HashiCorp's site does, signed
// with a key of its own. The binary in it is a script that says line.
func releaseServer(t *testing.T, line string) (server *httptest.Server, publicKey string, files map[string][]byte) {
	t.Helper()
	key, err := openpgp.NewEntity("test", "", "test@example.org", nil)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("terraform_%s_%s_%s.zip", Pin, runtime.GOOS, runtime.GOARCH)
	archive := zipped(t, line)
	sums := fmt.Appendf(nil, "%x  %s\n", sha256.Sum256(archive), name)
	var signature, public bytes.Buffer
	if err := openpgp.DetachSign(&signature, key, bytes.NewReader(sums), nil); err != nil {
		t.Fatal(err)
	}
	w, err := armor.Encode(&public, openpgp.PublicKeyType, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := key.Serialize(w); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	files = map[string][]byte{name: archive, sumsFile: sums, signatureFile: signature.Bytes()}
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		file, ok := strings.CutPrefix(r.URL.Path, "/terraform/"+Pin+"/")
		if content, there := files[file]; ok && there {
			switch file {
			case name:
				w.Header().Set("Content-Type", "application/zip")
			case "index.json":
				w.Header().Set("Content-Type", "application/json")
			}
			_, _ = w.Write(content)
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(server.Close)
	index, err := json.Marshal(map[string]any{
		"name": "terraform", "version": Pin, "shasums": sumsFile, "shasums_signature": signatureFile,
		"builds": []map[string]string{{
			"name": "terraform", "version": Pin, "os": runtime.GOOS, "arch": runtime.GOARCH,
			"filename": name, "url": server.URL + "/terraform/" + Pin + "/" + name,
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	files["index.json"] = index
	return server, public.String(), files
}

func zipped(t *testing.T, line string) []byte {
	t.Helper()
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	f, err := w.Create("terraform")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(f, "#!/bin/sh\necho '%s'\n", line); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return archive.Bytes()
}

func TestInstall(t *testing.T) {
	t.Setenv("PATH", "/usr/bin:/bin")
	server, publicKey, _ := releaseServer(t, "Terraform v"+Pin)
	cache := filepath.Join(t.TempDir(), "cache")
	opts := Options{CacheDir: cache, apiBaseURL: server.URL, publicKey: publicKey}

	b, err := Find(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(b.Path, cache) || b.Version.String() != Pin || b.Product != Terraform {
		t.Errorf("got %v", b)
	}
	entries, err := os.ReadDir(cache)
	if err != nil || len(entries) != 1 {
		t.Errorf("the cache has %v, %v", entries, err)
	}

	// From now on without the network.
	server.Close()
	again, err := Find(t.Context(), opts)
	if err != nil || again.Path != b.Path {
		t.Errorf("the second time: %v, %v", again, err)
	}
}

func TestInstallFails(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil func(server *httptest.Server, files map[string][]byte)
		want  string
	}{
		"no network":  {func(s *httptest.Server, _ map[string][]byte) { s.Close() }, "connection refused"},
		"no release":  {func(_ *httptest.Server, files map[string][]byte) { delete(files, "index.json") }, "404"},
		"forged sums": {func(_ *httptest.Server, files map[string][]byte) { files[sumsFile] = append(files[sumsFile], '\n') }, "signature"},
		"forged archive": {func(_ *httptest.Server, files map[string][]byte) {
			files[fmt.Sprintf("terraform_%s_%s_%s.zip", Pin, runtime.GOOS, runtime.GOARCH)] = []byte("PK")
		}, "checksum"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("PATH", dir+":/usr/bin:/bin")
			script(t, dir, "terraform", "Terraform v1.3.0")
			server, publicKey, files := releaseServer(t, "Terraform v"+Pin)
			tc.spoil(server, files)
			cache := t.TempDir()
			b, err := Find(t.Context(), Options{CacheDir: cache, apiBaseURL: server.URL, publicKey: publicKey})
			if err == nil {
				t.Fatalf("installed %v", b)
			}
			// Both what was found and what went wrong after it.
			for _, want := range []string{"Terraform 1.3.0 (" + dir, tc.want, "download: "} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error lacks %q: %v", want, err)
				}
			}
			if entries, err := os.ReadDir(cache); err != nil || len(entries) != 0 {
				t.Errorf("the cache has %v, %v", entries, err)
			}
		})
	}
}
