package httpstore

import (
	"context"
	"crypto/tls"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/skyctl/skyctl/agent/objstore"
)

var statuses = map[int]objstore.Kind{
	http.StatusMovedPermanently:             objstore.KindUnsupported,
	http.StatusFound:                        objstore.KindUnsupported,
	http.StatusNotModified:                  objstore.KindPrecondition,
	http.StatusTemporaryRedirect:            objstore.KindUnsupported,
	http.StatusPermanentRedirect:            objstore.KindUnsupported,
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

// StatusKind is the kind of an answer by its status alone; KindUnknown if the
// status says nothing. A provider asks its store's error codes first.
func StatusKind(status int) objstore.Kind { return statuses[status] }

// Kind classifies an error that is no answer of the store: one that has its
// kind already, the end of a context, missing credentials, or the network's.
// It tells an endpoint that cannot be reached from a connection that broke.
func Kind(err error) objstore.Kind {
	var known *objstore.Error
	var credentials *CredentialsError
	var dns *net.DNSError
	var op *net.OpError
	var certificate *tls.CertificateVerificationError
	var request *url.Error
	var syntax *xml.SyntaxError
	switch {
	case errors.As(err, &known):
		return known.Kind
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return objstore.KindTransient
	case errors.As(err, &credentials):
		return credentials.kind()
	case errors.As(err, &dns), errors.As(err, &op) && op.Op == "dial", errors.As(err, &certificate):
		return objstore.KindUnreachable
	case errors.As(err, &op), errors.As(err, &request), errors.As(err, &syntax),
		errors.Is(err, errStalled), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return objstore.KindTransient
	}
	return objstore.KindUnknown
}

// Cause reduces an error that is no answer of the store to one line without
// what an SDK wraps around it, and without the URL, which may hold a token. Its
// chain is err's.
func Cause(err error) error {
	var known *objstore.Error
	var credentials *CredentialsError
	var op *net.OpError
	var request *url.Error
	switch {
	case errors.As(err, &known):
		return known.Err
	case errors.As(err, &credentials):
		return Brief(credentials.Error(), err)
	case errors.Is(err, errStalled):
		return Brief(errStalled.Error(), err)
	case errors.As(err, &op):
		return Brief(op.Error(), err)
	case errors.As(err, &request):
		return Brief(request.Err.Error(), err)
	}
	return Brief(err.Error(), err)
}

// Brief is err with another text, on one line.
func Brief(text string, err error) error { return brief{text, err} }

type brief struct {
	text string
	err  error
}

func (e brief) Error() string {
	return strings.TrimSuffix(strings.Join(strings.Fields(e.text), " "), ": ")
}

func (e brief) Unwrap() error { return e.err }

// CredentialsError marks the errors of finding credentials, which otherwise
// look like those of the request that needed them.
type CredentialsError struct {
	Err    error
	Remedy string // what the user may set
	Lapsed bool   // some were found before: they cannot be renewed
}

// kind is no refusal where there were credentials before: no object is to fail
// for what is everybody's trouble, and may be over soon.
func (e *CredentialsError) kind() objstore.Kind {
	switch kind := Kind(e.Err); {
	case !e.Lapsed:
		return objstore.KindPermission
	case kind == objstore.KindTransient, kind == objstore.KindUnreachable:
		return objstore.KindTransient // whoever gives them does not answer
	}
	return objstore.KindExpired
}

func (e *CredentialsError) Error() string {
	what := "no credentials found"
	if e.Lapsed {
		what = "the credentials cannot be renewed"
	}
	return fmt.Sprintf("%s (%v); %s", what, e.Err, e.Remedy)
}

func (e *CredentialsError) Unwrap() error { return e.Err }
