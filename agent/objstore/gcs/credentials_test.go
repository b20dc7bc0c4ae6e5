package gcs

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/objstore"
)

// accounts is a token endpoint that knows one account.
type accounts struct {
	*httptest.Server

	mu      sync.Mutex // the SDK may renew a token by itself
	refuses bool
	ahead   time.Duration // its clock
	lasts   int           // a token, in seconds
	issued  int
}

func newAccounts(t *testing.T) *accounts {
	t.Helper()
	a := &accounts{lasts: 3600}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Date", time.Now().Add(a.ahead).UTC().Format(http.TimeFormat))
		if a.refuses {
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, `{"error":"invalid_grant","error_description":"Account has been deleted"}`)
			return
		}
		a.issued++
		fmt.Fprintf(w, `{"access_token":"TOKEN","token_type":"Bearer","expires_in":%d}`, a.lasts)
	}))
	t.Cleanup(a.Close)
	return a
}

// key writes a service account's key into a file.
func (a *accounts) key(t *testing.T) string {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	content, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "account-project", "client_email": "a@b.c", "private_key_id": "1", "token_uri": a.URL,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key.json")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCredentials: what is configured is what is sent, here and delegated.
func TestCredentials(t *testing.T) {
	a := newAccounts(t)
	path := a.key(t)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name        string
		credentials map[string]string
		environment string // GOOGLE_APPLICATION_CREDENTIALS
		sent        string
		delegated   string // the key that the agent is given
	}{
		{"none for an emulator", nil, path, "", ""},
		{"none", map[string]string{keyAnonymous: "true"}, path, "", keyAnonymous},
		{"a token", map[string]string{keyToken: "FIXED"}, path, "Bearer FIXED", keyToken},
		{"a file", map[string]string{keyFile: path}, "", "Bearer TOKEN", keyToken},
		{"its content", map[string]string{keyJSON: string(content)}, "", "Bearer TOKEN", keyToken},
		{"the environment", map[string]string{keyAnonymous: "false"}, path, "Bearer TOKEN", keyToken},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", c.environment)
			f, _ := newFake(t)
			var sent string
			f.intercept = func(_ http.ResponseWriter, r *http.Request) bool {
				sent = r.Header.Get("Authorization")
				return false
			}
			cfg := objstore.Config{Type: "gcs", Bucket: fakeBucket, Endpoint: f.url, Credentials: c.credentials}
			delegated, whole, err := Delegate(t.Context(), cfg, objstore.Scope{Write: true})
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := delegated.Credentials[c.delegated]; ok == (c.delegated == "") || len(delegated.Credentials) > 1 {
				t.Errorf("delegated is %v", delegated.Credentials)
			}
			if minted := c.sent == "Bearer TOKEN"; minted == delegated.Expires.IsZero() || minted == (whole == "") {
				t.Errorf("delegated credentials expire at %v, and are whole for %q", delegated.Expires, whole)
			}
			for i, cfg := range []objstore.Config{cfg, delegated} {
				if i == 1 { // the agent has no environment
					t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "")
				}
				b := open(t, cfg)
				if _, err := b.Check(t.Context()); err != nil {
					t.Error(err)
				}
				if err := b.Close(); err != nil {
					t.Error(err)
				}
				if sent != c.sent && i == 0 || i == 1 && c.delegated != keyAnonymous && sent != c.sent {
					t.Errorf("sent was %q, want %q", sent, c.sent)
				}
			}
		})
	}
}

// TestCredentialsAreSoughtOnce, and by the first request, not by Open.
func TestCredentialsAreSoughtOnce(t *testing.T) {
	a := newAccounts(t)
	f, _ := newFake(t)
	b := open(t, objstore.Config{Bucket: fakeBucket, Endpoint: f.url, Credentials: map[string]string{keyFile: a.key(t)}})
	defer b.Close()
	if a.issued != 0 {
		t.Error("Open asked for a token")
	}
	for range 3 {
		if _, err := b.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if a.issued != 1 {
		t.Errorf("%d tokens were issued, want 1", a.issued)
	}
}

func TestNoCredentials(t *testing.T) {
	a := newAccounts(t)
	a.refuses = true
	path := a.key(t)
	for _, c := range []struct{ credentials, want string }{
		{filepath.Join(t.TempDir(), "none.json"), "no such file"},
		{path, "Account has been deleted"},
	} {
		b := open(t, objstore.Config{Bucket: "b", Endpoint: "http://127.0.0.1:1", Credentials: map[string]string{keyFile: c.credentials}})
		_, err := b.Check(t.Context())
		if objstore.KindOf(err) != objstore.KindPermission || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "GOOGLE_APPLICATION_CREDENTIALS") {
			t.Errorf("got %v", err)
		}
	}
	if _, _, err := Delegate(t.Context(), objstore.Config{Bucket: "b", Credentials: map[string]string{keyJSON: "{}"}}, objstore.Scope{Write: true}); objstore.KindOf(err) != objstore.KindPermission {
		t.Errorf("Delegate: %v", err)
	}
}

func TestEndpoints(t *testing.T) {
	for in, want := range map[string]string{
		"http://127.0.0.1:4443":                            "http://127.0.0.1:4443/storage/v1/",
		"http://127.0.0.1:4443/storage/v1":                 "http://127.0.0.1:4443/storage/v1/",
		"https://storage.europe-west3.rep.googleapis.com/": "https://storage.europe-west3.rep.googleapis.com/storage/v1/",
	} {
		if got, err := apiURL(in); err != nil || got != want {
			t.Errorf("%s: %s, %v", in, got, err)
		}
		if google(in) != strings.Contains(in, "google") {
			t.Errorf("%s is taken for Google's: %v", in, google(in))
		}
	}
	if !google("") || google("https://googleapis.com.example.org") {
		t.Error("Google's endpoints are mistaken")
	}
	f, _ := newFake(t)
	t.Setenv("STORAGE_EMULATOR_HOST", strings.TrimPrefix(f.url, "http://"))
	b := open(t, objstore.Config{Bucket: fakeBucket})
	defer b.Close()
	if _, err := b.Check(t.Context()); err != nil {
		t.Errorf("an emulator from the environment: %v", err)
	}
}

// TestCredentialsThatEnd: an account that is deleted in the middle of a run ends
// the run and fails no object; a clock that is wrong is named.
func TestCredentialsThatEnd(t *testing.T) {
	a := newAccounts(t)
	a.lasts = 1
	f, _ := newFake(t)
	b := open(t, objstore.Config{Bucket: fakeBucket, Endpoint: f.url, Credentials: map[string]string{keyFile: a.key(t)}})
	defer b.Close()
	if _, err := b.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.mu.Lock()
	a.refuses, a.ahead = true, time.Hour
	a.mu.Unlock()
	var err error
	for err == nil { // until the token ends
		_, err = b.Check(t.Context())
	}
	if objstore.KindOf(err) != objstore.KindExpired || !strings.Contains(err.Error(), "cannot be renewed") || !strings.Contains(err.Error(), "1h0m0s behind the store's: set it") {
		t.Errorf("got %v", err)
	}
}
