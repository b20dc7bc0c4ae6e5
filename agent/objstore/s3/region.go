package s3

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/auth"
	smithyendpoints "github.com/aws/smithy-go/endpoints"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// regionHeader is in the answers to a request that went to the wrong region,
// and in those to HeadBucket.
const regionHeader = "X-Amz-Bucket-Region"

// follower sends requests to the region in which the bucket turns out to be,
// so that nobody has to configure it. A client serves one bucket only.
type follower struct {
	s3.EndpointResolverV2
	region atomic.Pointer[string]   // nil: as configured
	found  atomic.Pointer[resolved] // of the latest request for an object
}

// resolved is where requests for the bucket's objects go, and for what they
// are signed.
type resolved struct {
	region *string // that the follower had then
	url    url.URL // without a slash at its end
	signed string  // the name of the region that signatures have
}

// follow makes a client follow its bucket.
func follow(o *s3.Options) *follower {
	f := &follower{EndpointResolverV2: o.EndpointResolverV2}
	if f.EndpointResolverV2 == nil {
		f.EndpointResolverV2 = s3.NewDefaultEndpointResolverV2()
	}
	o.EndpointResolverV2 = f
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("skyctlFollowRegion", f.send), middleware.After)
	})
	return f
}

// ResolveEndpoint also decides for which region a request is signed.
func (f *follower) ResolveEndpoint(ctx context.Context, params s3.EndpointParameters) (smithyendpoints.Endpoint, error) {
	region := f.region.Load()
	if region != nil {
		params.Region = region
	}
	endpoint, err := f.EndpointResolverV2.ResolveEndpoint(ctx, params)
	if err == nil && params.Key != nil {
		f.found.Store(plainly(endpoint, region))
	}
	return endpoint, err
}

// endpoint is where requests for objects go, nil if no request has found it
// yet, or if they need more than a signature.
func (f *follower) endpoint() *resolved {
	if at := f.found.Load(); at != nil && at.region == f.region.Load() {
		return at
	}
	return nil
}

// plainly is nil for an endpoint that is not reached with the usual signature
// alone: directory buckets have sessions, access points of several regions
// another signature.
func plainly(endpoint smithyendpoints.Endpoint, region *string) *resolved {
	options, _ := auth.GetAuthOptions(&endpoint.Properties)
	if len(options) == 0 || options[0].SchemeID != "sigv4" || len(endpoint.Headers) > 0 {
		return nil
	}
	service, _ := smithyhttp.GetSigV4SigningName(&options[0].SignerProperties)
	signed, known := smithyhttp.GetSigV4SigningRegion(&options[0].SignerProperties)
	if service != serviceName || !known {
		return nil
	}
	at := endpoint.URI
	at.Path, at.RawPath = strings.TrimSuffix(at.Path, "/"), strings.TrimSuffix(at.EscapedPath(), "/")
	return &resolved{region: region, url: at, signed: signed}
}

// send repeats a request that went to the wrong region. Nothing of it was
// carried out.
func (f *follower) send(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
	before := f.region.Load()
	out, metadata, err := next.HandleInitialize(ctx, in)
	region := bucketRegion(err)
	if region == "" || before != nil && *before == region {
		return out, metadata, err
	}
	if rerr := rewind(in.Parameters); rerr != nil {
		return out, metadata, errors.Join(err, rerr)
	}
	f.region.Store(&region)
	return next.HandleInitialize(ctx, in)
}

// bucketRegion is where the store says the bucket is, in refusing a request.
func bucketRegion(err error) string {
	var response *awshttp.ResponseError
	if !errors.As(err, &response) {
		return ""
	}
	switch response.HTTPStatusCode() {
	case http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusBadRequest:
		return response.HTTPResponse().Header.Get(regionHeader)
	}
	return ""
}

// rewind makes the body of a request ready to be sent again.
func rewind(parameters any) error {
	var body io.Reader
	switch in := parameters.(type) {
	case *s3.PutObjectInput:
		body = in.Body
	case *s3.UploadPartInput:
		body = in.Body
	}
	if seeker, ok := body.(io.Seeker); ok {
		_, err := seeker.Seek(0, io.SeekStart)
		return err
	}
	return nil
}

// regions asks where the bucket is: HeadBucket says it to whoever may list,
// GetBucketLocation to the owner. A store that does not say has none.
func (b *bucket) regions(ctx context.Context) []string {
	if out, err := b.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &b.name}); err == nil && aws.ToString(out.BucketRegion) != "" {
		return []string{strings.ToLower(*out.BucketRegion)}
	}
	if !b.amazon {
		return nil
	}
	out, err := b.client.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: &b.name})
	switch {
	case err != nil:
		return nil // the configuration may know
	case out.LocationConstraint == "":
		return []string{"us-east-1"}
	case out.LocationConstraint == "EU": // of buckets from before 2012
		return []string{"eu-west-1"}
	}
	return []string{string(out.LocationConstraint)}
}
