package s3

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

// newWarm is a fake that the SDK has already written "key" to, so that direct
// knows its endpoint, and the requests that reach it from now on.
func newWarm(t *testing.T) (*fake, objstore.Bucket, *[]*http.Request) {
	t.Helper()
	f, b := newFake(t)
	if _, err := b.Put(t.Context(), "key", bodyOf([]byte("body")), objstore.Metadata{}); err != nil {
		t.Fatal(err)
	}
	var seen []*http.Request
	f.intercept = func(_ http.ResponseWriter, r *http.Request) bool {
		seen = append(seen, r)
		return false
	}
	return f, b, &seen
}

// bySDK tells who made a request.
func bySDK(r *http.Request) bool { return r.Header.Get("Amz-Sdk-Request") != "" }

func read(t *testing.T, b objstore.Bucket, key string, length int64) ([]byte, objstore.Object, error) {
	t.Helper()
	body, obj, err := b.Open(t.Context(), key, "", chunk.Range{Length: length})
	if err != nil {
		return nil, obj, err
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	return data, obj, err
}

// TestDirect: a small object costs one request to write and one to read, past
// the SDK, and loses nothing by it; a larger one is the SDK's.
func TestDirect(t *testing.T) {
	_, b, seen := newWarm(t)
	for _, size := range []int{0, 1, 4096, directly, directly + 1} {
		*seen = nil
		body := bodyOf([]byte(strings.Repeat("x", size)))
		meta := objstore.Metadata{User: map[string]string{"name": "Größe"}}
		if _, err := b.Put(t.Context(), "another key", body, meta); err != nil {
			t.Fatal(err)
		}
		data, obj, err := read(t, b, "another key", body.Size)
		if err != nil || string(data) != string(body.Bytes) || obj.Metadata.User["name"] != "Größe" || obj.CRC32C == nil || *obj.CRC32C != body.Digest {
			t.Errorf("%d bytes: %d came back, %+v, %v", size, len(data), obj, err)
		}
		if len(*seen) != 2 {
			t.Errorf("%d bytes took %d requests", size, len(*seen))
		}
		for _, r := range *seen {
			if want := size > directly; bySDK(r) != want {
				t.Errorf("%d bytes: the SDK's is %v, want %v: %s %v", size, !want, want, r.Method, r.Header)
			}
		}
	}
}

// TestDirectAnswersAreHanded: what is no success costs no request more than the
// SDK would have made, and is what the SDK makes of it.
func TestDirectAnswersAreHanded(t *testing.T) {
	for _, c := range []struct {
		status   int
		code     string
		requests int
		want     objstore.Kind
	}{
		{403, "AccessDenied", 1, objstore.KindPermission},
		{404, "NoSuchKey", 1, objstore.KindNotFound},
		{412, "PreconditionFailed", 1, objstore.KindPrecondition},
		{503, "SlowDown", maxAttempts, objstore.KindThrottled},
		{200, "InternalError", maxAttempts, objstore.KindTransient}, // of a PUT
	} {
		f, b, _ := newWarm(t)
		requests := 0
		f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
			requests++
			if bySDK(r) == (requests == 1) {
				t.Errorf("request %d: the SDK's is %v", requests, bySDK(r))
			}
			io.Copy(io.Discard, r.Body)
			refuse(w, c.status, c.code, "because")
			return true
		}
		_, err := b.Put(t.Context(), "key", bodyOf([]byte("other")), objstore.Metadata{})
		if objstore.KindOf(err) != c.want || requests != c.requests || !strings.Contains(fmt.Sprint(err), c.code+": because (request REQ1)") {
			t.Errorf("put, %d %s: %v after %d requests", c.status, c.code, err, requests)
		}
		if c.status == http.StatusOK {
			continue
		}
		requests = 0
		_, _, err = read(t, b, "key", 4)
		if objstore.KindOf(err) != c.want || requests != c.requests {
			t.Errorf("open, %d %s: %v after %d requests", c.status, c.code, err, requests)
		}
	}
}

// TestDirectIsRepeated: a hiccup and a broken connection are smoothed out, with
// the body from its start.
func TestDirectIsRepeated(t *testing.T) {
	for name, hiccup := range map[string]func(http.ResponseWriter){
		"500":   func(w http.ResponseWriter) { refuse(w, http.StatusInternalServerError, "InternalError", "once") },
		"reset": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
	} {
		f, b, _ := newWarm(t)
		requests := 0
		f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
			if requests++; requests > 1 {
				return false
			}
			io.Copy(io.Discard, r.Body)
			hiccup(w)
			return true
		}
		if _, err := b.Put(t.Context(), "key", bodyOf([]byte("other")), objstore.Metadata{}); err != nil || requests != 2 {
			t.Errorf("%s: %v after %d requests", name, err, requests)
		}
		requests = 0
		if data, _, err := read(t, b, "key", 5); err != nil || string(data) != "other" || requests != 2 {
			t.Errorf("%s: read %q, %v after %d requests", name, data, err, requests)
		}
	}
}

// TestDirectFollows: a bucket that turns out to be elsewhere is followed, and
// then asked there.
func TestDirectFollows(t *testing.T) {
	const region = "eu-west-3"
	f, b, _ := newWarm(t)
	wrong, direct := 0, 0
	f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set(regionHeader, region)
		if strings.Contains(r.Header.Get("Authorization"), "/"+region+"/s3/") {
			if !bySDK(r) {
				direct++
			}
			return false
		}
		wrong++
		io.Copy(io.Discard, r.Body)
		refuse(w, http.StatusMovedPermanently, "PermanentRedirect", "use the other endpoint")
		return true
	}
	for range 3 {
		if data, _, err := read(t, b, "key", 4); err != nil || string(data) != "body" {
			t.Errorf("read %q, %v", data, err)
		}
	}
	if wrong != 2 || direct != 2 { // the SDK finds out for itself
		t.Errorf("%d requests went to the wrong region, %d directly to the right one", wrong, direct)
	}
}

// TestPlainly: which endpoints need no more than a signature.
func TestPlainly(t *testing.T) {
	for _, c := range []struct{ bucket, endpoint, want string }{
		{"bucket", "", "https://bucket.s3.eu-west-1.amazonaws.com eu-west-1"},
		{"a.bucket", "", "https://s3.eu-west-1.amazonaws.com/a.bucket eu-west-1"},
		{"bucket", "http://192.0.2.1:9000/base/", "http://192.0.2.1:9000/base/bucket eu-west-1"},
		{"bucket--euw1-az1--x-s3", "", ""},
		{"arn:aws:s3::123456789012:accesspoint:name.mrap", "", ""},
	} {
		params := s3.EndpointParameters{Bucket: &c.bucket, Region: aws.String("eu-west-1"), Key: aws.String("key")}
		if c.endpoint != "" {
			params.Endpoint, params.ForcePathStyle = &c.endpoint, aws.Bool(true)
		}
		f := follower{EndpointResolverV2: s3.NewDefaultEndpointResolverV2()}
		if _, err := f.ResolveEndpoint(t.Context(), params.WithDefaults()); err != nil {
			t.Errorf("%s: %v", c.bucket, err)
		}
		got := ""
		if at := f.endpoint(); at != nil {
			got = at.url.String() + " " + at.signed
		}
		if got != c.want {
			t.Errorf("%s at %q: %q, want %q", c.bucket, c.endpoint, got, c.want)
		}
	}
}
