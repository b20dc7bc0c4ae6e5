package gcs

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/storage"
	"google.golang.org/api/googleapi"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/internal/httpstore"
)

// reasons are those of Google's errors that say more than their HTTP status.
var reasons = map[string]objstore.Kind{
	"accountDisabled":        objstore.KindPermission,
	"conditionNotMet":        objstore.KindPrecondition,
	"dailyLimitExceeded":     objstore.KindQuota,
	"objectUnderActiveHold":  objstore.KindPermission,
	"quotaExceeded":          objstore.KindQuota,
	"rateLimitExceeded":      objstore.KindThrottled,
	"retentionPolicyNotMet":  objstore.KindPermission,
	"slowDown":               objstore.KindThrottled,
	"uploadBrokenConnection": objstore.KindTransient,
	"userProjectMissing":     objstore.KindPermission,
	"userRateLimitExceeded":  objstore.KindThrottled,
}

// remedies are what a user can do about a reason.
var remedies = map[string]string{
	"objectUnderActiveHold":   "release the hold on it, or write under another name",
	"retentionPolicyNotMet":   "the bucket's retention policy keeps it: write under another name or into a bucket without one",
	"userProjectMissing":      "ask with requester pays, and name the project that is to pay",
	"userProjectAccessDenied": "the credentials need serviceusage.services.use in the project that is to pay",
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
	var token *auth.Error
	switch {
	case errors.As(err, &answer):
		e.RequestID = answer.Header.Get("X-Guploader-Uploadid")
		httpstore.ExplainClock(e, answer.Header)
	case errors.As(err, &token) && token.Response != nil:
		httpstore.ExplainClock(e, token.Response.Header)
	}
	return e
}

// kindOf classifies an error of the SDK.
func kindOf(err error) objstore.Kind {
	var answer *googleapi.Error
	switch {
	case errors.As(err, &answer):
		return answerKind(answer)
	case notJSON(err):
		return errNotGCS.Kind
	}
	return httpstore.Kind(err)
}

func answerKind(e *googleapi.Error) objstore.Kind {
	if kind := reasons[reason(e)]; kind != objstore.KindUnknown {
		return kind
	}
	if e.Code == http.StatusUnauthorized && reason(e) != "required" { // which is said to who has no token
		return objstore.KindExpired
	}
	if e.Code == http.StatusBadRequest && strings.Contains(strings.ToLower(e.Message), "crc32c") {
		return objstore.KindCorrupt // provided and calculated differ; there is no reason for it but "invalid"
	}
	return httpstore.StatusKind(e.Code)
}

func reason(e *googleapi.Error) string {
	if len(e.Errors) == 0 {
		return ""
	}
	return e.Errors[0].Reason
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
	var answer *googleapi.Error
	var request *url.Error // its text has the URL with all its parameters
	switch {
	case errors.As(err, &answer):
		return httpstore.Brief(said(answer), err)
	case notJSON(err):
		return httpstore.Brief(errNotGCS.Err.Error(), err)
	case errors.As(err, &request):
		return httpstore.Cause(request.Err)
	}
	return httpstore.Cause(err)
}

// said is what an answer says: some have only a body.
func said(e *googleapi.Error) string {
	const enough = 300 // of a web page
	body := e.Body
	if len(body) > enough {
		body = strings.ToValidUTF8(body[:enough], "") + "…"
	}
	text := cmp.Or(e.Message, strings.TrimSpace(body), http.StatusText(e.Code))
	r := reason(e)
	if remedy := remedies[r]; remedy != "" {
		text = strings.TrimRight(text, ".") + "; " + remedy
	}
	if r != "" {
		return r + ": " + text
	}
	return text
}

// noObject tells whether the store answered that the object does not exist,
// which is not to say that the bucket does not.
func noObject(err error) bool {
	return errors.Is(err, storage.ErrObjectNotExist) && !strings.Contains(err.Error(), "bucket does not exist")
}
