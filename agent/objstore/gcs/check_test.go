package gcs

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/storage"

	"github.com/skyctl/skyctl/agent/objstore"
)

func TestRegions(t *testing.T) {
	for _, c := range []struct {
		name  string
		attrs storage.BucketAttrs
		want  string
	}{
		{"region", storage.BucketAttrs{Location: "EUROPE-WEST3", LocationType: "region"}, "europe-west3"},
		{"dual-region", storage.BucketAttrs{Location: "NAM4", LocationType: "dual-region"}, "us-central1 us-east1"},
		{"configured dual-region", storage.BucketAttrs{Location: "US", LocationType: "dual-region",
			CustomPlacementConfig: &storage.CustomPlacementConfig{DataLocations: []string{"US-WEST1", "US-SOUTH1"}}}, "us-west1 us-south1"},
		{"unknown dual-region", storage.BucketAttrs{Location: "NAM99", LocationType: "dual-region"}, ""},
		{"none", storage.BucketAttrs{}, ""},
	} {
		if got := strings.Join(regionsOf(&c.attrs), " "); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	eu := regionsOf(&storage.BucketAttrs{Location: "EU", LocationType: "multi-region"})
	if !slices.Contains(eu, "europe-west4") || slices.Contains(eu, "europe-west2") || slices.Contains(eu, "europe-west6") {
		t.Errorf("the EU is %q", eu)
	}
	for location, regions := range members {
		if len(regions) < 2 || location != strings.ToLower(location) || !slices.Equal(slices.Compact(slices.Clone(regions)), regions) {
			t.Errorf("%s is %q", location, regions)
		}
	}
}

// TestAbout: the regions of a bucket of Google's, and what it will bill.
func TestAbout(t *testing.T) {
	for _, c := range []struct {
		settings string
		google   bool
		regions  string
		warnings []string
	}{
		{`{"location":"EUR4"}`, true, "europe-north1 europe-west4", nil},
		{`{"location":"EUR4"}`, false, "", nil},
		{`{"softDeletePolicy":{"retentionDurationSeconds":"0"}}`, false, "", nil},
		{`{"softDeletePolicy":{"retentionDurationSeconds":"604800"}}`, false, "", []string{"for 7 days (soft delete): every object that is overwritten, and if a transfer is given up its temporary parts below .skyctl/run/."}},
		{`{"retentionPolicy":{"retentionPeriod":"86400","effectiveTime":"2026-01-01T00:00:00Z"}}`, false, "", []string{"for 1 day (retention policy), so temporary parts below .skyctl/run/ could not be removed"}},
		{`{"retentionPolicy":{"retentionPeriod":"90","effectiveTime":"2026-01-01T00:00:00Z"},"defaultEventBasedHold":true}`, false, "", []string{"for 1m30s (retention policy)", "puts a hold on every new object"}},
	} {
		f, b := newFake(t)
		f.settings = c.settings
		b.(*bucket).google = c.google
		about, err := b.Check(t.Context())
		if err != nil || strings.Join(about.Regions, " ") != c.regions || len(about.Warnings) != len(c.warnings) {
			t.Errorf("%s: %+v, %v", c.settings, about, err)
			continue
		}
		for i, want := range c.warnings {
			if !strings.Contains(about.Warnings[i], want) || !strings.HasPrefix(about.Warnings[i], "gs://bucket ") {
				t.Errorf("%s: %q, want %q", c.settings, about.Warnings[i], want)
			}
		}
	}
}

// TestSettingsThatMayNotBeSeen leave the transfer possible, and say so.
func TestSettingsThatMayNotBeSeen(t *testing.T) {
	f, b := newFake(t)
	status := 403
	f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		settings := strings.HasSuffix(r.URL.Path, "/b/"+fakeBucket)
		if settings {
			refuse(w, status, "forbidden", "does not have storage.buckets.get access")
		}
		return settings
	}
	if about, err := b.Check(t.Context()); err != nil || len(about.Warnings) != 1 || !strings.Contains(about.Warnings[0], "storage.buckets.get") {
		t.Errorf("got %+v, %v", about, err)
	}
	status = 500
	if _, err := b.Check(t.Context()); objstore.KindOf(err) != objstore.KindTransient {
		t.Errorf("settings that could not be read: %v", err)
	}
}

// TestRetention: nothing is staged in a bucket that would keep it, and the
// error says why and what to do.
func TestRetention(t *testing.T) {
	f, b := newFake(t)
	f.retained = "2099-01-02T03:04:05Z"
	_, err := b.Begin(t.Context(), "key", 10, objstore.Metadata{})
	if objstore.KindOf(err) != objstore.KindPermission || !strings.Contains(err.Error(), "keeps what is written until 2099-01-02T03:04:05Z, so temporary parts could not be removed; write into") {
		t.Errorf("got %v", err)
	}
	put(t, b, "key", []byte("in one request"), objstore.Metadata{})
	for reason, remedy := range map[string]string{"retentionPolicyNotMet": "retention policy keeps it", "objectUnderActiveHold": "release the hold"} {
		f.intercept = func(w http.ResponseWriter, _ *http.Request) bool {
			refuse(w, 403, reason, "Object is under hold.")
			return true
		}
		if err := b.Delete(t.Context(), "key"); objstore.KindOf(err) != objstore.KindPermission || !strings.Contains(err.Error(), remedy) {
			t.Errorf("%s: %v", reason, err)
		}
	}
}

