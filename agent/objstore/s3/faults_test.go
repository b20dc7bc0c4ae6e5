package s3

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

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
	answers.Refusals(t, start, refuse, []answers.Call{answers.Open}, []answers.Refusal{
		{Status: 403, Code: "AccessDenied", Want: objstore.KindPermission},
		{Status: 403, Code: "SignatureDoesNotMatch", Want: objstore.KindPermission},
		{Status: 400, Code: "ExpiredToken", Want: objstore.KindExpired},
		{Status: 404, Code: "NoSuchBucket", Want: objstore.KindNotFound},
		{Status: 404, Code: "XAdminUserNotFound", Want: objstore.KindPermission},
		{Status: 404, Code: "NoSuchKey", Want: objstore.KindNotFound},
		{Status: 409, Code: "OperationAborted", Want: objstore.KindTransient},
		{Status: 412, Code: "PreconditionFailed", Want: objstore.KindPrecondition},
		{Status: 416, Code: "InvalidRange", Want: objstore.KindPrecondition},
		{Status: 400, Code: "KeyTooLongError", Want: objstore.KindInvalid},
		{Status: 400, Code: "BadDigest", Want: objstore.KindCorrupt},
		{Status: 400, Code: "RequestTimeout", Want: objstore.KindTransient},
		{Status: 429, Code: "TooManyRequests", Want: objstore.KindThrottled},
		{Status: 500, Code: "InternalError", Want: objstore.KindTransient},
		{Status: 501, Code: "NotImplemented", Want: objstore.KindUnsupported},
		{Status: 503, Code: "SlowDown", Want: objstore.KindThrottled},
		{Status: 507, Code: "XMinioStorageFull", Want: objstore.KindQuota},
		{Status: 418, Code: "Teapot", Want: objstore.KindUnknown},
	})
}

