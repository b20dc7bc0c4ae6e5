package azblob

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/xml"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"github.com/skyctl/skyctl/agent/objstore"
)

// kinds are the error codes that say more than their HTTP status.
var kinds = map[bloberror.Code]objstore.Kind{
	bloberror.ContainerBeingDeleted: objstore.KindNotFound,
	bloberror.ContainerDisabled:     objstore.KindPermission,

	// The store's "this operation is not permitted on …"; trying again is of no
	// use until somebody lifts it.
	bloberror.BlobArchived:                        objstore.KindPermission,
	bloberror.BlobBeingRehydrated:                 objstore.KindPermission,
	bloberror.BlobImmutableDueToPolicy:            objstore.KindPermission,
	bloberror.LeaseIDMissing:                      objstore.KindPermission,
	bloberror.SnapshotsPresent:                    objstore.KindPermission,
	bloberror.BlobUsesCustomerSpecifiedEncryption: objstore.KindPermission,
	bloberror.InvalidAuthenticationInfo:           objstore.KindPermission,
	bloberror.NoAuthenticationInformation:         objstore.KindPermission,

	bloberror.BlobAlreadyExists: objstore.KindPrecondition,
	bloberror.BlobOverwritten:   objstore.KindPrecondition,
	bloberror.InvalidRange:      objstore.KindPrecondition,

	bloberror.ServerBusy:        objstore.KindThrottled,
	bloberror.OperationTimedOut: objstore.KindTransient,
	bloberror.InternalError:     objstore.KindTransient,

	bloberror.CRC64Mismatch:    objstore.KindCorrupt,
	bloberror.MD5Mismatch:      objstore.KindCorrupt,
	bloberror.InvalidBlockList: objstore.KindCorrupt,

	bloberror.InvalidBlobType:        objstore.KindInvalid,
	bloberror.ResourceTypeMismatch:   objstore.KindInvalid,
	bloberror.BlockCountExceedsLimit: objstore.KindInvalid,
	bloberror.FeatureVersionMismatch: objstore.KindUnsupported,
}

// statuses are the kinds of answers whose code is not in kinds.
var statuses = map[int]objstore.Kind{
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
	var response *azcore.ResponseError
	if errors.As(err, &response) && response.RawResponse != nil {
		e.RequestID = response.RawResponse.Header.Get("X-Ms-Request-Id")
	}
	return e
}

// kindOf classifies an error of the SDK.
func kindOf(err error) objstore.Kind {
	var known *objstore.Error
	var noCredentials *credentialsError
	var response *azcore.ResponseError
	switch {
	case errors.As(err, &known):
		return known.Kind
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return objstore.KindTransient
	case errors.As(err, &noCredentials):
		return objstore.KindPermission
	case errors.As(err, &response) && kinds[bloberror.Code(response.ErrorCode)] != 0:
		return kinds[bloberror.Code(response.ErrorCode)]
	case errors.As(err, &response):
		return statuses[response.StatusCode]
	}
	return connectionKind(err)
}

// refused tells whether the store knows who asks and does not allow it, rather
// than that nobody could be named.
func refused(err error) bool {
	var response *azcore.ResponseError
	return errors.As(err, &response) && kindOf(err) == objstore.KindPermission
}

// connectionKind tells an endpoint that cannot be reached from a connection
// that broke.
func connectionKind(err error) objstore.Kind {
	var dns *net.DNSError
	var op *net.OpError
	var certificate *tls.CertificateVerificationError
	var request *url.Error
	var syntax *xml.SyntaxError
	switch {
	case errors.As(err, &dns), errors.As(err, &op) && op.Op == "dial", errors.As(err, &certificate):
		return objstore.KindUnreachable
	case errors.As(err, &op), errors.As(err, &request), errors.As(err, &syntax), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return objstore.KindTransient
	}
	return objstore.KindUnknown
}

// cause reduces an error of the SDK, which prints whole answers, to what the
// store or the network said, on one line.
func cause(err error) error {
	var known *objstore.Error
	var noCredentials *credentialsError
	var response *azcore.ResponseError
	var op *net.OpError
	switch {
	case errors.As(err, &known):
		return known.Err
	case errors.As(err, &noCredentials):
		return brief{noCredentials.Error(), err}
	case errors.As(err, &response):
		return brief{said(response), err}
	case errors.As(err, &op):
		return brief{op.Error(), err}
	}
	return brief{err.Error(), err}
}

// said is the error code and the first line of the message; the others repeat
// the request's ID and the time. An answer to HEAD has no message.
func said(response *azcore.ResponseError) string {
	code := cmp.Or(response.ErrorCode, http.StatusText(response.StatusCode), "no reason given")
	if bloberror.Code(response.ErrorCode) == bloberror.InvalidBlobOrBlock {
		return code + ": another program has left blocks under this name; Azure drops them a week after the last, or when the name is written otherwise"
	}
	var answer struct{ Message string }
	if response.RawResponse != nil {
		if body, err := runtime.Payload(response.RawResponse); err == nil && xml.Unmarshal(body, &answer) == nil && answer.Message != "" {
			first, _, _ := strings.Cut(answer.Message, "\nRequestId:")
			return code + ": " + first
		}
	}
	return code
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
