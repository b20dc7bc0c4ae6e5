package azblob

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/objstoretest/answers"
)

// start is newFake for the tests that all providers share.
func start(t *testing.T) answers.Fake {
	f, b := newFake(t)
	return answers.Fake{Bucket: b, Answer: func(answer func(http.ResponseWriter, *http.Request) bool) { f.intercept = answer },
		Requests: func() int { return len(f.requests) }}
}

var refusals = []answers.Refusal{
	{Status: 401, Code: "InvalidAuthenticationInfo", Want: objstore.KindExpired},
	{Status: 403, Code: "AuthenticationFailed", Want: objstore.KindPermission},
	{Status: 403, Code: "AuthorizationPermissionMismatch", Want: objstore.KindPermission},
	{Status: 404, Code: "ContainerNotFound", Want: objstore.KindNotFound},
	{Status: 404, Code: "BlobNotFound", Want: objstore.KindNotFound},
	{Status: 409, Code: "ContainerBeingDeleted", Want: objstore.KindNotFound},
	{Status: 409, Code: "BlobArchived", Want: objstore.KindPermission},
	{Status: 409, Code: "BlobImmutableDueToPolicy", Want: objstore.KindPermission},
	{Status: 409, Code: "InvalidBlobType", Want: objstore.KindInvalid},
	{Status: 409, Code: "SomethingElse", Want: objstore.KindTransient},
	{Status: 412, Code: "ConditionNotMet", Want: objstore.KindPrecondition},
	{Status: 412, Code: "LeaseIdMissing", Want: objstore.KindPermission},
	{Status: 416, Code: "InvalidRange", Want: objstore.KindPrecondition},
	{Status: 400, Code: "InvalidResourceName", Want: objstore.KindInvalid},
	{Status: 400, Code: "Crc64Mismatch", Want: objstore.KindCorrupt},
	{Status: 413, Code: "RequestBodyTooLarge", Want: objstore.KindInvalid},
	{Status: 429, Code: "TooManyRequests", Want: objstore.KindThrottled},
	{Status: 500, Code: "InternalError", Want: objstore.KindTransient},
	{Status: 500, Code: "OperationTimedOut", Want: objstore.KindTransient},
	{Status: 501, Code: "NotImplemented", Want: objstore.KindUnsupported},
	{Status: 503, Code: "ServerBusy", Want: objstore.KindThrottled},
	{Status: 507, Code: "InsufficientStorage", Want: objstore.KindQuota},
	{Status: 418, Code: "Teapot", Want: objstore.KindUnknown},
}

func TestRefusals(t *testing.T) {
	answers.Refusals(t, start, refuse, []answers.Call{answers.Open}, refusals)
}

