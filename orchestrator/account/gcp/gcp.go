// Package gcp is a project of Google Cloud. Machines and disks carry labels.
// Networks, firewalls and service accounts carry none: they are found by the
// names that begin with skyctl and a run, and cannot say whose they are.
//
// It speaks JSON to the services by itself, with Google's packages for
// credentials and errors: the generated client of Compute Engine would make
// skyctl 12 MB larger for a dozen of its calls.
package gcp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials"
	"cloud.google.com/go/auth/credentials/impersonate"
	"cloud.google.com/go/auth/httptransport"
	"google.golang.org/api/googleapi"

	"github.com/skyctl/skyctl/orchestrator/account"
	"github.com/skyctl/skyctl/orchestrator/region"
)

// Config says whose project it is.
type Config struct {
	Project                   string
	ImpersonateServiceAccount string // its address; empty: nobody

	// Endpoint is that of all services in the place of Google's, which is then
	// sent no credentials. For tests.
	Endpoint string
	Pause    time.Duration // before a request is repeated, doubled each time; 0: 1 s
}

const (
	scope        = "https://www.googleapis.com/auth/cloud-platform"
	defaultPause = time.Second
)

// Account is one project.
type Account struct {
	project  string
	endpoint string
	client   *http.Client
}

// Open finds the application default credentials, and contacts nothing but, on
// a machine of Google's, its metadata server.
func Open(cfg Config) (*Account, error) {
	if cfg.Project == "" {
		return nil, errors.New("Google Cloud: no project is named: set clouds.gcp.project")
	}
	if cfg.Pause == 0 {
		cfg.Pause = defaultPause
	}
	client := &http.Client{Transport: &retrying{http.DefaultTransport, cfg.Pause}}
	if cfg.Endpoint == "" {
		found, err := detect(cfg)
		if err != nil {
			return nil, fmt.Errorf("Google Cloud: credentials: %w", err)
		}
		client, err = httptransport.NewClient(&httptransport.Options{Credentials: found, BaseRoundTripper: client.Transport})
		if err != nil {
			return nil, fmt.Errorf("Google Cloud: %w", err)
		}
	}
	return &Account{project: cfg.Project, endpoint: cfg.Endpoint, client: client}, nil
}

func detect(cfg Config) (*auth.Credentials, error) {
	found, err := credentials.DetectDefault(&credentials.DetectOptions{Scopes: []string{scope}})
	if err != nil || cfg.ImpersonateServiceAccount == "" {
		return found, err
	}
	return impersonate.NewCredentials(&impersonate.CredentialsOptions{
		TargetPrincipal: cfg.ImpersonateServiceAccount, Scopes: []string{scope}, Credentials: found})
}

// Cloud is region.GCP.
func (a *Account) Cloud() region.Cloud { return region.GCP }

// Identify asks for the project: the API names it in every request, so what has
// to be known is that the credentials reach it and that it lives.
func (a *Account) Identify(ctx context.Context) (account.Identity, error) {
	var p struct {
		ProjectID      string `json:"projectId"`
		LifecycleState string `json:"lifecycleState"`
	}
	if err := a.call(ctx, http.MethodGet, manager, "projects/"+a.project, nil, nil, &p); err != nil {
		return account.Identity{}, fmt.Errorf("Google Cloud: project %s: %w", a.project, brief(err))
	}
	if p.ProjectID != a.project {
		return account.Identity{}, &account.MismatchError{Cloud: region.GCP, Want: a.project, Got: p.ProjectID, Key: "clouds.gcp.project"}
	}
	if p.LifecycleState != "" && p.LifecycleState != "ACTIVE" {
		return account.Identity{}, fmt.Errorf("Google Cloud: project %s is %s", a.project, strings.ToLower(p.LifecycleState))
	}
	return account.Identity{Account: p.ProjectID}, nil
}

// brief is what a service's error says, on one line.
func brief(err error) error {
	if e, ok := errors.AsType[*googleapi.Error](err); ok {
		why := http.StatusText(e.Code)
		if len(e.Errors) > 0 && e.Errors[0].Reason != "" {
			why = e.Errors[0].Reason
		}
		return &apiError{err: err, text: fmt.Sprintf("%s: %s", why, e.Message)}
	}
	return err
}

type apiError struct {
	text string
	err  error
}

func (e *apiError) Error() string { return e.text }
func (e *apiError) Unwrap() error { return e.err }

// gone tells whether an error says that there is no such thing.
func gone(err error) bool {
	e, ok := errors.AsType[*googleapi.Error](err)
	return ok && e.Code == http.StatusNotFound
}
