package s3

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/objstoretest"
)

// TestDelegateLimits: MinIO gives credentials for the keys of a run and for
// nothing else. What a gateway needs of them works: objects in one step and in
// parts, giving up what was begun, listing.
func TestDelegateLimits(t *testing.T) {
	whole := objstoretest.StartMinIO(t).Config(t, "delegated")
	owner := open(t, whole)
	defer owner.Close()
	for _, key := range []string{"run/a", "run/ab", "other/b", "running"} {
		if _, err := owner.Put(t.Context(), key, bodyOf([]byte(key)), objstore.Metadata{Tags: map[string]string{"a": "b"}}); err != nil {
			t.Fatal(err)
		}
	}
	delegated := func(scope objstore.Scope) objstore.Bucket {
		cfg, why, err := Delegate(t.Context(), whole, scope)
		if err != nil || why != "" {
			t.Fatal(err, why)
		}
		if cfg.Credentials["session_token"] == "" || cfg.Credentials["secret_access_key"] == whole.Credentials["secret_access_key"] {
			t.Fatal("the credentials are the owner's")
		}
		if left := time.Until(cfg.Expires); left < expiryAtLeast || left > delegatedFor+time.Minute {
			t.Errorf("they last %v", left)
		}
		b := open(t, cfg)
		t.Cleanup(func() { b.Close() })
		return b
	}
	refused := func(what string, err error) {
		t.Helper()
		if objstore.KindOf(err) != objstore.KindPermission {
			t.Errorf("%s: %v, want a refusal", what, err)
		}
	}
	put := func(b objstore.Bucket, key string) error {
		_, err := b.Put(t.Context(), key, bodyOf([]byte("new")), objstore.Metadata{})
		return err
	}
	get := func(b objstore.Bucket, key string) error {
		_, _, err := read(t, b, key, 1)
		return err
	}
	list := func(b objstore.Bucket, prefix string) (keys []string, err error) {
		err = b.List(t.Context(), prefix, "", func(o objstore.Object) error { keys = append(keys, o.Key); return nil })
		return keys, err
	}

	reader := delegated(objstore.Scope{Prefix: "run/"})
	if data, obj, err := read(t, reader, "run/a", 5); err != nil || string(data) != "run/a" || obj.Metadata.Tags["a"] != "b" {
		t.Errorf("read %q, %+v, %v", data, obj, err)
	}
	if keys, err := list(reader, "run/"); err != nil || !slices.Equal(keys, []string{"run/a", "run/ab"}) {
		t.Errorf("list: %v, %v", keys, err)
	}
	if _, err := reader.Stat(t.Context(), "run/absent"); objstore.KindOf(err) != objstore.KindNotFound {
		t.Errorf("a key that does not exist: %v", err)
	}
	refused("read another prefix", get(reader, "other/b"))
	refused("read beside the prefix", get(reader, "running"))
	refused("write", put(reader, "run/c"))
	refused("delete", reader.Delete(t.Context(), "run/a"))
	_, err := list(reader, "")
	refused("list everything", err)
	_, err = list(reader, "other/")
	refused("list another prefix", err)

	writer := delegated(objstore.Scope{Prefix: "run/", Write: true})
	for _, key := range []string{"run/c", "run/d"} {
		if err := put(writer, key); err != nil {
			t.Errorf("write %s: %v", key, err)
		}
	}
	refused("write another prefix", put(writer, "other/c"))
	if _, err := writer.Begin(t.Context(), "other/parts", 1, objstore.Metadata{}); err == nil {
		t.Error("a staged write of another prefix can be begun")
	}
	up, err := writer.Begin(t.Context(), "run/parts", 3, objstore.Metadata{})
	if err != nil {
		t.Fatal(err)
	}
	body := bodyOf([]byte("abc"))
	part, err := writer.WritePart(t.Context(), up, objstore.Part{}, body)
	if err != nil {
		t.Fatal(err)
	}
	if refs, err := writer.Parts(t.Context(), up); err != nil || len(refs) != 1 {
		t.Errorf("parts: %v, %v", refs, err)
	}
	if _, err := writer.Commit(t.Context(), up, []objstore.PartRef{part}, 3, body.Digest); err != nil {
		t.Errorf("commit: %v", err)
	}
	if up, err = writer.Begin(t.Context(), "run/left", 3, objstore.Metadata{}); err != nil {
		t.Fatal(err)
	}
	if ups, err := writer.Uploads(t.Context(), "run/left", time.Now()); err != nil || len(ups) != 1 {
		t.Errorf("uploads: %v, %v", ups, err)
	}
	if err := writer.Abort(t.Context(), up); err != nil {
		t.Errorf("abort: %v", err)
	}
	if err := writer.Delete(t.Context(), "run/d"); err != nil {
		t.Errorf("delete: %v", err)
	}

	one := delegated(objstore.Scope{Prefix: "run/a", Exact: true, Write: true})
	if data, _, err := read(t, one, "run/a", 5); err != nil || string(data) != "run/a" {
		t.Errorf("read the one key: %q, %v", data, err)
	}
	refused("read a key that begins like it", get(one, "run/ab"))
	refused("write a key that begins like it", put(one, "run/ab"))
	if up, err = one.Begin(t.Context(), "run/a", 3, objstore.Metadata{}); err != nil {
		t.Fatal(err)
	}
	if part, err = one.WritePart(t.Context(), up, objstore.Part{}, body); err != nil {
		t.Fatal(err)
	}
	if ups, err := one.Uploads(t.Context(), "run/a", time.Now()); err != nil || len(ups) != 1 {
		t.Errorf("uploads of the one key: %v, %v", ups, err)
	}
	if _, err := one.Commit(t.Context(), up, []objstore.PartRef{part}, 3, body.Digest); err != nil {
		t.Errorf("commit the one key: %v", err)
	}
}

