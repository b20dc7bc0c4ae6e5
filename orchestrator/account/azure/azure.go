// Package azure is a subscription of Microsoft Azure. It speaks to Azure
// Resource Manager through the generic client of the Azure SDK: groups and
// resources are listed by their tags whatever they are, and deleted by their id,
// so no SDK of a single service is needed.
package azure

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/skyctl/skyctl/orchestrator/account"
	"github.com/skyctl/skyctl/orchestrator/region"
)

// Config says whose subscription it is.
type Config struct {
	SubscriptionID string
	TenantID       string // empty: the credentials' own

	// Endpoint is Azure Resource Manager's in the place of the public cloud's,
	// which is then sent a token that is none. For tests.
	Endpoint string
	Client   *http.Client  // for tests; nil: the SDK's own
	Pause    time.Duration // before a request is repeated, and between questions whether a deletion is over; 0: the SDK's own
}

// Account is one subscription.
type Account struct {
	cfg Config
	arm *arm.Client
}

// maxRetries are of one request. Azure says itself how long to wait.
const maxRetries = 6

// Open finds credentials as Azure's own tools do, and contacts nothing.
func Open(cfg Config) (*Account, error) {
	if cfg.SubscriptionID == "" {
		return nil, errors.New("Azure: no subscription is named: set clouds.azure.subscription_id")
	}
	options := &arm.ClientOptions{ClientOptions: azcore.ClientOptions{
		Retry:     policy.RetryOptions{MaxRetries: maxRetries, RetryDelay: cfg.Pause},
		Telemetry: policy.TelemetryOptions{ApplicationID: "skyctl"}}, DisableRPRegistration: true}
	if cfg.Client != nil {
		options.Transport = cfg.Client
	}
	var found azcore.TokenCredential = nobody{}
	if cfg.Endpoint != "" {
		options.Cloud = cloud.Configuration{Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
			cloud.ResourceManager: {Endpoint: cfg.Endpoint, Audience: cfg.Endpoint}}}
	} else {
		var err error
		if found, err = azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{TenantID: cfg.TenantID}); err != nil {
			return nil, fmt.Errorf("Azure: credentials: %w", err)
		}
	}
	client, err := arm.NewClient("skyctl", "v0.0.0", found, options)
	if err != nil {
		return nil, fmt.Errorf("Azure: %w", err)
	}
	return &Account{cfg: cfg, arm: client}, nil
}

// nobody is the credential for an endpoint that asks for none.
type nobody struct{}

func (nobody) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "none", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// Cloud is region.Azure.
func (a *Account) Cloud() region.Cloud { return region.Azure }

// Identify asks for the subscription: its id is in every request, so what has to
// be known is that the credentials reach it, in the tenant that is configured.
func (a *Account) Identify(ctx context.Context) (account.Identity, error) {
	var s struct {
		SubscriptionID string `json:"subscriptionId"`
		TenantID       string `json:"tenantId"`
		State          string `json:"state"`
	}
	if err := a.get(ctx, a.scope(), "2022-12-01", "", &s); err != nil {
		return account.Identity{}, fmt.Errorf("Azure: subscription %s: %w", a.cfg.SubscriptionID, err)
	}
	who := account.Identity{Account: s.SubscriptionID}
	switch {
	case !strings.EqualFold(s.SubscriptionID, a.cfg.SubscriptionID):
		return who, &account.MismatchError{Cloud: region.Azure, Want: a.cfg.SubscriptionID, Got: s.SubscriptionID, Key: "clouds.azure.subscription_id"}
	case a.cfg.TenantID != "" && !strings.EqualFold(s.TenantID, a.cfg.TenantID):
		return who, &account.MismatchError{Cloud: region.Azure, Want: a.cfg.TenantID, Got: s.TenantID, Key: "clouds.azure.tenant_id"}
	}
	return who, nil
}

func (a *Account) scope() string { return scope(a.cfg.SubscriptionID) }

func scope(subscription string) string { return "/subscriptions/" + subscription }

// request makes one to Azure Resource Manager; at is an id, or a whole URL of
// its own making.
func (a *Account) request(ctx context.Context, method, at, version, filter string) (*policy.Request, error) {
	whole := strings.HasPrefix(at, "http://") || strings.HasPrefix(at, "https://")
	if !whole {
		at = runtime.JoinPaths(a.arm.Endpoint(), at)
	}
	req, err := runtime.NewRequest(ctx, method, at)
	if err != nil || whole {
		return req, err
	}
	query := req.Raw().URL.Query()
	query.Set("api-version", version)
	if filter != "" {
		query.Set("$filter", filter)
	}
	req.Raw().URL.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20")
	return req, nil
}

// get reads one answer into v.
func (a *Account) get(ctx context.Context, at, version, filter string, v any) error {
	req, err := a.request(ctx, http.MethodGet, at, version, filter)
	if err != nil {
		return err
	}
	resp, err := a.arm.Pipeline().Do(req)
	if err != nil {
		return err
	}
	if !runtime.HasStatusCode(resp, http.StatusOK) {
		return brief(runtime.NewResponseError(resp))
	}
	return runtime.UnmarshalAsJSON(resp, v)
}

// list calls yield for what all pages of a list hold.
func list[T any](ctx context.Context, a *Account, at, version, filter string, yield func(T)) error {
	for at != "" {
		var page struct {
			Value    []T    `json:"value"`
			NextLink string `json:"nextLink"`
		}
		if err := a.get(ctx, at, version, filter, &page); err != nil {
			return err
		}
		for _, v := range page.Value {
			yield(v)
		}
		at = page.NextLink
	}
	return nil
}

// brief is what an error says, on one line.
func brief(err error) error {
	if e, ok := errors.AsType[*azcore.ResponseError](err); ok {
		word := e.ErrorCode
		if word == "" {
			word = http.StatusText(e.StatusCode)
		}
		return &apiError{err: err, text: fmt.Sprintf("%s (HTTP %d)", word, e.StatusCode)}
	}
	return err
}

type apiError struct {
	text string
	err  error
}

func (e *apiError) Error() string { return e.text }
func (e *apiError) Unwrap() error { return e.err }
