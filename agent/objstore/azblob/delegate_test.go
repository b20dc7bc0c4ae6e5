package azblob

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"

	"github.com/skyctl/skyctl/agent/objstore"
)

type someToken struct{}

func (someToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "token", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// TestDelegate: the token is for the one container, lasts a day, and opens it
// elsewhere; who may not make one leaves the configuration alone.
func TestDelegate(t *testing.T) {
	allowed := true
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !allowed:
			refuse(w, http.StatusForbidden, "AuthorizationPermissionMismatch", "no")
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
	delegated, err := b.delegate(t.Context(), cfg, account, "con")
	if err != nil {
		t.Fatal(err)
	}
	token, err := url.ParseQuery(delegated.Credentials["sas_token"])
	if err != nil {
		t.Fatal(err)
	}
	until, err := time.Parse(time.RFC3339, token.Get("se"))
	if token.Get("sr") != "c" || token.Get("sp") != "rcwdl" || token.Get("spr") != "https" || token.Get("sig") == "" || err != nil || time.Until(until) < 24*time.Hour {
		t.Errorf("the token is %v, %v", token, err)
	}
	open(t, delegated).Close()

	allowed = false
	if same, err := b.delegate(t.Context(), cfg, account, "con"); err != nil || same.Credentials != nil {
		t.Errorf("without permission: %+v, %v", same, err)
	}
	server.Close()
	if _, err := b.delegate(t.Context(), cfg, account, "con"); objstore.KindOf(err) != objstore.KindUnreachable {
		t.Errorf("without a server: %v", err)
	}
	given := objstore.Config{Bucket: "acc/con", Credentials: map[string]string{"sas_token": "sig=x"}}
	if same, err := Delegate(t.Context(), given); err != nil || same.Credentials["sas_token"] != "sig=x" {
		t.Errorf("with credentials: %+v, %v", same, err)
	}
}
