package s3

import (
	"context"
	"errors"
	"fmt"
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
		status int
		code   string
		want   objstore.Kind
	}{
		{403, "AccessDenied", objstore.KindPermission},
		{403, "SignatureDoesNotMatch", objstore.KindPermission},
		{400, "ExpiredToken", objstore.KindPermission},
		{404, "NoSuchBucket", objstore.KindNotFound},
		{404, "XAdminUserNotFound", objstore.KindPermission},
		{404, "NoSuchKey", objstore.KindNotFound},
		{409, "OperationAborted", objstore.KindTransient},
		{412, "PreconditionFailed", objstore.KindPrecondition},
		{416, "InvalidRange", objstore.KindPrecondition},
		{400, "KeyTooLongError", objstore.KindInvalid},
		{400, "BadDigest", objstore.KindCorrupt},
		{400, "RequestTimeout", objstore.KindTransient},
		{429, "TooManyRequests", objstore.KindThrottled},
		{500, "InternalError", objstore.KindTransient},
		{501, "NotImplemented", objstore.KindUnsupported},
		{503, "SlowDown", objstore.KindThrottled},
		{507, "XMinioStorageFull", objstore.KindQuota},
		{418, "Teapot", objstore.KindUnknown},
	} {
		t.Run(c.code, func(t *testing.T) {
			t.Parallel()
			f, b := newFake(t)
			f.intercept = func(w http.ResponseWriter, _ *http.Request) bool {
				refuse(w, c.status, c.code, "because\nof this")
				return true
			}
			_, _, err := b.Open(t.Context(), "key", `"v"`, chunk.Range{Length: 1})
			var e *objstore.Error
			if !errors.As(err, &e) || e.Kind != c.want || e.RequestID != "REQ1" || e.Op != "open" {
				t.Errorf("got %#v", err)
			}
			if want := c.code + ": because of this (request REQ1)"; !strings.HasSuffix(err.Error(), want) {
				t.Errorf("error %q does not end in %q", err, want)
			}
		})
	}
}

// TestBucketInAnotherRegion: requests follow the bucket, signed for its region
// and with their bodies from the start, and Check says where it is.
func TestBucketInAnotherRegion(t *testing.T) {
	const region = "eu-west-3"
	f, b := newFake(t)
	wrong := 0
	f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("X-Amz-Bucket-Region", region)
		if strings.Contains(r.Header.Get("Authorization"), "/"+region+"/s3/") {
			return false
		}
		wrong++
		io.Copy(io.Discard, r.Body)
		refuse(w, http.StatusMovedPermanently, "PermanentRedirect", "use the other endpoint")
		return true
	}
	if _, err := b.Put(t.Context(), "key", bodyOf([]byte("body")), objstore.Metadata{}); err != nil {
		t.Fatal(err)
	}
	if got := string(f.objects["key"].data); got != "body" {
		t.Errorf("the repeated request has the body %q", got)
	}
	about, err := b.Check(t.Context())
	if err != nil || len(about.Regions) != 1 || about.Regions[0] != region {
		t.Errorf("Check says %+v, %v", about, err)
	}
	if wrong != 1 {
		t.Errorf("%d requests went to the wrong region, want the first only", wrong)
	}
	// A store that always names another region is not followed for ever.
	f.intercept = func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("X-Amz-Bucket-Region", fmt.Sprint("region-", len(f.requests)))
		refuse(w, http.StatusMovedPermanently, "PermanentRedirect", "use the other endpoint")
		return true
	}
	if _, err := b.Check(t.Context()); objstore.KindOf(err) != objstore.KindInvalid {
		t.Errorf("got %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	b := open(t, objstore.Config{Bucket: "b", Endpoint: "http://" + address, Credentials: map[string]string{"access_key_id": "a", "secret_access_key": "b"}})
	if _, err := b.Check(t.Context()); objstore.KindOf(err) != objstore.KindUnreachable || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v", err)
	}
	if got := kindOf(fmt.Errorf("sent: %w", &net.DNSError{Err: "no such host", Name: "x"})); got != objstore.KindUnreachable {
		t.Errorf("a name that does not resolve is %v", got)
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

func TestNoCredentials(t *testing.T) {
	home := t.TempDir()
	for name, value := range map[string]string{
		"HOME": home, "AWS_CONFIG_FILE": home + "/none", "AWS_SHARED_CREDENTIALS_FILE": home + "/none", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_PROFILE": "", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "", "AWS_WEB_IDENTITY_TOKEN_FILE": "",
	} {
		t.Setenv(name, value)
	}
	b := open(t, objstore.Config{Bucket: "b", Endpoint: "http://127.0.0.1:1"})
	if _, err := b.Check(t.Context()); objstore.KindOf(err) != objstore.KindPermission || !strings.Contains(err.Error(), "set AWS_ACCESS_KEY_ID") {
		t.Errorf("got %v", err)
	}
}

func TestOpenRefusesBadConfiguration(t *testing.T) {
	for _, c := range []struct {
		want string
		cfg  objstore.Config
	}{
		{"no name", objstore.Config{}},
		{"is not http://HOST", objstore.Config{Bucket: "b", Endpoint: "127.0.0.1:9000"}},
		{`unknown credential "acces_key"; known are`, objstore.Config{Bucket: "b", Credentials: map[string]string{"acces_key": "x"}}},
		{"go together", objstore.Config{Bucket: "b", Credentials: map[string]string{"access_key_id": "x"}}},
		{"no-such-profile", objstore.Config{Bucket: "b", Credentials: map[string]string{"profile": "no-such-profile"}}},
	} {
		_, err := Open(t.Context(), c.cfg)
		if objstore.KindOf(err) != objstore.KindInvalid || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want %q", c.cfg, err, c.want)
		}
	}
}

// TestListNeverEndsShort: whatever goes wrong behind the first page.
func TestListNeverEndsShort(t *testing.T) {
	const head = `<ListBucketResult><Name>bucket</Name>`
	for name, answer := range map[string]func(w http.ResponseWriter){
		"refused": func(w http.ResponseWriter) { refuse(w, 500, "InternalError", "oops") },
		"empty":   func(w http.ResponseWriter) {},
		"cut off": func(w http.ResponseWriter) {
			io.WriteString(w, head+`<IsTruncated>false</IsTruncated><Contents><Key>k</Key>`)
		},
		"not a listing": func(w http.ResponseWriter) { io.WriteString(w, `<html><body>Sign in</body></html>`) },
		"no way on": func(w http.ResponseWriter) {
			io.WriteString(w, head+`<IsTruncated>true</IsTruncated></ListBucketResult>`)
		},
		"unreadable key": func(w http.ResponseWriter) {
			io.WriteString(w, head+`<IsTruncated>false</IsTruncated><EncodingType>url</EncodingType><Contents><Key>%zz</Key></Contents></ListBucketResult>`)
		},
		"connection lost": func(w http.ResponseWriter) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, b := newFake(t)
			for _, key := range []string{"a", "b", "c", "d"} {
				f.objects[key] = stored{}
			}
			f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
				if q := r.URL.Query(); !q.Has("continuation-token") && !q.Has("start-after") {
					return false
				}
				answer(w)
				return true
			}
			n := 0
			err := b.List(t.Context(), "", "", func(objstore.Object) error { n++; return nil })
			var e *objstore.Error
			if !errors.As(err, &e) || n != 2 {
				t.Errorf("%d objects and error %v, want 2 and an error", n, err)
			}
		})
	}
}

