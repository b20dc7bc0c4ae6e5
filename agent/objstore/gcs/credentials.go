package gcs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials"
	"cloud.google.com/go/auth/httptransport"
	"cloud.google.com/go/storage"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/internal/httpstore"
)

// The keys of Config.Credentials; at most one of the first four may be set.
// Without any of them an endpoint of Google's gets the application default
// credentials, and any other, which is an emulator, none.
const (
	keyFile      = "credentials_file" // the path of a JSON key or configuration
	keyJSON      = "credentials_json" // its content
	keyToken     = "access_token"     // one that is used until it expires
	keyAnonymous = "anonymous"        // "true": none are sent
	keyProject   = "project"          // who pays where the requester does; default: the credentials' project
)

// finder returns credentials, or nil to send none.
type finder func() (*auth.Credentials, error)

// credentialsOf says how the credentials of cfg are found. That happens once,
// when the first request needs them, for it may contact a metadata server.
func credentialsOf(cfg objstore.Config) (finder, error) {
	known := []string{keyToken, keyAnonymous, keyFile, keyJSON, keyProject}
	var set []string
	for _, name := range slices.Sorted(maps.Keys(cfg.Credentials)) {
		switch {
		case !slices.Contains(known, name):
			return nil, fmt.Errorf("unknown credential %q; known are %s", name, strings.Join(known, ", "))
		case name != keyProject && cfg.Credentials[name] != "":
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

// authorized adds the credentials to each request, and who pays for it.
type authorized struct {
	base http.RoundTripper
	find finder

	pays    bool   // the requester does
	project string // that pays; empty: the credentials'

	found atomic.Bool // a token, once
}

func (t *authorized) RoundTrip(r *http.Request) (*http.Response, error) {
	c, err := t.find()
	if err != nil {
		return nil, noCredentials(err)
	}
	r = r.Clone(r.Context())
	if c != nil {
		token, err := tokenOf(r.Context(), c)
		if err != nil {
			if e := (*httpstore.CredentialsError)(nil); errors.As(err, &e) {
				e.Lapsed = t.found.Load()
			}
			return nil, err
		}
		t.found.Store(true)
		httptransport.SetAuthHeader(token, r)
	}
	project, err := t.payer(r.Context(), c)
	if err != nil {
		return nil, err
	}
	if project != "" {
		r.Header.Set("X-Goog-User-Project", project)
	}
	return t.base.RoundTrip(r)
}

// tokenOf returns an access token. An error of a token endpoint that refuses is
// not one of a store that cannot be reached.
func tokenOf(ctx context.Context, c *auth.Credentials) (*auth.Token, error) {
	token, err := c.Token(ctx)
	var refused *auth.Error
	if errors.As(err, &refused) && !refused.Temporary() {
		err = noCredentials(err)
	}
	return token, err
}

// payer is the project that is charged, empty for the bucket's.
func (t *authorized) payer(ctx context.Context, c *auth.Credentials) (string, error) {
	if t.pays && t.project != "" {
		return t.project, nil
	}
	if c == nil {
		return "", nil
	}
	project, err := c.QuotaProjectID(ctx)
	if err == nil && project == "" && t.pays {
		project, err = c.ProjectID(ctx)
	}
	if err != nil {
		return "", noCredentials(err)
	}
	return project, nil
}

func noCredentials(err error) error {
	return &httpstore.CredentialsError{Err: err,
		Remedy: "run gcloud auth application-default login, set GOOGLE_APPLICATION_CREDENTIALS, or the store's credentials"}
}
