package azblob

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/skyctl/skyctl/agent/objstore"
)

// TestAbout: what stays and is billed, as far as the credentials may see it.
func TestAbout(t *testing.T) {
	for _, c := range []struct {
		name       string
		softDelete int
		immutable  bool
		hidden     string // the restype that may not be asked for
		want       []string
	}{
		{"nothing", 0, false, "", nil},
		{"soft delete", 7, false, "", []string{"keeps and bills what is deleted or overwritten for 7 days"}},
		{"immutable", 0, true, "", []string{"is immutable"}},
		{"hidden container", 7, false, "container", []string{"does not show its settings", "for 7 days"}},
		{"hidden account", 7, false, "service", nil},
	} {
		f, b := newFake(t)
		f.softDelete, f.immutable = c.softDelete, c.immutable
		f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
			query := r.URL.Query()
			hidden := c.hidden != "" && query.Get("restype") == c.hidden && query.Get("comp") != "list"
			if hidden {
				refuse(w, http.StatusForbidden, "AuthorizationFailure", "no")
			}
			return hidden
		}
		about, err := b.Check(t.Context())
		if err != nil || about.Regions != nil || len(about.Warnings) != len(c.want) {
			t.Errorf("%s: %+v, %v", c.name, about, err)
			continue
		}
		for i, want := range c.want {
			if !strings.Contains(about.Warnings[i], want) {
				t.Errorf("%s: %q, want %q", c.name, about.Warnings[i], want)
			}
		}
	}
}

// TestHiddenTags: whoever may not see the tags of blobs is told what a copy will
// lack.
func TestHiddenTags(t *testing.T) {
	for code, status := range map[string]int{"AuthorizationPermissionMismatch": 403, "BlobNotFound": 404, string(noTagsInHierarchies): 409} {
		hidden := status == 403
		f, b := newFake(t)
		asked := 0
		f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
			tags := r.URL.Query().Get("comp") == "tags"
			if tags {
				asked++
				refuse(w, status, code, "no")
			}
			return tags
		}
		about, err := b.Check(t.Context())
		if err != nil || asked != 1 || (len(about.Hidden) == 1 && strings.Contains(about.Hidden[0], "does not show tags")) != hidden || len(about.Warnings) != 0 {
			t.Errorf("%s: %+v, %v, asked %d times", code, about, err, asked)
		}
	}
}

// TestRegion: Resource Manager says where an account is, or nobody does.
func TestRegion(t *testing.T) {
	_, b := newFake(t)
	for want, err := range map[string]error{"westus2": nil, "": errors.New("no subscription")} {
		b.region = func(context.Context) (string, error) { return want, err }
		if about, err := b.Check(t.Context()); err != nil || strings.Join(about.Regions, " ") != want {
			t.Errorf("%q: %+v, %v", want, about, err)
		}
	}
	if open(t, objstore.Config{Bucket: "acc/con"}).region == nil {
		t.Error("an account of Azure's and an identity: nobody is asked")
	}
	for _, cfg := range []objstore.Config{
		{Bucket: "acc/con", Credentials: map[string]string{"sas_token": "sig=x"}},
		{Bucket: "con", Endpoint: "https://acc.blob.core.chinacloudapi.cn"},
		{Bucket: "con", Endpoint: "https://blob.example.org"},
	} {
		if open(t, cfg).region != nil {
			t.Errorf("%+v: somebody is asked who cannot know", cfg)
		}
	}
}

// TestLocation is the question to Resource Graph, and its answers.
func TestLocation(t *testing.T) {
	for _, c := range []struct {
		status     int
		body, want string
		kind       objstore.Kind
	}{
		{200, `{"totalRecords":1,"data":[{"location":"WestUS2"}]}`, "westus2", objstore.KindUnknown},
		{200, `{"totalRecords":0,"data":[]}`, "", objstore.KindUnknown},
		{403, `{"error":{"code":"AuthorizationFailed"}}`, "", objstore.KindPermission},
	} {
		server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			query, err := io.ReadAll(r.Body)
			if err != nil || !strings.Contains(string(query), "name == 'acc' | project location") || r.Header.Get("Authorization") != "Bearer token" || r.URL.Query().Get("api-version") == "" {
				t.Errorf("asked was %s %s with %s, %v", r.Method, r.RequestURI, query, err)
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(c.status)
			io.WriteString(w, c.body)
		}))
		got, err := location(t.Context(), server.URL, "acc", someToken{}, azcore.ClientOptions{Transport: server.Client()})
		if got != c.want || (err != nil) != (c.kind != objstore.KindUnknown) || err != nil && kindOf(err) != c.kind {
			t.Errorf("%s: %q, %v", c.body, got, err)
		}
		server.Close()
	}
}