// TestReadsThatAreNotWhatWasAsked: stores and proxies that ignore the headers
// of a read, and bodies that end early.
func TestReadsThatAreNotWhatWasAsked(t *testing.T) {
	data := []byte("0123456789")
	for _, c := range []struct {
		name   string
		header map[string]string
		status int
		body   string
		want   objstore.Kind
	}{
		{"another version", map[string]string{"ETag": `"other"`, "Content-Range": "bytes 2-5/10"}, 206, "2345", objstore.KindPrecondition},
		{"another range", map[string]string{"Content-Range": "bytes 3-6/10"}, 206, "3456", objstore.KindUnsupported},
		{"the whole object", nil, 200, "0123456789", objstore.KindUnsupported},
		{"a shorter object", map[string]string{"Content-Range": "bytes 2-3/4"}, 206, "23", objstore.KindPrecondition},
		{"no sense", map[string]string{"Content-Range": "lines 2-5"}, 206, "2345", objstore.KindUnknown},
		{"an early end", map[string]string{"Content-Range": "bytes 2-5/10", "Content-Length": "4"}, 206, "23", objstore.KindTransient},
		{"an early end without a length", map[string]string{"Content-Range": "bytes 2-5/10", "Transfer-Encoding": "chunked"}, 206, "23", objstore.KindTransient},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, b := newFake(t)
			f.intercept = func(w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("ETag", etag(data))
				for name, value := range c.header {
					w.Header().Set(name, value)
				}
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
				return true
			}
			r, _, err := b.Open(t.Context(), "key", objstore.Version(etag(data)), chunk.Range{Offset: 2, Length: 4})
			if err == nil {
				var got []byte
				if got, err = io.ReadAll(r); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("%v is not io.ErrUnexpectedEOF", err)
				}
				t.Logf("read %q", got)
				r.Close()
			}
			if err == nil || objstore.KindOf(err) != c.want {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// TestVersionWithoutETag: size and time stand in for it.
func TestVersionWithoutETag(t *testing.T) {
	modified := "Mon, 02 Nov 2026 10:00:00 GMT"
	f, b := newFake(t)
	f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("If-Match") != "" {
			t.Error("an If-Match without an ETag")
		}
		w.Header().Set("Last-Modified", modified)
		io.WriteString(w, "0")
		return true
	}
	obj, err := b.Stat(t.Context(), "key")
	if err != nil {
		t.Fatal(err)
	}
	r, _, err := b.Open(t.Context(), "key", obj.Version, chunk.Range{Length: 1})
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	modified = "Mon, 02 Nov 2026 10:00:01 GMT"
	if _, _, err = b.Open(t.Context(), "key", obj.Version, chunk.Range{Length: 1}); objstore.KindOf(err) != objstore.KindPrecondition {
		t.Errorf("got %v", err)
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
		refuse(w, 503, "SlowDown", "slower")
		return true
	}
	if _, err := b.Put(t.Context(), "key", bodyOf([]byte("x")), objstore.Metadata{}); err != nil {
		t.Errorf("one refusal: %v", err)
	}
	failures = 1000
	f.requests = nil
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := b.Stat(ctx, "key"); objstore.KindOf(err) != objstore.KindThrottled || ctx.Err() != nil {
		t.Errorf("a store that is down: %v", err)
	}
	if len(f.requests) != maxAttempts {
		t.Errorf("%d attempts, want %d", len(f.requests), maxAttempts)
	}
}
