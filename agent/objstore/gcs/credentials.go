package gcs

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials"
	"cloud.google.com/go/auth/httptransport"
	"cloud.google.com/go/storage"

	"github.com/skyctl/skyctl/agent/objstore"
)

// The keys of Config.Credentials; at most one may be set. Without any of them
// an endpoint of Google's gets the application default credentials, and any
// other, which is an emulator, none.
const (
	keyFile      = "credentials_file" // the path of a JSON key or configuration
	keyJSON      = "credentials_json" // its content
	keyToken     = "access_token"     // one that is used until it expires
	keyAnonymous = "anonymous"        // "true": none are sent
)

// finder returns credentials, or nil to send none.
type finder func() (*auth.Credentials, error)

// credentialsOf says how the credentials of cfg are found. That happens once,
// when the first request needs them, for it may contact a metadata server.
func credentialsOf(cfg objstore.Config) (finder, error) {
	known := []string{keyToken, keyAnonymous, keyFile, keyJSON}
	var set []string
	for _, name := range slices.Sorted(maps.Keys(cfg.Credentials)) {
		switch {
		case !slices.Contains(known, name):
			return nil, fmt.Errorf("unknown credential %q; known are %s", name, strings.Join(known, ", "))
		case cfg.Credentials[name] != "":
			set = append(set, name)
		}
	}
	if len(set) > 1 {
		return nil, fmt.Errorf("%s exclude each other, keep one", strings.Join(set, " and "))
	}
	none := len(set) == 0 && !google(cmp.Or(cfg.Endpoint, emulator()))
	if value := cfg.Credentials[keyAnonymous]; value != "" {
		var err error
		if none, err = strconv.ParseBool(value); err != nil {
			return nil, fmt.Errorf("%s is %q, neither true nor false", keyAnonymous, value)
		}
	}
	if none {
		return func() (*auth.Credentials, error) { return nil, nil }, nil
	}
	c := cfg.Credentials
	if token := c[keyToken]; token != "" {
		fixed := auth.NewCredentials(&auth.CredentialsOptions{TokenProvider: fixedToken(token)})
		return func() (*auth.Credentials, error) { return fixed, nil }, nil
	}
	return sync.OnceValues(func() (*auth.Credentials, error) {
		return credentials.DetectDefault(&credentials.DetectOptions{
			Scopes: []string{storage.ScopeReadWrite}, CredentialsFile: c[keyFile], CredentialsJSON: []byte(c[keyJSON])})
	}), nil
}

// fixedToken is an access token that somebody else renews.
type fixedToken string

func (t fixedToken) Token(context.Context) (*auth.Token, error) {
	return &auth.Token{Value: string(t), Type: "Bearer"}, nil
}

// authorized adds the credentials to each request.
type authorized struct {
	base http.RoundTripper
	find finder
}

func (t *authorized) RoundTrip(r *http.Request) (*http.Response, error) {
	c, err := t.find()
	if err != nil {
		return nil, &credentialsError{err}
	}
	if c == nil {
		return t.base.RoundTrip(r)
	}
	r, err = withToken(r, c)
	if err != nil {
		return nil, err
	}
	return t.base.RoundTrip(r)
}

// withToken returns the request as the owner of c sends it. An error of a
// token endpoint that refuses is not one of a store that cannot be reached.
func withToken(r *http.Request, c *auth.Credentials) (*http.Request, error) {
	token, err := c.Token(r.Context())
	if err != nil {
		var refused *auth.Error
		if errors.As(err, &refused) && !refused.Temporary() {
			return nil, &credentialsError{err}
		}
		return nil, err
	}
	project, err := c.QuotaProjectID(r.Context())
	if err != nil {
		return nil, &credentialsError{err}
	}
	r = r.Clone(r.Context())
	httptransport.SetAuthHeader(token, r)
	if project != "" {
		r.Header.Set("X-Goog-User-Project", project)
	}
	return r, nil
}

// credentialsError marks the errors of finding credentials, which otherwise
// look like those of the request that needed them.
type credentialsError struct{ err error }

func (e *credentialsError) Error() string {
	return fmt.Sprintf("no usable credentials (%v); run gcloud auth application-default login, set GOOGLE_APPLICATION_CREDENTIALS, or the store's credentials", e.err)
}

func (e *credentialsError) Unwrap() error { return e.err }

// carried are the types of credentials that mean the same on any machine. The
// others name files or metadata servers of this one.
var carried = []string{"service_account", "authorized_user", "impersonated_service_account"}

// Delegate returns cfg with the credentials spelled out that are found here,
// so that an agent which has none can open the bucket: as they are where they
// mean the same elsewhere, else an access token, good for up to an hour.
func Delegate(ctx context.Context, cfg objstore.Config) (objstore.Config, error) {
	cfg.Endpoint = cmp.Or(cfg.Endpoint, emulator())
	if path := cfg.Credentials[keyFile]; path != "" {
		content, err := os.ReadFile(path)
		if err != nil {
			return cfg, fmt.Errorf("%s: %w", keyFile, err)
		}
		cfg.Credentials = map[string]string{keyJSON: string(content)}
	}
	find, err := credentialsOf(cfg)
	if err != nil {
		return cfg, err
	}
	c, err := find()
	if err != nil {
		return cfg, &objstore.Error{Op: "find", Bucket: "gs://" + cfg.Bucket, Kind: objstore.KindPermission, Err: &credentialsError{err}}
	}
	if c == nil || cfg.Credentials[keyToken] != "" {
		return cfg, nil
	}
	var content struct{ Type string }
	if err := json.Unmarshal(c.JSON(), &content); err == nil && slices.Contains(carried, content.Type) {
		cfg.Credentials = map[string]string{keyJSON: string(c.JSON())}
		return cfg, nil
	}
	token, err := c.Token(ctx)
	if err != nil {
		return cfg, &objstore.Error{Op: "find", Bucket: "gs://" + cfg.Bucket, Kind: objstore.KindPermission, Err: &credentialsError{err}}
	}
	cfg.Credentials = map[string]string{keyToken: token.Value}
	return cfg, nil
}
