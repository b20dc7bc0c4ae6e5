package s3

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/internal/httpstore"
)

const (
	// defaultRegion signs requests to endpoints that have no regions.
	defaultRegion = "us-east-1"

	amazonHost = "amazonaws.com"

	maxAttempts  = 3
	firstBackoff = 200 * time.Millisecond
)

// connect makes the SDK's client and the transport that it uses. It contacts
// nothing.
func (b *bucket) connect(ctx context.Context, cfg objstore.Config) error {
	if cfg.Bucket == "" {
		return errors.New("the bucket has no name")
	}
	options, err := loadOptions(cfg)
	if err != nil {
		return err
	}
	loaded, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return fmt.Errorf("AWS configuration: %w", err)
	}
	if loaded.Region == "" {
		loaded.Region = defaultRegion
	}
	if cfg.Endpoint != "" {
		loaded.BaseEndpoint = &cfg.Endpoint
	}
	loaded.Credentials = aws.NewCredentialsCache(&explained{CredentialsProvider: loaded.Credentials})
	b.transport = newTransport(loaded.HTTPClient, b.patience)
	loaded.HTTPClient = &http.Client{
		Transport:     &accepting{b.transport, &b.accepted},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	loaded.Retryer = func() aws.Retryer { return newRetryer(retry.DefaultRetryables) }

	b.client = s3.NewFromConfig(loaded, func(o *s3.Options) {
		o.DisableLogOutputChecksumValidationSkipped = true
		o.UsePathStyle = cfg.PathStyle
		follow(o)
		if cfg.RequesterPays {
			o.APIOptions = append(o.APIOptions, smithyhttp.AddHeaderValue("x-amz-request-payer", "requester"))
		}
		endpoint := &url.URL{Scheme: "https", Host: amazonHost}
		if o.BaseEndpoint != nil { // may also come from the environment or a profile
			if endpoint, err = parseEndpoint(*o.BaseEndpoint); err != nil {
				return
			}
		}
		b.amazon = strings.HasSuffix("."+endpoint.Hostname(), "."+amazonHost)
		if !b.amazon {
			o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
			o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		}
		if b.amazon {
			b.identity.ask = askSTS(loaded)
		}
		if privatePath(endpoint) {
			o.APIOptions = append(o.APIOptions, v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)
		}
	})
	return err
}

// loadOptions turns what the configuration says into the SDK's terms.
func loadOptions(cfg objstore.Config) ([]func(*config.LoadOptions) error, error) {
	options := []func(*config.LoadOptions) error{
		config.WithLogger(logging.Nop{}),
		config.WithHTTPClient(awshttp.NewBuildableClient()), // AWS_CA_BUNDLE needs this type
	}
	if cfg.Region != "" {
		options = append(options, config.WithRegion(cfg.Region))
	}
	known := []string{"access_key_id", "profile", "secret_access_key", "session_token"}
	for _, name := range slices.Sorted(maps.Keys(cfg.Credentials)) {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("unknown credential %q; known are %s", name, strings.Join(known, ", "))
		}
	}
	c := cfg.Credentials
	if profile := c["profile"]; profile != "" {
		options = append(options, config.WithSharedConfigProfile(profile))
	}
	switch id, secret := c["access_key_id"], c["secret_access_key"]; {
	case (id == "") != (secret == ""):
		return nil, errors.New("access_key_id and secret_access_key go together; one of them is empty")
	case id != "":
		options = append(options, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(id, secret, c["session_token"])))
	}
	return options, nil
}

func parseEndpoint(endpoint string) (*url.URL, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("endpoint %q is not http://HOST[:PORT] or https://HOST[:PORT]", endpoint)
	}
	return u, nil
}

// privatePath tells whether nobody between us and the endpoint can change a
// request: then hashing the payload with SHA-256 to sign it, at 1 GB/s a core
// the dearest thing that a write does, adds nothing to the CRC32C, which is
// among the signed headers.
func privatePath(endpoint *url.URL) bool {
	ip := net.ParseIP(endpoint.Hostname())
	return endpoint.Scheme == "https" || endpoint.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// newTransport takes the SDK's transport, which knows AWS_CA_BUNDLE.
func newTransport(client aws.HTTPClient, patience httpstore.Patience) *http.Transport {
	buildable, ok := client.(*awshttp.BuildableClient)
	if !ok {
		buildable = awshttp.NewBuildableClient()
	}
	t := buildable.GetTransport()
	httpstore.Tune(t, patience)
	return t
}

// newRetryer smooths out hiccups of seconds. The SDK's token bucket is off: it
// is shared by all requests, so one object's failures would take away the
// retries of the others.
func newRetryer(retryables []retry.IsErrorRetryable) aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = maxAttempts
		o.Backoff = retry.BackoffDelayerFunc(backoff)
		o.RateLimiter = ratelimit.None
		o.Retryables = retryables
	})
}

// backoff waits four times longer each time, give or take half of it. The
// SDK's own reaches its maximum, without any jitter, at the first attempt if
// that maximum is as low as ours would be.
func backoff(attempt int, _ error) (time.Duration, error) {
	d := float64(firstBackoff << (2 * max(attempt-1, 0)))
	return time.Duration(d * (0.5 + rand.Float64())), nil
}

// retryRefusalsOnly is for the request that must not be repeated if it may
// have been carried out.
func retryRefusalsOnly(o *s3.Options) {
	o.Retryer = newRetryer([]retry.IsErrorRetryable{
		retry.RetryableHTTPStatusCode{Codes: map[int]struct{}{http.StatusServiceUnavailable: {}}},
		retry.RetryableErrorCode{Codes: retry.DefaultThrottleErrorCodes},
	})
}

// accepting notes that the store has answered with what was asked for.
type accepting struct {
	base     http.RoundTripper
	accepted *atomic.Bool
}

func (t *accepting) RoundTrip(r *http.Request) (*http.Response, error) {
	out, err := t.base.RoundTrip(r)
	if err == nil && out.StatusCode < http.StatusMultipleChoices && !t.accepted.Load() {
		t.accepted.Store(true)
	}
	return out, err
}

// explained marks the errors of finding credentials.
type explained struct {
	aws.CredentialsProvider
	found atomic.Bool // once
}

func (p *explained) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if p.CredentialsProvider == nil {
		return aws.Credentials{}, noCredentials(errors.New("none are configured"), false)
	}
	c, err := p.CredentialsProvider.Retrieve(ctx)
	if err == nil {
		p.found.Store(true)
	} else if ctx.Err() == nil {
		err = noCredentials(err, p.found.Load())
	}
	return c, err
}

func noCredentials(err error, lapsed bool) error {
	return &httpstore.CredentialsError{Err: err, Lapsed: lapsed, Remedy: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or the store's credentials"}
}