func TestUnreachable(t *testing.T) {
	answers.Unreachable(t, func(endpoint string) objstore.Bucket {
		return open(t, objstore.Config{Bucket: "b", Endpoint: endpoint, Credentials: map[string]string{"access_key_id": "a", "secret_access_key": "b"}})
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

// later tells that a request is for another page of a listing than the first.
func later(r *http.Request) bool {
	q := r.URL.Query()
	return q.Has("continuation-token") || q.Has("start-after")
}

func TestListNeverEndsShort(t *testing.T) {
	const head = `<ListBucketResult><Name>bucket</Name>`
	four := func(t *testing.T) answers.Fake {
		f, b := newFake(t)
		for _, key := range []string{"a", "b", "c", "d"} {
			f.objects[key] = stored{}
		}
		return answers.Fake{Bucket: b, Answer: func(answer func(http.ResponseWriter, *http.Request) bool) { f.intercept = answer }}
	}
	answers.ListNeverEndsShort(t, four, later, map[string]func(w http.ResponseWriter){
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
	})
}

func TestWrongReads(t *testing.T) {
	version := objstore.Version(etag([]byte("0123456789")))
	answers.WrongReads(t, func(t *testing.T) (answers.Fake, objstore.Version) { return start(t), version }, "ETag", `"other"`, []answers.Read{
		{Name: "the whole object", Status: 200, Body: "0123456789", Want: objstore.KindUnsupported},
		{Name: "an early end", Header: map[string]string{"Content-Range": "bytes 2-5/10", "Content-Length": "4"}, Status: 206, Body: "23", Want: objstore.KindTransient},
		{Name: "an early end without a length", Header: map[string]string{"Content-Range": "bytes 2-5/10", "Transfer-Encoding": "chunked"}, Status: 206, Body: "23", Want: objstore.KindTransient},
	})
}

func TestRetriesAreFew(t *testing.T) {
	answers.FewRetries(t, start(t), maxAttempts, func(w http.ResponseWriter) { refuse(w, 503, "SlowDown", "slower") })
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
	made, err := b.Put(t.Context(), "key", bodyOf([]byte("0")), objstore.Metadata{})
	if err != nil {
		t.Fatal(err)
	}
	if r, _, err = b.Open(t.Context(), "key", made.Version, chunk.Range{Length: 1}); err != nil { // to read it back
		t.Fatal(err)
	}
	r.Close()
	modified = "Mon, 02 Nov 2026 10:00:01 GMT"
	if _, _, err = b.Open(t.Context(), "key", obj.Version, chunk.Range{Length: 1}); objstore.KindOf(err) != objstore.KindPrecondition {
		t.Errorf("got %v", err)
	}
}

// TestAbsentOrRefused: whoever may not list the bucket as a whole is refused a
// key that does not exist. Where he may list that key the store says which it is.
func TestAbsentOrRefused(t *testing.T) {
	for _, c := range []struct {
		name  string
		there string // a key that exists
		lists bool
		want  objstore.Kind
		says  string
	}{
		{"absent", "key2", true, objstore.KindNotFound, "does not exist"},
		{"refused", "key", true, objstore.KindPermission, "permission denied"},
		{"nobody says", "key2", false, objstore.KindPermission, "(s3:ListBucket)"},
	} {
		f, b := newFake(t)
		f.objects[c.there] = stored{}
		f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
			listing := r.URL.Query().Has("list-type")
			if listing && c.lists {
				if prefix := r.URL.Query().Get("prefix"); prefix != "key" {
					t.Errorf("the prefix %q is listed", prefix)
				}
				return false
			}
			refuse(w, http.StatusForbidden, "AccessDenied", "Access Denied")
			return true
		}
		_, stat := b.Stat(t.Context(), "key")
		_, _, open := b.Open(t.Context(), "key", "", chunk.Range{Length: 1})
		for op, err := range map[string]error{"stat": stat, "open": open} {
			if objstore.KindOf(err) != c.want || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %s: %v", c.name, op, err)
			}
		}
	}
}

// TestLapses: what refuses whoever asks is a matter of configuration at first,
// and everybody's trouble when it comes after the store has taken the same.
func TestLapses(t *testing.T) {
	for code, want := range map[string]objstore.Kind{
		"InvalidAccessKeyId": objstore.KindExpired, "InvalidToken": objstore.KindExpired,
		"RequestTimeTooSkewed": objstore.KindTransient, "AccessDenied": objstore.KindPermission, "SignatureDoesNotMatch": objstore.KindPermission,
	} {
		f, b := newFake(t)
		refuses := true
		f.intercept = func(w http.ResponseWriter, _ *http.Request) bool {
			if refuses {
				w.Header().Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
				refuse(w, http.StatusForbidden, code, "no")
			}
			return refuses
		}
		put := func() error {
			_, err := b.Put(t.Context(), "key", bodyOf([]byte("x")), objstore.Metadata{})
			return err
		}
		if err := put(); objstore.KindOf(err) != objstore.KindPermission || !strings.Contains(err.Error(), "behind the store's: set it") {
			t.Errorf("%s at first: %v", code, err)
		}
		refuses = false
		if err := put(); err != nil {
			t.Fatal(err)
		}
		refuses = true
		if err := put(); objstore.KindOf(err) != want {
			t.Errorf("%s later: %v, want %v", code, err, want)
		}
		// HEAD is answered without a code.
		if _, err := b.Stat(t.Context(), "key"); objstore.KindOf(err) != want {
			t.Errorf("%s, said to HEAD: %v, want %v", code, err, want)
		}
	}
}

// TestCredentialsThatEnd: a process that gives credentials does so once, and
// they end.
func TestCredentialsThatEnd(t *testing.T) {
	dir := t.TempDir()
	f := &fake{objects: map[string]stored{}}
	script := dir + "/credentials"
	const answer = `#!/bin/sh
test -e %[1]s && exit 1
touch %[1]s
echo '{"Version":1,"AccessKeyId":"id","SecretAccessKey":"secret","SessionToken":"t","Expiration":"%[2]s"}'
`
	config := dir + "/config"
	for path, content := range map[string]string{
		script: fmt.Sprintf(answer, dir+"/asked", time.Now().Add(time.Second).UTC().Format(time.RFC3339)),
		config: "[default]\ncredential_process = " + script + "\n",
	} {
		if err := os.WriteFile(path, []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, value := range map[string]string{
		"AWS_CONFIG_FILE": config, "AWS_SHARED_CREDENTIALS_FILE": dir + "/none", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_PROFILE": "",
	} {
		t.Setenv(name, value)
	}
	server := httptest.NewServer(f)
	defer server.Close()
	b := open(t, objstore.Config{Bucket: fakeBucket, Endpoint: server.URL, PathStyle: true})
	defer b.Close()
	if _, err := b.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	for { // until they end
		_, err := b.Check(t.Context())
		if err == nil {
			continue
		}
		if objstore.KindOf(err) != objstore.KindExpired || !strings.Contains(err.Error(), "cannot be renewed") {
			t.Errorf("got %v", err)
		}
		return
	}
}