// TestRefusalsWithoutABody: those of a HEAD.
func TestRefusalsWithoutABody(t *testing.T) {
	for _, r := range refusals {
		t.Run(r.Code, func(t *testing.T) {
			t.Parallel()
			f := start(t)
			f.Answer(func(w http.ResponseWriter, _ *http.Request) bool {
				refuse(w, r.Status, r.Code, r.Message)
				return true
			})
			if err := answers.Stat.Do(t.Context(), f.Bucket); objstore.KindOf(err) != r.Want {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	answers.Unreachable(t, func(endpoint string) objstore.Bucket {
		return open(t, objstore.Config{Bucket: fakeContainer, Endpoint: endpoint, Credentials: map[string]string{"sas_token": "sig=x"}})
	})
	if got := kindOf(fmt.Errorf("sent: %w", &net.DNSError{Err: "no such host", Name: "x"})); got != objstore.KindUnreachable {
		t.Errorf("a name that does not resolve is %v", got)
	}
}

func TestSilentEndpoint(t *testing.T) {
	f := start(t)
	f.Bucket.(*bucket).checkTimeout = answers.Patience
	answers.Silent(t, f)
}

func TestListNeverEndsShort(t *testing.T) {
	const head = `<EnumerationResults ServiceEndpoint="http://x/" ContainerName="c">`
	four := func(t *testing.T) answers.Fake {
		f, b := newFake(t)
		for _, key := range []string{"a", "b", "c", "d"} {
			f.blobs[key] = &stored{exists: true, etag: `"x"`}
		}
		return answers.Fake{Bucket: b, Answer: func(answer func(http.ResponseWriter, *http.Request) bool) { f.intercept = answer }}
	}
	later := func(r *http.Request) bool { return r.URL.Query().Has("marker") }
	answers.ListNeverEndsShort(t, four, later, map[string]func(w http.ResponseWriter){
		"refused": func(w http.ResponseWriter) { refuse(w, 403, "AuthenticationFailed", "expired") },
		"empty":   func(w http.ResponseWriter) {},
		"cut off": func(w http.ResponseWriter) { io.WriteString(w, head+`<Blobs><Blob><Name>k</Name>`) },
		"not a listing": func(w http.ResponseWriter) {
			io.WriteString(w, `<html><body>Sign in</body></html>`)
		},
		"no marker": func(w http.ResponseWriter) { io.WriteString(w, head+`<Blobs/></EnumerationResults>`) },
		"no blobs":  func(w http.ResponseWriter) { io.WriteString(w, head+`<NextMarker/></EnumerationResults>`) },
		"a blob without length": func(w http.ResponseWriter) {
			io.WriteString(w, head+`<Blobs><Blob><Name>k</Name><Properties><Etag>x</Etag></Properties></Blob></Blobs><NextMarker/></EnumerationResults>`)
		},
		"connection lost": func(w http.ResponseWriter) { panic(http.ErrAbortHandler) },
	})
}

func TestWrongReads(t *testing.T) {
	answers.WrongReads(t, func(t *testing.T) (answers.Fake, objstore.Version) { return start(t), `"v"` }, "ETag", `"other"`, []answers.Read{
		{Name: "the whole object", Status: 200, Body: "0123456789", Want: objstore.KindUnsupported},
		{Name: "an early end", Header: map[string]string{"Content-Range": "bytes 2-5/10", "Content-Length": "4"}, Status: 206, Body: "23", Want: objstore.KindTransient},
		{Name: "an early end without a length", Header: map[string]string{"Content-Range": "bytes 2-5/10", "Transfer-Encoding": "chunked"}, Status: 206, Body: "23", Want: objstore.KindTransient},
	})
}

func TestRetriesAreFew(t *testing.T) {
	answers.FewRetries(t, start(t), maxRetries+1, func(w http.ResponseWriter) { refuse(w, 503, "ServerBusy", "slower") })
}

// TestListLeavesOutDirectories: an account with a hierarchical namespace lists
// them as blobs.
func TestListLeavesOutDirectories(t *testing.T) {
	f, b := newFake(t)
	f.intercept = func(w http.ResponseWriter, _ *http.Request) bool {
		io.WriteString(w, `<EnumerationResults ServiceEndpoint="http://x/"><Blobs>
			<Blob><Name>dir</Name><Properties><Etag>1</Etag><Content-Length>0</Content-Length><ResourceType>directory</ResourceType></Properties></Blob>
			<Blob><Name>dir/a</Name><Properties><Etag>2</Etag><Content-Length>3</Content-Length><ResourceType>file</ResourceType></Properties></Blob>
			<Blob><Name Encoded="true">dir%2F%EF%BF%BE</Name><Properties><Etag>2</Etag><Content-Length>3</Content-Length></Properties></Blob>
			</Blobs><NextMarker/></EnumerationResults>`)
		return true
	}
	var keys []string
	err := b.List(t.Context(), "", "", func(o objstore.Object) error { keys = append(keys, o.Key); return nil })
	if got := strings.Join(keys, " "); err != nil || got != "dir/a dir/\ufffe" {
		t.Errorf("listed are %q, %v", got, err)
	}
}

// TestExpiredToken is not taken for one that does not allow something.
func TestExpiredToken(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusForbidden, "AuthenticationFailed", "no")
	}))
	defer server.Close()
	for ends, want := range map[time.Duration]objstore.Kind{-time.Second: objstore.KindExpired, time.Hour: objstore.KindPermission} {
		b := open(t, objstore.Config{Bucket: "container", Endpoint: server.URL + "/" + fakeAccount,
			Credentials: map[string]string{"sas_token": "sig=x&se=" + time.Now().Add(ends).UTC().Format(time.RFC3339)}})
		defer b.Close()
		if _, err := b.Stat(t.Context(), "key"); objstore.KindOf(err) != want {
			t.Errorf("%v before its end: %v", ends, err)
		}
	}
}

// TestTokenIsNotTold: what breaks is said without the token in its URL.
func TestTokenIsNotTold(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer server.Close()
	for _, token := range []string{"sig=SECRET", "sig=SECRET\n"} {
		b, err := Open(t.Context(), objstore.Config{Bucket: fakeContainer, Endpoint: server.URL + "/" + fakeAccount,
			Credentials: map[string]string{"sas_token": token}})
		if err == nil {
			defer b.Close()
			_, err = b.Stat(t.Context(), "key")
		}
		if err == nil || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%q: got %v", token, err)
		}
	}
}
