package azblob

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
		{401, "InvalidAuthenticationInfo", objstore.KindPermission},
		{403, "AuthenticationFailed", objstore.KindPermission},
		{403, "AuthorizationPermissionMismatch", objstore.KindPermission},
		{404, "ContainerNotFound", objstore.KindNotFound},
		{404, "BlobNotFound", objstore.KindNotFound},
		{409, "ContainerBeingDeleted", objstore.KindNotFound},
		{409, "BlobArchived", objstore.KindPermission},
		{409, "BlobImmutableDueToPolicy", objstore.KindPermission},
		{409, "InvalidBlobType", objstore.KindInvalid},
		{409, "SomethingElse", objstore.KindTransient},
		{412, "ConditionNotMet", objstore.KindPrecondition},
		{412, "LeaseIdMissing", objstore.KindPermission},
		{416, "InvalidRange", objstore.KindPrecondition},
		{400, "InvalidResourceName", objstore.KindInvalid},
		{400, "Crc64Mismatch", objstore.KindCorrupt},
		{413, "RequestBodyTooLarge", objstore.KindInvalid},
		{429, "TooManyRequests", objstore.KindThrottled},
		{500, "InternalError", objstore.KindTransient},
		{500, "OperationTimedOut", objstore.KindTransient},
		{501, "NotImplemented", objstore.KindUnsupported},
		{503, "ServerBusy", objstore.KindThrottled},
		{507, "InsufficientStorage", objstore.KindQuota},
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
			if _, err = b.Stat(t.Context(), "key"); objstore.KindOf(err) != c.want { // an answer without a body
				t.Errorf("Stat: %v", err)
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
	b := open(t, objstore.Config{Bucket: "container", Endpoint: "http://" + address, Credentials: map[string]string{"sas_token": "sig=x"}})
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
	b.checkTimeout = 100 * time.Millisecond
	if _, err := b.Check(t.Context()); objstore.KindOf(err) != objstore.KindUnreachable || !strings.Contains(err.Error(), "no answer within 100ms") {
		t.Errorf("got %v", err)
	}
}

// TestListNeverEndsShort: whatever goes wrong behind the first page.
func TestListNeverEndsShort(t *testing.T) {
	const head = `<EnumerationResults ServiceEndpoint="http://x/" ContainerName="c">`
	for name, answer := range map[string]func(w http.ResponseWriter){
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
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, b := newFake(t)
			for _, key := range []string{"a", "b", "c", "d"} {
				f.blobs[key] = &stored{exists: true, etag: `"x"`}
			}
			f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
				if !r.URL.Query().Has("marker") {
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

// TestReadsThatAreNotWhatWasAsked: stores and proxies that ignore the headers
// of a read, and bodies that end early.
func TestReadsThatAreNotWhatWasAsked(t *testing.T) {
	const version = `"v"`
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
				w.Header().Set("ETag", version)
				for name, value := range c.header {
					w.Header().Set(name, value)
				}
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
				return true
			}
			r, _, err := b.Open(t.Context(), "key", version, chunk.Range{Offset: 2, Length: 4})
			if err == nil {
				if _, err = io.ReadAll(r); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("%v is not io.ErrUnexpectedEOF", err)
				}
				r.Close()
			}
			if err == nil || objstore.KindOf(err) != c.want {
				t.Errorf("got %v, want %v", err, c.want)
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
		refuse(w, 503, "ServerBusy", "slower")
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
	if len(f.requests) != maxRetries+1 {
		t.Errorf("%d attempts, want %d", len(f.requests), maxRetries+1)
	}
}