// TestRequesterPays: the project that is to pay is named with each request.
func TestRequesterPays(t *testing.T) {
	a := newAccounts(t)
	for _, c := range []struct {
		cfg  objstore.Config
		want string
	}{
		{objstore.Config{RequesterPays: true, Credentials: map[string]string{keyProject: "mine"}}, "mine"},
		{objstore.Config{RequesterPays: true, Credentials: map[string]string{keyFile: a.key(t)}}, "account-project"},
		{objstore.Config{RequesterPays: true, Credentials: map[string]string{keyFile: a.key(t), keyProject: "mine"}}, "mine"},
		{objstore.Config{Credentials: map[string]string{keyFile: a.key(t)}}, ""},
	} {
		f, _ := newFake(t)
		var payer string
		f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
			payer = r.Header.Get("X-Goog-User-Project")
			return false
		}
		c.cfg.Bucket, c.cfg.Endpoint = fakeBucket, f.url
		delegated, _, err := Delegate(t.Context(), c.cfg, objstore.Scope{Write: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, cfg := range []objstore.Config{c.cfg, delegated} {
			b := open(t, cfg)
			if _, err := b.Check(t.Context()); err != nil || payer != c.want {
				t.Errorf("%v: %q pays, %v; want %q", cfg.Credentials[keyProject], payer, err, c.want)
			}
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	f, b := newFake(t)
	f.intercept = func(w http.ResponseWriter, _ *http.Request) bool {
		refuse(w, 400, "userProjectMissing", "Bucket is a requester pays bucket but no user project provided.")
		return true
	}
	if _, err := b.Check(t.Context()); objstore.KindOf(err) != objstore.KindPermission || !strings.Contains(err.Error(), "provided; ask with requester pays, and name") {
		t.Errorf("got %v", err)
	}
}

// boundary is a client for a token service that answers as Google's does to a
// credential access boundary.
type boundary struct{ rules string }

func (s *boundary) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	s.rules = r.PostForm.Get("options")
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
		Body: io.NopCloser(strings.NewReader(`{"access_token":"LIMITED","token_type":"Bearer","expires_in":1800}`))}, nil
}

// TestDelegateLimits: the token is for the one bucket, unless that refuses it,
// which is said.
func TestDelegateLimits(t *testing.T) {
	a := newAccounts(t)
	cfg := objstore.Config{Bucket: "b", Credentials: map[string]string{keyFile: a.key(t)}}
	for _, c := range []struct {
		name   string
		write  bool
		usable error
		want   string
		kind   objstore.Kind
	}{
		{"taken", true, nil, "LIMITED", objstore.KindUnknown},
		{"taken to read", false, nil, "LIMITED", objstore.KindUnknown},
		{"refused", true, &objstore.Error{Kind: objstore.KindPermission}, "TOKEN", objstore.KindUnknown},
		{"unreachable", true, &objstore.Error{Kind: objstore.KindUnreachable}, "", objstore.KindUnreachable},
	} {
		role := map[bool]string{true: "roles/storage.objectUser", false: "roles/storage.objectViewer"}[c.write]
		service := &boundary{}
		got, whole, err := delegate(t.Context(), cfg, objstore.Scope{Prefix: "run/", Write: c.write}, &http.Client{Transport: service},
			func(context.Context, objstore.Config, objstore.Scope) error { return c.usable })
		if objstore.KindOf(err) != c.kind || c.kind == objstore.KindUnknown && err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if (whole != "") != (c.want == "TOKEN") {
			t.Errorf("%s: the credentials are whole, for %q", c.name, whole)
		}
		if err == nil && (got.Credentials[keyToken] != c.want || len(got.Credentials) != 1 || time.Until(got.Expires) < 20*time.Minute) {
			t.Errorf("%s: %+v", c.name, got)
		}
		if !strings.Contains(service.rules, "//storage.googleapis.com/projects/_/buckets/b") || !strings.Contains(service.rules, role) ||
			!strings.Contains(service.rules, `"availabilityCondition":{"expression":"resource.name.startsWith(\"projects/_/buckets/b/objects/run/\") ||`) {
			t.Errorf("%s: the boundary is %s", c.name, service.rules)
		}
	}
}

// TestCondition: the keys of the run, and where it writes its temporary objects.
func TestCondition(t *testing.T) {
	const (
		object  = `resource.name.startsWith("projects/_/buckets/b/objects/`
		listing = `api.getAttribute("storage.googleapis.com/objectListPrefix", "").startsWith("`
		run     = ` || ` + object + `.skyctl/r1/") || ` + listing + `.skyctl/r1/")`
	)
	long := strings.Repeat("é", 512) // 1,024 bytes
	for _, c := range []struct {
		scope objstore.Scope
		want  string
	}{
		{objstore.Scope{}, ""},
		{objstore.Scope{Write: true}, ""},
		{objstore.Scope{Prefix: "in/"}, object + `in/") || ` + listing + `in/")`},
		{objstore.Scope{Prefix: "in/", Write: true}, object + `in/") || ` + listing + `in/")` + run},
		{objstore.Scope{Prefix: `a"b\c`, Exact: true}, `resource.name == "projects/_/buckets/b/objects/a\"b\\c" || ` +
			`api.getAttribute("storage.googleapis.com/objectListPrefix", "") == "a\"b\\c"`},
		{objstore.Scope{Prefix: long, Exact: true}, object + long[:512] + `") || ` + listing + long[:512] + `")`},
		{objstore.Scope{Prefix: "x" + long, Exact: true}, object + "x" + long[:510] + `") || ` + listing + "x" + long[:510] + `")`},
	} {
		if got := condition(objstore.Config{Bucket: "b", Run: "r1"}, c.scope); got != c.want || len(got) > 2048 {
			t.Errorf("%+v:\n%s\nwant\n%s", c.scope, got, c.want)
		}
	}
}
