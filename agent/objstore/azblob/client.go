package azblob

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/internal/httpstore"
)

const (
	maxRetries    = 2
	firstBackoff  = 200 * time.Millisecond
	longestPause  = 2 * time.Second
	publicService = "https://%s.blob.core.windows.net"
)

var (
	accountName   = regexp.MustCompile(`^[a-z0-9]{3,24}$`)
	containerName = regexp.MustCompile(`^([a-z0-9]+(-[a-z0-9]+)*|\$root|\$web|\$logs)$`)
)

// client is what a configuration leads to.
type client struct {
	account   *service.Client
	container string
	identity  azcore.TokenCredential // nil with any other credential
	options   azcore.ClientOptions
}

// newClient makes the SDK's client of the account.
func newClient(cfg objstore.Config, transport *http.Transport) (client, error) {
	endpoint, name, err := locate(cfg)
	if err != nil {
		return client{}, err
	}
	known := []string{"account_key", "account_name", "connection_string", "sas_token", keyUnretained}
	for _, credential := range slices.Sorted(maps.Keys(cfg.Credentials)) {
		if !slices.Contains(known, credential) {
			return client{}, fmt.Errorf("unknown credential %q; known are %s", credential, strings.Join(known[:4], ", "))
		}
	}
	c := client{container: name, options: azcore.ClientOptions{
		Retry:     policy.RetryOptions{MaxRetries: maxRetries, RetryDelay: firstBackoff, MaxRetryDelay: longestPause},
		Telemetry: policy.TelemetryOptions{ApplicationID: "skyctl"},
		Transport: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}}
	c.account, c.identity, err = newService(endpoint, cfg.Credentials, c.options)
	return c, err
}

// locate returns the URL of the account, empty if only a connection string
// says it, and the name of the container.
func locate(cfg objstore.Config) (endpoint, name string, err error) {
	account, name, ok := strings.Cut(cfg.Bucket, "/")
	switch {
	case !ok:
		account, name = cfg.Credentials["account_name"], cfg.Bucket
	case cfg.Endpoint != "":
		return "", "", fmt.Errorf("the endpoint names the account, so %q must be the container alone", cfg.Bucket)
	}
	if cfg.Endpoint == "" && account != "" && !accountName.MatchString(account) {
		return "", "", fmt.Errorf("%q is not the name of a storage account: 3 to 24 lower-case letters and digits", account)
	}
	if len(name) < 3 || len(name) > 63 || !containerName.MatchString(name) {
		return "", "", fmt.Errorf("%q is not the name of a container: 3 to 63 lower-case letters, digits and single hyphens", name)
	}
	switch {
	case cfg.Endpoint != "":
		u, err := url.Parse(cfg.Endpoint)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" {
			return "", "", fmt.Errorf("endpoint %q is not http://HOST[:PORT][/ACCOUNT] or https://HOST[:PORT][/ACCOUNT]", cfg.Endpoint)
		}
		return cfg.Endpoint, name, nil
	case account != "":
		return fmt.Sprintf(publicService, account), name, nil
	case cfg.Credentials["connection_string"] != "":
		return "", name, nil
	}
	return "", "", errors.New("no storage account is named; use az://ACCOUNT/CONTAINER/KEY or set the store's endpoint")
}

// newService picks the constructor for the credentials that are given. Without
// any it returns the identity that the SDK finds here as well.
func newService(endpoint string, credentials map[string]string, options azcore.ClientOptions) (*service.Client, azcore.TokenCredential, error) {
	opts := &service.ClientOptions{ClientOptions: options}
	account, key, sas := credentials["account_name"], credentials["account_key"], strings.TrimPrefix(credentials["sas_token"], "?")
	switch connection := credentials["connection_string"]; {
	case connection != "" && (account != "" || key != "" || sas != ""), key != "" && sas != "":
		return nil, nil, errors.New("give one of connection_string, account_name with account_key, and sas_token")
	case connection != "":
		client, err := fromConnectionString(endpoint, connection, opts)
		return client, nil, err
	case key != "":
		if account == "" {
			return nil, nil, errors.New("account_key needs account_name")
		}
		credential, err := service.NewSharedKeyCredential(account, key)
		if err != nil {
			return nil, nil, errors.New("account_key is not base64") // the SDK's error quotes it
		}
		client, err := service.NewClientWithSharedKeyCredential(endpoint, credential, opts)
		return client, nil, err
	case sas != "":
		client, err := service.NewClientWithNoCredential(endpoint+"?"+sas, opts)
		return client, nil, err
	case !strings.HasPrefix(endpoint, "https:"):
		return nil, nil, errors.New("an endpoint without TLS needs credentials: connection_string, account_name with account_key, or sas_token")
	}
	credential, err := azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{ClientOptions: options})
	if err != nil {
		return nil, nil, noCredentials(err, false)
	}
	identity := &explained{TokenCredential: credential}
	client, err := service.NewClient(endpoint, identity, opts)
	return client, identity, err
}

// fromConnectionString lets the SDK read the string, and holds the endpoint
// against it: the string has one of its own.
func fromConnectionString(endpoint, connection string, opts *service.ClientOptions) (*service.Client, error) {
	client, err := service.NewClientFromConnectionString(connection, opts)
	if err != nil {
		return nil, errors.New("connection_string is not one: it needs BlobEndpoint or AccountName, and AccountKey or SharedAccessSignature")
	}
	own, _, _ := strings.Cut(client.URL(), "?")
	if own = strings.TrimRight(own, "/"); endpoint != "" && own != strings.TrimRight(endpoint, "/") {
		return nil, fmt.Errorf("connection_string is for %s, the store for %s; leave the endpoint out, or name it as BlobEndpoint", own, endpoint)
	}
	return client, nil
}

// newTransport is for many parallel requests to one host.
func newTransport(patience httpstore.Patience) *http.Transport {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, ExpectContinueTimeout: time.Second}
	httpstore.Tune(t, patience)
	return t
}

// explained marks the errors of finding credentials.
type explained struct {
	azcore.TokenCredential
	found atomic.Bool // once
}

func (c *explained) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := c.TokenCredential.GetToken(ctx, options)
	if err == nil {
		c.found.Store(true)
	} else if ctx.Err() == nil {
		err = noCredentials(err, c.found.Load())
	}
	return token, err
}

func noCredentials(err error, lapsed bool) error {
	return &httpstore.CredentialsError{Err: err, Lapsed: lapsed, Remedy: "log in with az login, set AZURE_CLIENT_ID and its companions, or the store's credentials"}
}
