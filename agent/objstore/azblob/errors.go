package azblob

import (
	"cmp"
	"encoding/xml"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/internal/httpstore"
)

// noTagsInHierarchies is what accounts with a hierarchical namespace answer to
// tags; the SDK has no name for it.
const noTagsInHierarchies bloberror.Code = "FeatureNotYetSupportedForHierarchicalNamespaceAccounts"

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
	bloberror.NoAuthenticationInformation:         objstore.KindPermission,

	bloberror.InvalidAuthenticationInfo: objstore.KindExpired, // of an identity's token

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
	noTagsInHierarchies:              objstore.KindUnsupported,
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
	if !b.expires.IsZero() && time.Now().After(b.expires) && bloberror.HasCode(err, bloberror.AuthenticationFailed) {
		e.Kind = objstore.KindExpired // Azure says why in a body that HEAD does not have
	}
	var response *azcore.ResponseError
	var token *azidentity.AuthenticationFailedError
	switch {
	case errors.As(err, &token) && token.RawResponse != nil:
		httpstore.ExplainClock(e, token.RawResponse.Header)
	case errors.As(err, &response) && response.RawResponse != nil:
		e.RequestID = response.RawResponse.Header.Get("X-Ms-Request-Id")
		httpstore.ExplainClock(e, response.RawResponse.Header)
	}
	return e
}

// kindOf classifies an error of the SDK.
func kindOf(err error) objstore.Kind {
	var response *azcore.ResponseError
	switch {
	case errors.As(err, &response) && kinds[bloberror.Code(response.ErrorCode)] != 0:
		return kinds[bloberror.Code(response.ErrorCode)]
	case errors.As(err, &response):
		return httpstore.StatusKind(response.StatusCode)
	}
	return httpstore.Kind(err)
}

// refused tells whether the store knows who asks and does not allow it, rather
// than that nobody could be named.
func refused(err error) bool {
	var response *azcore.ResponseError
	return errors.As(err, &response) && kindOf(err) == objstore.KindPermission
}

// cause reduces an error of the SDK, which prints whole answers, to what the
// store or the network said, on one line.
func cause(err error) error {
	var response *azcore.ResponseError
	if errors.As(err, &response) {
		return httpstore.Brief(said(response), err)
	}
	return httpstore.Cause(err)
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
