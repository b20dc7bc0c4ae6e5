package s3

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/skyctl/skyctl/agent/objstore"
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
	"ExpiredToken":                 objstore.KindPermission,
	"InvalidAccessKeyId":           objstore.KindPermission,
	"InvalidToken":                 objstore.KindPermission,
	"RequestTimeTooSkewed":         objstore.KindPermission,
	"SignatureDoesNotMatch":        objstore.KindPermission,
	"TokenRefreshRequired":         objstore.KindPermission,

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

	"NotImplemented": objstore.KindUnsupported,
}

// statuses are for answers whose code is not in kinds, or that have none:
// those to HEAD.
var statuses = map[int]objstore.Kind{
	http.StatusMovedPermanently:             objstore.KindInvalid,
	http.StatusTemporaryRedirect:            objstore.KindInvalid,
	http.StatusBadRequest:                   objstore.KindInvalid,
	http.StatusUnauthorized:                 objstore.KindPermission,
	http.StatusForbidden:                    objstore.KindPermission,
	http.StatusNotFound:                     objstore.KindNotFound,
	http.StatusMethodNotAllowed:             objstore.KindUnsupported,
	http.StatusRequestTimeout:               objstore.KindTransient,
	http.StatusConflict:                     objstore.KindTransient,
	http.StatusPreconditionFailed:           objstore.KindPrecondition,
	http.StatusRequestEntityTooLarge:        objstore.KindInvalid,
	http.StatusRequestURITooLong:            objstore.KindInvalid,
	http.StatusRequestedRangeNotSatisfiable: objstore.KindPrecondition,
	http.StatusTooManyRequests:              objstore.KindThrottled,
	http.StatusInternalServerError:          objstore.KindTransient,
	http.StatusNotImplemented:               objstore.KindUnsupported,
	http.StatusBadGateway:                   objstore.KindTransient,
	http.StatusServiceUnavailable:           objstore.KindThrottled,
	http.StatusGatewayTimeout:               objstore.KindTransient,
	http.StatusInsufficientStorage:          objstore.KindQuota,
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
	}
	return e
}

// kindOf classifies an error of the SDK.
func kindOf(err error) objstore.Kind {
	var known *objstore.Error
	var noCredentials *credentialsError
	var api smithy.APIError
	var response *awshttp.ResponseError
	switch {
	case errors.As(err, &known):
		return known.Kind
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return objstore.KindTransient
	case errors.As(err, &noCredentials):
		return objstore.KindPermission
	case errors.As(err, &api) && kinds[api.ErrorCode()] != 0:
		return kinds[api.ErrorCode()]
	case errors.As(err, &response) && statuses[response.HTTPStatusCode()] != 0:
		return statuses[response.HTTPStatusCode()]
	}
	return connectionKind(err)
}

// connectionKind tells an endpoint that cannot be reached from a connection
// that broke.
func connectionKind(err error) objstore.Kind {
	var dns *net.DNSError
	var op *net.OpError
	var certificate *tls.CertificateVerificationError
	var send *smithyhttp.RequestSendError
	switch {
	case errors.As(err, &dns), errors.As(err, &op) && op.Op == "dial", errors.As(err, &certificate):
		return objstore.KindUnreachable
	case errors.As(err, &op), errors.As(err, &send), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return objstore.KindTransient
	}
	return objstore.KindUnknown
}

// cause reduces an error of the SDK, which repeats operation, status, host id
// and attempts, to what the store or the network said, on one line.
func cause(err error) error {
	var known *objstore.Error
	var noCredentials *credentialsError
	var api smithy.APIError
	var response *awshttp.ResponseError
	var op *net.OpError
	switch {
	case errors.As(err, &known):
		return known.Err
	case errors.As(err, &noCredentials):
		return brief{noCredentials.Error(), err}
	case errors.As(err, &response) && response.HTTPStatusCode() == http.StatusMovedPermanently:
		region := cmp.Or(response.HTTPResponse().Header.Get("X-Amz-Bucket-Region"), "that of the bucket")
		return brief{"the bucket is in another region; set the store's region to " + region, err}
	case errors.As(err, &api):
		return brief{api.ErrorCode() + ": " + api.ErrorMessage(), err}
	case errors.As(err, &op):
		return brief{op.Error(), err}
	}
	return brief{err.Error(), err}
}

// brief is an error with a shorter text.
type brief struct {
	text string
	err  error
}

func (e brief) Error() string {
	return strings.TrimSuffix(strings.Join(strings.Fields(e.text), " "), ": ")
}

func (e brief) Unwrap() error { return e.err }

// hasCode tells whether the store answered with this error code.
func hasCode(err error, code string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == code
}
