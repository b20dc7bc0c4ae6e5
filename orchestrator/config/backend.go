package config

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// runMark stands for a run's id in the settings of a Terraform backend.
const runMark = "{run}"

// backend is a kind of Terraform backend.
type backend struct {
	place string // the setting that says where a state is
	usual string // what that is unless the configuration says so; empty: it has to, or need not
	below string // what follows a place that is said without the mark
	// secrets are settings that hold a credential, and where Terraform finds it
	// instead: the others are rendered into a file that people may share.
	secrets map[string]string
}

var backends = map[string]backend{
	"local": {place: "path", below: "/{run}.tfstate"},
	"s3": {place: "key", usual: "skyctl/{run}.tfstate", below: "/{run}.tfstate", secrets: map[string]string{
		"access_key": "AWS_ACCESS_KEY_ID", "secret_key": "AWS_SECRET_ACCESS_KEY", "token": "AWS_SESSION_TOKEN", "sse_customer_key": "AWS_SSE_CUSTOMER_KEY", "web_identity_token": "AWS_WEB_IDENTITY_TOKEN_FILE"}},
	"gcs": {place: "prefix", usual: "skyctl/{run}", below: "/{run}", secrets: map[string]string{
		"credentials": "GOOGLE_BACKEND_CREDENTIALS", "access_token": "GOOGLE_OAUTH_ACCESS_TOKEN", "encryption_key": "GOOGLE_ENCRYPTION_KEY"}},
	"azurerm": {place: "key", usual: "skyctl/{run}.tfstate", below: "/{run}.tfstate", secrets: map[string]string{
		"access_key": "ARM_ACCESS_KEY", "sas_token": "ARM_SAS_TOKEN", "client_secret": "ARM_CLIENT_SECRET", "client_certificate": "ARM_CLIENT_CERTIFICATE",
		"client_certificate_password": "ARM_CLIENT_CERTIFICATE_PASSWORD", "oidc_token": "ARM_OIDC_TOKEN", "oidc_request_token": "ARM_OIDC_REQUEST_TOKEN"}},
	"pg": {place: "schema_name", usual: "skyctl-{run}", below: "-{run}", secrets: map[string]string{"conn_str": "PG_CONN_STR"}},
	"http": {place: "address", below: "/{run}", secrets: map[string]string{
		"password": "TF_HTTP_PASSWORD", "client_private_key_pem": "TF_HTTP_CLIENT_PRIVATE_KEY_PEM"}},
}

// checkBackend sees that each run has a state of its own, below the place that
// is said where the mark is nowhere, and that no credential is among the settings.
func (t *Terraform) checkBackend() error {
	if len(t.Backend) == 0 {
		return nil
	}
	kind, _ := t.Backend["type"].(string)
	if kind == "" {
		return fmt.Errorf("terraform.backend.type: missing, name Terraform's backend, for example s3")
	}
	b, ok := backends[kind]
	if !ok {
		return fmt.Errorf("terraform.backend.type: %q is none of %s", kind, strings.Join(slices.Sorted(maps.Keys(backends)), ", "))
	}
	if err := b.checkSecrets("terraform.backend", t.Backend); err != nil {
		return err
	}
	t.Backend = maps.Clone(t.Backend)
	if _, ok := t.Backend[b.place]; !ok && b.usual != "" {
		t.Backend[b.place] = b.usual
	}
	places := []string{b.place}
	switch kind {
	case "s3":
		_, table := t.Backend["dynamodb_table"]
		if _, ok := t.Backend["use_lockfile"]; !ok && !table {
			t.Backend["use_lockfile"] = true
		}
	case "http":
		places = append(places, "lock_address", "unlock_address")
		if _, ok := t.Backend[b.place]; !ok {
			return fmt.Errorf("terraform.backend.address: missing, name the URL of a state, with %s in it", runMark)
		}
	}
	marked := 0
	for _, name := range places {
		if where, ok := t.Backend[name]; ok && strings.Contains(fmt.Sprint(where), runMark) {
			marked++
		}
	}
	for _, name := range places {
		where, ok := t.Backend[name]
		switch text, isText := where.(string); {
		case !ok || strings.Contains(fmt.Sprint(where), runMark):
		case marked > 0 || !isText:
			return fmt.Errorf("terraform.backend.%s: %v has no %s in it, and each run needs a state of its own", name, where, runMark)
		default:
			t.Backend[name] = strings.TrimRight(text, "/") + b.below
		}
	}
	return nil
}

// checkSecrets looks into objects too.
func (b backend) checkSecrets(at string, settings map[string]any) error {
	for name, value := range sorted(settings) {
		if instead, ok := b.secrets[name]; ok {
			return fmt.Errorf("%s.%s: it would be rendered for everybody to read; set the environment variable %s", at, name, instead)
		}
		switch v := value.(type) {
		case map[string]any:
			if err := b.checkSecrets(at+"."+name, v); err != nil {
				return err
			}
		case string:
			if u, err := url.Parse(v); err == nil && u.User != nil {
				return fmt.Errorf("%s.%s: a URL with a user in it would be rendered for everybody to read; Terraform takes both from the environment (TF_HTTP_USERNAME, TF_HTTP_PASSWORD)", at, name)
			}
		}
	}
	return nil
}

// BackendOf is the backend with the settings of a run's state, nil for a state
// beside the root module.
func (t Terraform) BackendOf(run string) map[string]any {
	if len(t.Backend) == 0 {
		return nil
	}
	return ofRun(t.Backend, run).(map[string]any)
}

func ofRun(value any, run string) any {
	switch v := value.(type) {
	case string:
		return strings.ReplaceAll(v, runMark, run)
	case map[string]any:
		out := map[string]any{}
		for name, inner := range v {
			out[name] = ofRun(inner, run)
		}
		return out
	}
	return value
}
