package engine

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// lockInfo is how Terraform describes a lock.
type lockInfo struct {
	ID, Operation, Info, Who, Version, Path string
	Created                                 time.Time
}

// ofHTTP asks a backend behind HTTP whose its lock is, as Terraform asks: of
// that backend Terraform (1.11) shows its own attempt in the place of the lock
// that it met. The answer is nil if there is no lock after all, or if the backend
// does not tell, or wants more than a password of who asks.
func (e *Engine) ofHTTP(ctx context.Context) (*stateLock, error) {
	settings, err := e.httpBackend()
	if err != nil || settings == nil {
		return nil, err
	}
	ask := lockInfo{ID: fmt.Sprintf("skyctl-%d-%d", os.Getpid(), time.Now().UnixNano()), Operation: "skyctl asks whose the lock is", Created: time.Now().UTC()}
	body, err := json.Marshal(ask)
	if err != nil {
		return nil, err
	}
	answer, status, err := settings.send(ctx, cmp.Or(settings["lock_method"], "LOCK"), settings["lock_address"], body)
	switch {
	case err != nil:
		return nil, err
	case status == http.StatusOK: // it has just been opened, and is ours now
		_, _, err := settings.send(context.WithoutCancel(ctx), cmp.Or(settings["unlock_method"], "UNLOCK"), settings["unlock_address"], body)
		return nil, err
	}
	var held lockInfo
	if json.Unmarshal(answer, &held) != nil {
		return nil, nil
	}
	return &stateLock{held.ID, held.Who, held.Created}, nil
}

// httpSettings are those of an initialised HTTP backend.
type httpSettings map[string]string

// httpBackend reads them, nil if the backend wants certificates.
func (e *Engine) httpBackend() (httpSettings, error) {
	content, err := os.ReadFile(filepath.Join(e.cfg.Dir, ".terraform", "terraform.tfstate"))
	var root struct {
		Backend struct{ Config map[string]any }
	}
	if err == nil {
		err = json.Unmarshal(content, &root)
	}
	if err != nil {
		return nil, fmt.Errorf("settings of the backend: %w", err)
	}
	settings := httpSettings{}
	for name, variable := range map[string]string{
		"lock_address": "TF_HTTP_LOCK_ADDRESS", "lock_method": "TF_HTTP_LOCK_METHOD", "unlock_address": "TF_HTTP_UNLOCK_ADDRESS", "unlock_method": "TF_HTTP_UNLOCK_METHOD",
		"username": "TF_HTTP_USERNAME", "password": "TF_HTTP_PASSWORD",
		"client_certificate_pem": "TF_HTTP_CLIENT_CERTIFICATE_PEM", "client_ca_certificate_pem": "TF_HTTP_CLIENT_CA_CERTIFICATE_PEM",
	} {
		given, _ := root.Backend.Config[name].(string)
		settings[name] = cmp.Or(given, os.Getenv(variable))
	}
	skip, _ := root.Backend.Config["skip_cert_verification"].(bool)
	if skip || settings["client_certificate_pem"] != "" || settings["client_ca_certificate_pem"] != "" {
		return nil, nil
	}
	return settings, nil
}

func (s httpSettings) send(ctx context.Context, method, address string, body []byte) (answer []byte, status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, 0, err
	}
	r.Header.Set("Content-Type", "application/json")
	if s["username"] != "" {
		r.SetBasicAuth(s["username"], s["password"])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, 0, fmt.Errorf("ask whose the state's lock is: %w", err)
	}
	answer, err = io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return answer, resp.StatusCode, errors.Join(err, resp.Body.Close())
}
