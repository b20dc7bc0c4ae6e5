package gcp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"google.golang.org/api/googleapi"
)

// service is one of Google's APIs.
type service string

// The services, by where they answer.
const (
	compute service = "https://compute.googleapis.com/compute/v1/"
	iam     service = "https://iam.googleapis.com/v1/"
	manager service = "https://cloudresourcemanager.googleapis.com/v1/"
)

// paths are where the services answer at an endpoint of tests.
var paths = map[service]string{compute: "/compute/v1/", iam: "/v1/", manager: "/v1/"}

// call sends one request and reads the answer into out. A refusal is a
// *googleapi.Error.
func (a *Account) call(ctx context.Context, method string, s service, path string, query url.Values, in, out any) (err error) {
	at := string(s) + path
	if a.endpoint != "" {
		at = a.endpoint + paths[s] + path
	}
	if len(query) > 0 {
		at += "?" + query.Encode()
	}
	var body []byte
	if in != nil {
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, at, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "skyctl")
	resp, err := a.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if err := googleapi.CheckResponse(resp); err != nil {
		return err
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("the answer is no JSON: %w", err)
	}
	return nil
}

// page is what every list answers with that is of one place.
type page[T any] struct {
	Items    []T    `json:"items"`
	Accounts []T    `json:"accounts"` // of service accounts
	Next     string `json:"nextPageToken"`
}

// list calls yield for what all pages of a list hold.
func list[T any](ctx context.Context, a *Account, s service, path string, query url.Values, yield func(T)) error {
	query = withToken(query, "")
	for {
		var p page[T]
		if err := a.call(ctx, http.MethodGet, s, path, query, nil, &p); err != nil {
			return err
		}
		for _, item := range append(p.Items, p.Accounts...) {
			yield(item)
		}
		if p.Next == "" {
			return nil
		}
		query = withToken(query, p.Next)
	}
}

// aggregated calls yield for what all zones or regions hold; kind is Compute
// Engine's word for it. Where some did not answer the error names them, after
// the others' were yielded.
func aggregated[T any](ctx context.Context, a *Account, kind string, query url.Values, yield func(T)) error {
	var silent []string
	query = withToken(query, "")
	query.Set("returnPartialSuccess", "true")
	for {
		var p struct {
			Items        map[string]map[string]json.RawMessage `json:"items"`
			Next         string                                `json:"nextPageToken"`
			Unreachables []string                              `json:"unreachables"`
		}
		if err := a.call(ctx, http.MethodGet, compute, "projects/"+a.project+"/aggregated/"+kind, query, nil, &p); err != nil {
			return errors.Join(err, unreachable(silent))
		}
		silent = append(silent, p.Unreachables...)
		for _, scope := range p.Items {
			if scope[kind] == nil {
				continue // a warning that there are none
			}
			var items []T
			if err := json.Unmarshal(scope[kind], &items); err != nil {
				return fmt.Errorf("the answer is no list of %s: %w", kind, err)
			}
			for _, item := range items {
				yield(item)
			}
		}
		if p.Next == "" {
			return unreachable(silent)
		}
		query = withToken(query, p.Next)
	}
}

// withToken copies the query and asks in it for another page.
func withToken(query url.Values, token string) url.Values {
	with := url.Values{}
	for name, values := range query {
		with[name] = values
	}
	if token != "" {
		with.Set("pageToken", token)
	}
	return with
}
