package gcs

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/objstoretest/answers"
)

// start is newFake for the tests that all providers share.
func start(t *testing.T) answers.Fake {
	f, b := newFake(t)
	return answers.Fake{Bucket: b, Answer: func(answer func(http.ResponseWriter, *http.Request) bool) { f.intercept = answer },
		Requests: func() int { return len(f.requests) }}
}

func TestRefusals(t *testing.T) {
	answers.Refusals(t, start, refuse, []answers.Call{answers.Stat, answers.Put}, []answers.Refusal{
		{Status: 400, Code: "invalid", Message: "Invalid argument.", Want: objstore.KindInvalid},
		{Status: 400, Code: "invalid", Message: `Provided CRC32C "AAAAAA==" doesn't match calculated CRC32C "BBBBBB==".`, Want: objstore.KindCorrupt},
		{Status: 400, Code: "userProjectMissing", Message: "Bucket is a requester pays bucket.", Want: objstore.KindPermission},
		{Status: 401, Code: "authError", Message: "Invalid Credentials", Want: objstore.KindExpired},
		{Status: 403, Code: "forbidden", Message: "does not have storage.objects.get access", Want: objstore.KindPermission},
		{Status: 403, Code: "rateLimitExceeded", Message: "Rate Limit Exceeded", Want: objstore.KindThrottled},
		{Status: 403, Code: "quotaExceeded", Message: "Quota exceeded", Want: objstore.KindQuota},
		{Status: 404, Code: "notFound", Message: "No such object", Want: objstore.KindNotFound},
		{Status: 404, Code: "notFound", Message: "The specified bucket does not exist.", Want: objstore.KindNotFound},
		{Status: 409, Code: "conflict", Message: "Conflict", Want: objstore.KindTransient},
		{Status: 412, Code: "conditionNotMet", Message: "did not hold", Want: objstore.KindPrecondition},
		{Status: 413, Code: "uploadTooLarge", Message: "too large", Want: objstore.KindInvalid},
		{Status: 429, Code: "tooManyRequests", Message: "slower", Want: objstore.KindThrottled},
		{Status: 500, Code: "backendError", Message: "Backend Error", Want: objstore.KindTransient},
		{Status: 503, Code: "backendError", Message: "Backend Error", Want: objstore.KindThrottled},
		{Status: 302, Code: "", Message: "elsewhere", Want: objstore.KindUnsupported},
		{Status: 418, Code: "teapot", Message: "short and stout", Want: objstore.KindUnknown},
	})
}

func TestUnreachable(t *testing.T) {
	answers.Unreachable(t, func(endpoint string) objstore.Bucket {
		return open(t, objstore.Config{Bucket: "b", Endpoint: endpoint})
	})
}

func TestSilentEndpoint(t *testing.T) {
	f := start(t)
	f.Bucket.(*bucket).checkTimeout = answers.Patience
	answers.Silent(t, f)
}

func TestListNeverEndsShort(t *testing.T) {
	four := func(t *testing.T) answers.Fake {
		f, b := newFake(t)
		for _, key := range []string{"a", "b", "c", "d"} {
			f.objects[key] = &stored{Name: key, Generation: 1}
		}
		return answers.Fake{Bucket: b, Answer: func(answer func(http.ResponseWriter, *http.Request) bool) { f.intercept = answer }}
	}
	later := func(r *http.Request) bool { return r.URL.Query().Get("pageToken") != "" }
	answers.ListNeverEndsShort(t, four, later, map[string]func(w http.ResponseWriter){
		"refused":         func(w http.ResponseWriter) { refuse(w, 500, "backendError", "oops") },
		"empty":           func(w http.ResponseWriter) {},
		"cut off":         func(w http.ResponseWriter) { io.WriteString(w, `{"items":[{"name":"k"`) },
		"not a listing":   func(w http.ResponseWriter) { io.WriteString(w, `<html><body>Sign in</body></html>`) },
		"no objects":      func(w http.ResponseWriter) { io.WriteString(w, `{}`) },
		"of another kind": func(w http.ResponseWriter) { io.WriteString(w, `{"items":[],"kind":"storage#buckets"}`) },
		"connection lost": func(w http.ResponseWriter) { panic(http.ErrAbortHandler) },
	})
}

func TestRetriesAreFew(t *testing.T) {
	answers.FewRetries(t, start(t), maxAttempts, func(w http.ResponseWriter) { refuse(w, 503, "backendError", "later") })
}

// TestNotGCS: a web server answers everything well.
func TestNotGCS(t *testing.T) {
	for name, page := range map[string]string{"page": "<html>Sign in</html>", "object": "{}"} {
		t.Run(name, func(t *testing.T) {
			f, b := newFake(t)
			f.intercept = func(w http.ResponseWriter, _ *http.Request) bool {
				io.WriteString(w, page)
				return true
			}
			_, stat := b.Stat(t.Context(), "key")
			_, put := b.Put(t.Context(), "key", bodyOf([]byte("x")), objstore.Metadata{})
			_, _, read := b.Open(t.Context(), "key", "", chunk.Range{Length: 2})
			_, check := b.Check(t.Context())
			list := b.List(t.Context(), "", "", func(objstore.Object) error { return nil })
			for _, err := range []error{stat, put, read, check, list} {
				if objstore.KindOf(err) != objstore.KindUnsupported || !strings.Contains(err.Error(), "check the endpoint") {
					t.Errorf("got %v", err)
				}
			}
		})
	}
}

func TestOpenRefusesBadConfiguration(t *testing.T) {
	for _, c := range []struct {
		want string
		cfg  objstore.Config
	}{
		{"no name", objstore.Config{}},
		{"is not http://HOST", objstore.Config{Bucket: "b", Endpoint: "127.0.0.1:4443"}},
		{`unknown credential "token"; known are access_token`, objstore.Config{Bucket: "b", Credentials: map[string]string{"token": "x"}}},
		{"access_token and credentials_file exclude each other", objstore.Config{Bucket: "b", Credentials: map[string]string{keyToken: "x", keyFile: "y"}}},
		{`anonymous is "yes please"`, objstore.Config{Bucket: "b", Credentials: map[string]string{keyAnonymous: "yes please"}}},
		{`the run "a/b" has other characters`, objstore.Config{Bucket: "b", Run: "a/b"}},
	} {
		_, err := Open(t.Context(), c.cfg)
		if objstore.KindOf(err) != objstore.KindInvalid || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want %q", c.cfg, err, c.want)
		}
	}
}
