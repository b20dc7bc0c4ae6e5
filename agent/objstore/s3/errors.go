package s3

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/internal/httpstore"
)

// kinds are the error codes that say more than their HTTP status.
var kinds = map[string]objstore.Kind{
	"NoSuchBucket": objstore.KindNotFound,
	"NoSuchKey":    objstore.KindNotFound,
	"NoSuchUpload": objstore.KindNotFound,
	"NotFound":     objstore.KindNotFound,

	"AccessDenied":                 objstore.KindPermission,
	"AccountProblem":               objstore.KindPermission,
	"AllAccessDisabled":            objstore.KindPermission,
	"AuthorizationHeaderMalformed": objstore.KindPermission,
	"InvalidAccessKeyId":           objstore.KindPermission,
	"InvalidToken":                 objstore.KindPermission,
	"RequestTimeTooSkewed":         objstore.KindPermission,
	"SignatureDoesNotMatch":        objstore.KindPermission,

	"ExpiredToken":         objstore.KindExpired,
	"TokenRefreshRequired": objstore.KindExpired,

	"InvalidRange":       objstore.KindPrecondition,
	"PreconditionFailed": objstore.KindPrecondition,

	"RequestLimitExceeded": objstore.KindThrottled,
	"ServiceUnavailable":   objstore.KindThrottled,
	"SlowDown":             objstore.KindThrottled,
	"Throttling":           objstore.KindThrottled,
	"ThrottlingException":  objstore.KindThrottled,
	"TooManyRequests":      objstore.KindThrottled,

	"ConditionalRequestConflict": objstore.KindTransient,
	"InternalError":              objstore.KindTransient,
	"OperationAborted":           objstore.KindTransient,
	"RequestTimeout":             objstore.KindTransient,

	"BadDigest":                      objstore.KindCorrupt,
	"InvalidPart":                    objstore.KindCorrupt, // what is there is not what the ETag says
	"XAmzContentChecksumMismatch":    objstore.KindCorrupt,
	"XAmzContentSHA256Mismatch":      objstore.KindCorrupt,
	"XMinioInvalidObjectName":        objstore.KindInvalid,
	"XMinioStorageFull":              objstore.KindQuota,
	"XMinioAdminBucketQuotaExceeded": objstore.KindQuota,
	"QuotaExceeded":                  objstore.KindQuota,

	// of versitygw, which keeps objects as files
	"ExistingObjectIsDirectory": objstore.KindInvalid,
	"NoSpaceLeftOnDevice":       objstore.KindQuota,
	"ObjectParentIsFile":        objstore.KindInvalid,
	"XAdminUserNotFound":        objstore.KindPermission, // with status 404: an unknown access key

	"NotImplemented":    objstore.KindUnsupported,
	"PermanentRedirect": objstore.KindInvalid, // to a region that the answer does not name
}

func (b *bucket) failKind(op, key string, kind objstore.Kind, err error) error {
	return &objstore.Error{Op: op, Bucket: b.url(), Key: key, Kind: kind, Err: err}
}

// fail wraps what the SDK answers.
func (b *bucket) fail(op, key string, err error) error {
	if err == nil {
		return nil
	}
	e := &objstore.Error{Op: op, Bucket: b.url(), Key: key, Kind: kindOf(err), Err: cause(err)}
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		e.RequestID = response.ServiceRequestID()
		if response.Response != nil && response.Response.Response != nil {
			httpstore.ExplainClock(e, response.Response.Header)
		}
	}
	var api smithy.APIError
	if b.accepted.Load() && errors.As(err, &api) && lapses[api.ErrorCode()] != 0 {
		e.Kind = lapses[api.ErrorCode()]
	}
	return e
}

// lapses are refusals of whoever asks, whatever he asks for: where the store has
// taken the same credentials before, no object is at fault.
var lapses = map[string]objstore.Kind{
	"InvalidAccessKeyId":   objstore.KindExpired,
	"InvalidToken":         objstore.KindExpired,
	"InvalidTokenId":       objstore.KindExpired, // MinIO's
	"XAdminUserNotFound":   objstore.KindExpired,
	"RequestTimeTooSkewed": objstore.KindTransient,
}

// errAbsent is for a key that a listing does not have.
var errAbsent = &objstore.Error{Kind: objstore.KindNotFound, Err: errors.New("the key does not exist")}

// failRead wraps what the SDK answers to a read of a key. One that does not
// exist is refused to whoever may not list the bucket; that he may below a
// prefix, as a delegated session may, does not count, for a read names none. So
// the listing is asked for the key.
func (b *bucket) failRead(ctx context.Context, op, key string, err error) error {
	var credentials *httpstore.CredentialsError
	if errors.As(err, &credentials) || !hasCode(err, "AccessDenied") && !hasCode(err, "Forbidden") { // HEAD has no body to say it with
		return b.fail(op, key, err)
	}
	out, lerr := b.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &b.name, Prefix: &key, MaxKeys: aws.Int32(1), EncodingType: types.EncodingTypeUrl})
	if lerr != nil || out.IsTruncated == nil {
		unsaid := b.fail(op, key, lerr)
		if kind := objstore.KindOf(unsaid); lerr != nil && (kind == objstore.KindExpired || kind.Retryable()) {
			return unsaid
		}
		e := b.fail(op, key, err).(*objstore.Error)
		e.Err = httpstore.Brief(e.Err.Error()+"; or the key does not exist, which the store says only to whoever may list it (s3:ListBucket)", e.Err)
		return e
	}
	if len(out.Contents) > 0 {
		if first, derr := decodeKey(out.Contents[0].Key, out.EncodingType); derr != nil || first == key {
			return b.fail(op, key, err)
		}
	}
	return b.fail(op, key, errAbsent)
}

// kindOf classifies an error of the SDK.
func kindOf(err error) objstore.Kind {
	if kind := httpstore.Kind(err); kind != objstore.KindUnknown {
		return kind
	}
	var api smithy.APIError
	var response *awshttp.ResponseError
	var send *smithyhttp.RequestSendError
	switch {
	case errors.As(err, &api) && kinds[api.ErrorCode()] != 0:
		return kinds[api.ErrorCode()]
	case errors.As(err, &response):
		return httpstore.StatusKind(response.HTTPStatusCode())
	case errors.As(err, &send):
		return objstore.KindTransient
	}
	return objstore.KindUnknown
}

// cause reduces an error of the SDK, which repeats operation, status, host id
// and attempts, to what the store or the network said, on one line.
func cause(err error) error {
	var known *objstore.Error
	var api smithy.APIError
	if !errors.As(err, &known) && errors.As(err, &api) {
		return httpstore.Brief(api.ErrorCode()+": "+api.ErrorMessage(), err)
	}
	return httpstore.Cause(err)
}

// hasCode tells whether the store answered with this error code.
func hasCode(err error, code string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == code
}
