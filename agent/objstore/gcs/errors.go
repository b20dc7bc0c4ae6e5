package gcs

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"cloud.google.com/go/storage"
	"google.golang.org/api/googleapi"

	"github.com/skyctl/skyctl/agent/objstore"
)

// reasons are those of Google's errors that say more than their HTTP status.
var reasons = map[string]objstore.Kind{
	"accountDisabled":        objstore.KindPermission,
	"conditionNotMet":        objstore.KindPrecondition,
	"dailyLimitExceeded":     objstore.KindQuota,
	"quotaExceeded":          objstore.KindQuota,
	"rateLimitExceeded":      objstore.KindThrottled,
	"slowDown":               objstore.KindThrottled,
	"uploadBrokenConnection": objstore.KindTransient,
	"userProjectMissing":     objstore.KindPermission,
	"userRateLimitExceeded":  objstore.KindThrottled,
}

// statuses are for answers whose reason is not in reasons, or that have none:
// those to downloads.
var statuses = map[int]objstore.Kind{
	http.StatusMovedPermanently:             objstore.KindUnsupported,
	http.StatusFound:                        objstore.KindUnsupported,
	http.StatusTemporaryRedirect:            objstore.KindUnsupported,
	http.StatusNotModified:                  objstore.KindPrecondition,
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

// errNotGCS is for answers that are a success and yet not Google's, as a proxy
// or a web server gives them.
var errNotGCS = &objstore.Error{Kind: objstore.KindUnsupported, Err: errors.New("the endpoint's answer is not that of Cloud Storage's JSON API; check the endpoint")}

func (b *bucket) failKind(op, key string, kind objstore.Kind, err error) error {
	return &objstore.Error{Op: op, Bucket: b.url(), Key: key, Kind: kind, Err: err}
}

// fail wraps what the SDK answers.
func (b *bucket) fail(op, key string, err error) error {
	if err == nil {
		return nil
	}
	e := &objstore.Error{Op: op, Bucket: b.url(), Key: key, Kind: kindOf(err), Err: cause(err)}
	var answer *googleapi.Error
	if errors.As(err, &answer) {
		e.RequestID = answer.Header.Get("X-Guploader-Uploadid")
	}
	return e
}

// kindOf classifies an error of the SDK.
func kindOf(err error) objstore.Kind {
	var known *objstore.Error
	var noCredentials *credentialsError
	var answer *googleapi.Error
	switch {
	case errors.As(err, &known):
		return known.Kind
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return objstore.KindTransient
	case errors.As(err, &noCredentials):
		return objstore.KindPermission
	case errors.As(err, &answer):
		return answerKind(answer)
	case notJSON(err):
		return errNotGCS.Kind
	}
	return connectionKind(err)
}

func answerKind(e *googleapi.Error) objstore.Kind {
	if kind := reasons[reason(e)]; kind != objstore.KindUnknown {
		return kind
	}
	if e.Code == http.StatusBadRequest && strings.Contains(strings.ToLower(e.Message), "crc32c") {
		return objstore.KindCorrupt // provided and calculated differ; there is no reason for it but "invalid"
	}
	return statuses[e.Code]
}

func reason(e *googleapi.Error) string {
	if len(e.Errors) == 0 {
		return ""
	}
	return e.Errors[0].Reason
}

// connectionKind tells an endpoint that cannot be reached from a connection
// that broke.
func connectionKind(err error) objstore.Kind {
	var dns *net.DNSError
	var op *net.OpError
	var certificate *tls.CertificateVerificationError
	var send *url.Error
	switch {
	case errors.As(err, &dns), errors.As(err, &op) && op.Op == "dial", errors.As(err, &certificate):
		return objstore.KindUnreachable
	case errors.As(err, &op), errors.As(err, &send), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return objstore.KindTransient
	}
	return objstore.KindUnknown
}

// notJSON tells whether a success could not be read.
func notJSON(err error) bool {
	var syntax *json.SyntaxError
	var mismatch *json.UnmarshalTypeError
	return errors.As(err, &syntax) || errors.As(err, &mismatch)
}

// cause reduces an error of the SDK, which repeats operation, attempts and
// headers, to what the store or the network said, on one line.
func cause(err error) error {
	var known *objstore.Error
	var noCredentials *credentialsError
	var answer *googleapi.Error
	var op *net.OpError
	switch {
	case errors.As(err, &known):
		return known.Err
	case errors.As(err, &noCredentials):
		return brief{noCredentials.Error(), err}
	case errors.As(err, &answer):
		return brief{said(answer), err}
	case notJSON(err):
		return brief{errNotGCS.Err.Error(), err}
	case errors.As(err, &op):
		return brief{op.Error(), err}
	}
	return brief{err.Error(), err}
}

// said is what an answer says: some have only a body.
func said(e *googleapi.Error) string {
	const enough = 300 // of a web page
	body := e.Body
	if len(body) > enough {
		body = strings.ToValidUTF8(body[:enough], "") + "…"
	}
	text := cmp.Or(e.Message, strings.TrimSpace(body), http.StatusText(e.Code))
	if r := reason(e); r != "" {
		return r + ": " + text
	}
	return text
}

// brief is an error with a shorter text.
type brief struct {
	text string
	err  error
}

func (e brief) Error() string { return strings.Join(strings.Fields(e.text), " ") }

func (e brief) Unwrap() error { return e.err }

// noObject tells whether the store answered that the object does not exist,
// which is not to say that the bucket does not.
func noObject(err error) bool {
	return errors.Is(err, storage.ErrObjectNotExist) && !strings.Contains(err.Error(), "bucket does not exist")
}
