package s3

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyendpoints "github.com/aws/smithy-go/endpoints"
	"github.com/aws/smithy-go/middleware"
)

// regionHeader is in the answers to a request that went to the wrong region,
// and in those to HeadBucket.
const regionHeader = "X-Amz-Bucket-Region"

// follower sends requests to the region in which the bucket turns out to be,
// so that nobody has to configure it. A client serves one bucket only.
type follower struct {
	s3.EndpointResolverV2
	region atomic.Pointer[string] // nil: as configured
}

// follow makes a client follow its bucket.
func follow(o *s3.Options) {
	f := &follower{EndpointResolverV2: o.EndpointResolverV2}
	if f.EndpointResolverV2 == nil {
		f.EndpointResolverV2 = s3.NewDefaultEndpointResolverV2()
	}
	o.EndpointResolverV2 = f
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("skyctlFollowRegion", f.send), middleware.After)
	})
}

// ResolveEndpoint also decides for which region a request is signed.
func (f *follower) ResolveEndpoint(ctx context.Context, params s3.EndpointParameters) (smithyendpoints.Endpoint, error) {
	if region := f.region.Load(); region != nil {
		params.Region = region
	}
	return f.EndpointResolverV2.ResolveEndpoint(ctx, params)
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