// expiryAtLeast is what an hour may have shrunk to in a slow test.
const expiryAtLeast = 30 * time.Minute

// TestDelegateWithoutSTS: a store that knows no sessions gets its credentials
// whole, which is said, and those that are temporary already are not asked for.
func TestDelegateWithoutSTS(t *testing.T) {
	whole := objstoretest.StartVersityGW(t).Config(t, "delegated")
	cfg, why, err := Delegate(t.Context(), whole, objstore.Scope{Prefix: "run/"})
	if err != nil || cfg.Credentials["secret_access_key"] != whole.Credentials["secret_access_key"] || !cfg.Expires.IsZero() {
		t.Errorf("%v, ends %v", err, cfg.Expires)
	}
	if !strings.HasPrefix(why, "no session for these keys alone could be had: ") || strings.Contains(why, "\n") {
		t.Errorf("it says %q", why)
	}
	whole.Endpoint = "http://127.0.0.1:1"
	whole.Credentials = map[string]string{"access_key_id": "id", "secret_access_key": "secret", "session_token": "token"}
	if cfg, why, err = Delegate(t.Context(), whole, objstore.Scope{}); err != nil || why != "" || cfg.Credentials["session_token"] != "token" {
		t.Errorf("%q, %v", why, err)
	}
	delete(whole.Credentials, "session_token")
	if _, _, err = Delegate(t.Context(), whole, objstore.Scope{}); objstore.KindOf(err) != objstore.KindUnreachable {
		t.Errorf("an endpoint that is not there: %v", err)
	}
}

// TestSessionOfARole: what Amazon is asked for. A wildcard in the prefix would
// mean something, so it ends there.
func TestSessionOfARole(t *testing.T) {
	var form map[string][]string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		form = r.PostForm
		fmt.Fprint(w, `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>id</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>`+
			`<SessionToken>token</SessionToken><Expiration>2026-11-28T10:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`)
	}))
	defer server.Close()
	t.Setenv("AWS_ENDPOINT_URL_STS", server.URL)
	const role = "arn:aws:iam::111122223333:role/data"
	own := objstore.Config{Bucket: "bucket", Run: "r1"}
	if ask, why := takeOn(own, objstore.Scope{}); ask != nil || !strings.Contains(why, "clouds.aws.assume_role") {
		t.Errorf("a session without a role, or nobody says why not: %q", why)
	}
	scope := objstore.Scope{Prefix: "a b/*/", Write: true, Role: role}
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	loaded, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ask, _ := takeOn(own, scope)
	got, err := ask(t.Context(), loaded, scope)
	if err != nil || got.SessionToken != "token" || !got.CanExpire || got.Expires.Hour() != 10 {
		t.Fatalf("%+v, %v", got, err)
	}
	if form["RoleArn"][0] != role || form["RoleSessionName"][0] != "skyctl-r1" || form["DurationSeconds"][0] != "3600" {
		t.Errorf("asked with %v", form)
	}
	var policy struct{ Statement []statement }
	if err := json.Unmarshal([]byte(form["Policy"][0]), &policy); err != nil {
		t.Fatal(err)
	}
	if r := policy.Statement[0].Resource; !slices.Equal(r, []string{"arn:aws:s3:::bucket/a b/*"}) {
		t.Errorf("keys %q", r)
	}
	if c := fmt.Sprint(policy.Statement[1].Condition); !strings.Contains(c, "s3:prefix:[a b/*]") {
		t.Errorf("lists %s", c)
	}
}

func TestBucketARN(t *testing.T) {
	for role, want := range map[string]string{
		"arn:aws:iam::111122223333:role/data":        "arn:aws:s3:::b",
		"arn:aws-us-gov:iam::111122223333:role/data": "arn:aws-us-gov:s3:::b",
		"":  "arn:aws:s3:::b",
		"x": "arn:aws:s3:::b",
	} {
		if got := bucketARN(role, "b"); got != want {
			t.Errorf("of %q: %q, want %q", role, got, want)
		}
	}
}

// TestPolicy: one key is that key, and one that a policy cannot name is what
// begins like it.
func TestPolicy(t *testing.T) {
	for _, c := range []struct {
		scope objstore.Scope
		want  string // of the keys
	}{
		{objstore.Scope{Prefix: "run/"}, "run/*"},
		{objstore.Scope{Prefix: "run/report", Exact: true}, "run/report"},
		{objstore.Scope{Prefix: "run/what?", Exact: true}, "run/what*"},
		{objstore.Scope{Prefix: "$", Exact: true}, "*"},
		{objstore.Scope{}, "*"},
	} {
		text, err := policyOf(bucketARN("", "bucket"), c.scope, false)
		if err != nil {
			t.Fatal(err)
		}
		var policy struct{ Statement []statement }
		if err := json.Unmarshal([]byte(text), &policy); err != nil {
			t.Fatal(err)
		}
		lists := "*"
		if condition := policy.Statement[1].Condition; condition != nil {
			lists = condition["StringLike"]["s3:prefix"][0]
		}
		if got := policy.Statement[0].Resource; !slices.Equal(got, []string{"arn:aws:s3:::bucket/" + c.want}) || lists != c.want {
			t.Errorf("%+v: keys %q, lists %q", c.scope, got, lists)
		}
	}
}

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
