package gcs

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

// TestRefusals: what a store says becomes a kind, one line, and the request's id.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		status  int
		reason  string
		message string
		want    objstore.Kind
	}{
		{400, "invalid", "Invalid argument.", objstore.KindInvalid},
		{400, "invalid", `Provided CRC32C "AAAAAA==" doesn't match calculated CRC32C "BBBBBB==".`, objstore.KindCorrupt},
		{400, "userProjectMissing", "Bucket is a requester pays bucket.", objstore.KindPermission},
		{401, "authError", "Invalid Credentials", objstore.KindPermission},
		{403, "forbidden", "does not have storage.objects.get access", objstore.KindPermission},
		{403, "rateLimitExceeded", "Rate Limit Exceeded", objstore.KindThrottled},
		{403, "quotaExceeded", "Quota exceeded", objstore.KindQuota},
		{404, "notFound", "No such object", objstore.KindNotFound},
		{404, "notFound", "The specified bucket does not exist.", objstore.KindNotFound},
		{409, "conflict", "Conflict", objstore.KindTransient},
		{412, "conditionNotMet", "did not hold", objstore.KindPrecondition},
		{413, "uploadTooLarge", "too large", objstore.KindInvalid},
		{429, "tooManyRequests", "slower", objstore.KindThrottled},
		{500, "backendError", "Backend Error", objstore.KindTransient},
		{503, "backendError", "Backend Error", objstore.KindThrottled},
		{302, "", "elsewhere", objstore.KindUnsupported},
		{418, "teapot", "short and stout", objstore.KindUnknown},
	} {
		t.Run(c.reason+" "+c.message, func(t *testing.T) {
			t.Parallel()
			f, b := newFake(t)
			f.intercept = func(w http.ResponseWriter, _ *http.Request) bool {
				refuse(w, c.status, c.reason, c.message+"\nand more")
				return true
			}
			_, statErr := b.Stat(t.Context(), "key")
			_, putErr := b.Put(t.Context(), "key", bodyOf([]byte("x")), objstore.Metadata{})
			for _, err := range []error{statErr, putErr} {
				var e *objstore.Error
				if !errors.As(err, &e) || e.Kind != c.want || e.RequestID != "REQ1" {
					t.Errorf("got %#v", err)
				} else if !strings.HasSuffix(err.Error(), "(request REQ1)") || !strings.Contains(err.Error(), c.message+" and more") || !strings.Contains(err.Error(), c.reason) {
					t.Errorf("error %q", err)
				}
			}
			if _, _, err := b.Open(t.Context(), "key", "1", chunk.Range{Length: 1}); err == nil || strings.Contains(err.Error(), "\n") {
				t.Errorf("Open: %v", err)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	b := open(t, objstore.Config{Bucket: "b", Endpoint: "http://" + address})
	_, put := b.Put(t.Context(), "key", bodyOf([]byte("x")), objstore.Metadata{})
	_, check := b.Check(t.Context())
	for _, err := range []error{check, put} {
		if objstore.KindOf(err) != objstore.KindUnreachable || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("got %v", err)
		}
	}
}

func TestSilentEndpoint(t *testing.T) {
	f, b := newFake(t)
	f.intercept = func(_ http.ResponseWriter, r *http.Request) bool {
		<-r.Context().Done()
		return true
	}
	b.(*bucket).checkTimeout = 100 * time.Millisecond
	if _, err := b.Check(t.Context()); objstore.KindOf(err) != objstore.KindUnreachable || !strings.Contains(err.Error(), "no answer within 100ms") {
		t.Errorf("got %v", err)
	}
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
			for _, err := range []error{stat, put, read} {
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

// TestListNeverEndsShort: whatever goes wrong behind the first page.
func TestListNeverEndsShort(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter){
		"refused":         func(w http.ResponseWriter) { refuse(w, 500, "backendError", "oops") },
		"empty":           func(w http.ResponseWriter) {},
		"cut off":         func(w http.ResponseWriter) { io.WriteString(w, `{"items":[{"name":"k"`) },
		"not a listing":   func(w http.ResponseWriter) { io.WriteString(w, `<html><body>Sign in</body></html>`) },
		"connection lost": func(w http.ResponseWriter) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, b := newFake(t)
			for _, key := range []string{"a", "b", "c", "d"} {
				f.objects[key] = &stored{Name: key, Generation: 1}
			}
			f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Query().Get("pageToken") == "" {
					return false
				}
				answer(w)
				return true
			}
			n := 0
			err := b.List(t.Context(), "", "", func(objstore.Object) error { n++; return nil })
			var e *objstore.Error
			if !errors.As(err, &e) || n < 2 || n > 3 {
				t.Errorf("%d objects and error %v, want 2 or 3 of 4 and an error", n, err)
			}
		})
	}
}

// TestRetriesAreFew: a store that is down costs seconds, and one hiccup nothing.
func TestRetriesAreFew(t *testing.T) {
	f, b := newFake(t)
	failures := 1
	f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		if failures == 0 {
			return false
		}
		failures--
		refuse(w, 503, "backendError", "later")
		return true
	}
	calls := map[string]func(context.Context) error{
		"Put": func(ctx context.Context) error {
			_, err := b.Put(ctx, "key", bodyOf([]byte("x")), objstore.Metadata{})
			return err
		},
		"Stat": func(ctx context.Context) error { _, err := b.Stat(ctx, "key"); return err },
		"Open": func(ctx context.Context) error {
			r, _, err := b.Open(ctx, "key", "", chunk.Range{Length: 1})
			if err == nil {
				err = r.Close()
			}
			return err
		},
	}
	for _, name := range []string{"Put", "Stat", "Open"} {
		failures = 1
		if err := calls[name](t.Context()); err != nil {
			t.Errorf("%s: one refusal: %v", name, err)
		}
		failures = 1000
		f.requests = nil
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		if err := calls[name](ctx); objstore.KindOf(err) != objstore.KindThrottled || ctx.Err() != nil {
			t.Errorf("%s: a store that is down: %v", name, err)
		}
		cancel()
		if len(f.requests) != maxAttempts {
			t.Errorf("%s: %d attempts, want %d", name, len(f.requests), maxAttempts)
		}
	}
}
