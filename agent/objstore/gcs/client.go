package gcs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"cloud.google.com/go/storage"
	gax "github.com/googleapis/gax-go/v2"
	"google.golang.org/api/option"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/internal/httpstore"
)

const (
	maxAttempts  = 3
	firstBackoff = 200 * time.Millisecond
	lastBackoff  = time.Second

	// maxReads is how many requests one Open may cost. The SDK repeats a read
	// that breaks from where it broke, and would for ever if an endpoint never
	// gets any further.
	maxReads = 5

	apiPath = "/storage/v1/"
)

// newClient makes the SDK's client and the transport that it uses.
func newClient(ctx context.Context, cfg objstore.Config, patience httpstore.Patience) (*storage.Client, *http.Transport, error) {
	if cfg.Bucket == "" {
		return nil, nil, errors.New("the bucket has no name")
	}
	// The credentials are ours to add, see authorized.
	options := []option.ClientOption{option.WithoutAuthentication(), storage.WithJSONReads()}
	if cfg.Endpoint == "" {
		cfg.Endpoint = emulator()
	}
	if cfg.Endpoint != "" {
		endpoint, err := apiURL(cfg.Endpoint)
		if err != nil {
			return nil, nil, err
		}
		options = append(options, option.WithEndpoint(endpoint))
	}
	find, err := credentialsOf(cfg)
	if err != nil {
		return nil, nil, err
	}
	transport := newTransport(patience)
	client, err := storage.NewClient(ctx, append(options, option.WithHTTPClient(&http.Client{
		Transport:     &listings{&reads{&authorized{base: transport, find: find, pays: cfg.RequesterPays, project: cfg.Credentials[keyProject]}}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}))...)
	if err != nil {
		return nil, nil, err
	}
	client.SetRetry(retryOptions()...)
	return client, transport, nil
}

// retryOptions smooth out hiccups of seconds. Every request of this package
// may be repeated: what a repetition finds done is recognised.
func retryOptions() []storage.RetryOption {
	return []storage.RetryOption{
		storage.WithPolicy(storage.RetryAlways),
		storage.WithMaxAttempts(maxAttempts),
		storage.WithBackoff(gax.Backoff{Initial: firstBackoff, Max: lastBackoff, Multiplier: 4}),
	}
}

// emulator is the endpoint that SDKs take from the environment instead of
// Google's, empty if there is none.
func emulator() string {
	host := os.Getenv("STORAGE_EMULATOR_HOST")
	if host != "" && !strings.Contains(host, "://") {
		host = "http://" + host
	}
	return host
}

// apiURL completes an endpoint with the path of the JSON API.
func apiURL(endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", fmt.Errorf("endpoint %q is not http://HOST[:PORT]%s or https://HOST[:PORT]%s", endpoint, apiPath, apiPath)
	}
	if u.Path = strings.TrimRight(u.Path, "/") + "/"; u.Path == "/" {
		u.Path = apiPath
	}
	return u.String(), nil
}

// google tells whether an endpoint is Google's, by whatever name.
func google(endpoint string) bool {
	u, err := url.Parse(endpoint)
	return endpoint == "" || err == nil && (u.Hostname() == "googleapis.com" || strings.HasSuffix(u.Hostname(), ".googleapis.com"))
}

// newTransport is for many parallel requests to one host.
func newTransport(patience httpstore.Patience) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	httpstore.Tune(t, patience)
	t.WriteBufferSize, t.ReadBufferSize = 64<<10, 64<<10
	return t
}

// reads is about the requests of reads: it bounds how many one Open may cost,
// and asks for the bytes as they are stored, for Google unpacks objects with
// Content-Encoding gzip for whoever does not say that he takes them packed. The
// SDK has an option for that, which its JSON reads refuse.
type reads struct{ base http.RoundTripper }

type readKey struct{}

// oneRead returns the context of one read.
func oneRead(ctx context.Context) context.Context {
	return context.WithValue(ctx, readKey{}, new(atomic.Int32))
}

var errTooManyReads = &objstore.Error{Kind: objstore.KindTransient, Err: fmt.Errorf("the read broke %d times", maxReads)}

func (t *reads) RoundTrip(r *http.Request) (*http.Response, error) {
	if n, ok := r.Context().Value(readKey{}).(*atomic.Int32); ok {
		if n.Add(1) > maxReads {
			return nil, errTooManyReads
		}
		r = r.Clone(r.Context())
		r.Header.Set("Accept-Encoding", "gzip")
	}
	return t.base.RoundTrip(r)
}
