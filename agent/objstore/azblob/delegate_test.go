package azblob

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/objstoretest"
)

type someToken struct{}

func (someToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "token", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// TestDelegate: the token is for the one container, ends soon, and opens it
// elsewhere; who may not make one leaves the configuration alone.
func TestDelegate(t *testing.T) {
	allowed, keeps := true, false
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !allowed:
			refuse(w, http.StatusForbidden, "AuthorizationPermissionMismatch", "no")
		case r.URL.Query().Get("restype") == "container":
			w.Header().Set("X-Ms-Has-Immutability-Policy", strconv.FormatBool(keeps))
		case r.URL.Query().Get("comp") != "userdelegationkey" || r.Header.Get("Authorization") != "Bearer token":
			refuse(w, http.StatusBadRequest, "InvalidUri", r.Method+" "+r.RequestURI)
		default:
			io.WriteString(w, `<UserDelegationKey><SignedOid>oid</SignedOid><SignedTid>tid</SignedTid><SignedStart>2026-11-22T00:00:00Z</SignedStart>
				<SignedExpiry>2026-11-23T01:00:00Z</SignedExpiry><SignedService>b</SignedService><SignedVersion>2026-12-06</SignedVersion><Value>a2V5</Value></UserDelegationKey>`)
		}
	}))
	defer server.Close()
	account, err := service.NewClient(server.URL, someToken{}, &service.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: server.Client()}})
	if err != nil {
		t.Fatal(err)
	}
	b := &bucket{name: "acc/con"}
	cfg := objstore.Config{Type: "azblob", Bucket: "acc/con"}
	c := client{account: account, container: "con", identity: someToken{}}
	delegated, none, err := b.delegate(t.Context(), cfg, c, true)
	if err != nil || none != "" {
		t.Fatal(err, none)
	}
	wantToken(t, delegated, "https")
	if delegated.Credentials[keyUnretained] != "true" {
		t.Errorf("a container without policies is taken for one that keeps: %v", delegated.Credentials)
	}
	open(t, delegated).Close()
	reading, _, err := b.delegate(t.Context(), cfg, c, false)
	if token, perr := url.ParseQuery(reading.Credentials["sas_token"]); err != nil || perr != nil || token.Get("sp") != "rlt" {
		t.Errorf("who only reads may %q, %v, %v", token.Get("sp"), err, perr)
	}

	keeps = true
	if delegated, _, err = b.delegate(t.Context(), cfg, c, true); err != nil || delegated.Credentials[keyUnretained] != "" {
		t.Errorf("a container with a policy: %v, %v", delegated.Credentials, err)
	}
	allowed = false
	if same, none, err := b.delegate(t.Context(), cfg, c, true); err != nil || none == "" || same.Credentials != nil || !same.Expires.IsZero() {
		t.Errorf("without permission: %+v, for %q, %v", same, none, err)
	}
	server.Close()
	if _, _, err := b.delegate(t.Context(), cfg, c, true); objstore.KindOf(err) != objstore.KindUnreachable {
		t.Errorf("without a server: %v", err)
	}
}

// wantToken checks that a token is for one container, and ends soon.
func wantToken(t *testing.T, cfg objstore.Config, protocol string) {
	t.Helper()
	token, err := url.ParseQuery(cfg.Credentials["sas_token"])
	if err != nil {
		t.Fatal(err)
	}
	until, err := time.Parse(time.RFC3339, token.Get("se"))
	if token.Get("sr") != "c" || token.Get("sp") != "rcwdlt" || token.Get("spr") != protocol || token.Get("sig") == "" || err != nil || !until.Equal(cfg.Expires) {
		t.Errorf("the token is %v, %v; it expires at %v", token, err, cfg.Expires)
	}
	if left := time.Until(cfg.Expires); left < time.Hour || left > 3*time.Hour {
		t.Errorf("the token lasts %v", left)
	}
	for name := range cfg.Credentials {
		if name != "sas_token" && name != keyUnretained {
			t.Errorf("%s goes along", name)
		}
	}
}

// TestDelegateGiven: a token that somebody gave goes along, with its end.
func TestDelegateGiven(t *testing.T) {
	end := time.Date(2026, 12, 1, 10, 30, 0, 0, time.UTC)
	for token, want := range map[string]time.Time{
		"?se=2026-12-01T10%3A30%3A00Z&sig=x": end, "se=2026-12-01T10:30Z&sig=x": end, "se=2026-12-01&sig=x": end.Truncate(24 * time.Hour), "sig=x": {}, "%zz": {},
	} {
		given := objstore.Config{Bucket: "acc/con", Credentials: map[string]string{"sas_token": token}}
		if same, none, err := Delegate(t.Context(), given, true); err != nil || none != "" || same.Credentials["sas_token"] != token || !same.Expires.Equal(want) {
			t.Errorf("%s: %+v, %v; want %v", token, same, err, want)
		}
	}
	connection := objstore.Config{Bucket: "con", Credentials: map[string]string{"connection_string": "BlobEndpoint=https://acc.blob.core.windows.net;SharedAccessSignature=sv=1&sig=x"}}
	if same, none, err := Delegate(t.Context(), connection, true); err != nil || none != "" || len(same.Credentials) != 1 {
		t.Errorf("a connection string around a token: %+v, %v", same, err)
	}
}

// testDelegatedByKey: the account's key stays here, and the token that goes
// opens the container, writes, tags and gives up without leaving anything.
func testDelegatedByKey(t *testing.T, server objstoretest.AzuriteServer) {
	cfg := server.Config(t, "delegated")
	connection := objstore.Config{Type: "azblob", Bucket: "delegated", Credentials: map[string]string{
		"connection_string": "DefaultEndpointsProtocol=http;AccountName=" + server.Account + ";AccountKey=" + server.Key + ";BlobEndpoint=" + server.Endpoint}}
	for _, cfg := range []objstore.Config{cfg, connection} {
		delegated, _, err := Delegate(t.Context(), cfg, true)
		if err != nil {
			t.Fatal(err)
		}
		wantToken(t, delegated, "https,http")
		b := open(t, delegated)
		tags := map[string]string{"team": "data"}
		if obj, err := b.Put(t.Context(), "key", bodyOf([]byte("data")), objstore.Metadata{Tags: tags}); err != nil || obj.Metadata.Tags["team"] != "data" {
			t.Errorf("Put: %+v, %v", obj, err)
		}
		if obj, err := b.Stat(t.Context(), "key"); err != nil || obj.Metadata.Tags["team"] != "data" {
			t.Errorf("Stat: %+v, %v", obj, err)
		}
		up, _ := begun(t, b, "new", "some content")
		if err := b.Abort(t.Context(), up); err != nil {
			t.Error(err)
		}
		if got := leftovers(t, b); !slices.Equal(got, []string{"key"}) {
			t.Errorf("after Abort the container has %q", got)
		}
	}
}
