package azblob

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/objstoretest"
)

func TestOpenRefusesBadConfiguration(t *testing.T) {
	const connection = "AccountName=acc;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:1/acc"
	credentials := func(pairs ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return m
	}
	for _, c := range []struct {
		want string
		cfg  objstore.Config
	}{
		{`"" is not the name of a container`, objstore.Config{Endpoint: "https://h"}},
		{`"Upper" is not the name of a container`, objstore.Config{Bucket: "Upper", Endpoint: "https://h"}},
		{`"a--b" is not the name of a container`, objstore.Config{Bucket: "a--b", Endpoint: "https://h"}},
		{`"b/c" is not the name of a container`, objstore.Config{Bucket: "acc/b/c"}},
		{"not the name of a storage account", objstore.Config{Bucket: "evil.example/con"}},
		{"must be the container alone", objstore.Config{Bucket: "acc/con", Endpoint: "https://h"}},
		{"no storage account is named", objstore.Config{Bucket: "con"}},
		{"is not http://HOST", objstore.Config{Bucket: "con", Endpoint: "127.0.0.1:10000"}},
		{"is not http://HOST", objstore.Config{Bucket: "con", Endpoint: "https://h/?sig=x"}},
		{`unknown credential "key"; known are`, objstore.Config{Bucket: "acc/con", Credentials: credentials("key", "x")}},
		{"give one of", objstore.Config{Bucket: "acc/con", Credentials: credentials("sas_token", "x", "account_name", "a", "account_key", "a2V5")}},
		{"give one of", objstore.Config{Bucket: "con", Credentials: credentials("connection_string", connection, "account_key", "a2V5")}},
		{"account_key needs account_name", objstore.Config{Bucket: "acc/con", Credentials: credentials("account_key", "a2V5")}},
		{"account_key is not base64", objstore.Config{Bucket: "acc/con", Credentials: credentials("account_name", "acc", "account_key", "secret!")}},
		{"connection_string is not one", objstore.Config{Bucket: "con", Credentials: credentials("connection_string", "secret!")}},
		{"connection_string is for http://127.0.0.1:1/acc, the store for https://h", objstore.Config{Bucket: "con", Endpoint: "https://h", Credentials: credentials("connection_string", connection)}},
		{"without TLS needs credentials", objstore.Config{Bucket: "con", Endpoint: "http://h"}},
	} {
		_, err := Open(t.Context(), c.cfg)
		if objstore.KindOf(err) != objstore.KindInvalid || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret!") {
			t.Errorf("%+v: got %v, want %q", c.cfg, err, c.want)
		}
	}
}

// TestWhereAContainerIs: what the configuration leaves open.
func TestWhereAContainerIs(t *testing.T) {
	const connection = "DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=a2V5"
	for want, cfg := range map[string]objstore.Config{
		"https://acc.blob.core.windows.net/con":           {Bucket: "acc/con"},
		"https://acc.blob.core.windows.net/$web":          {Bucket: "acc/$web"},
		"https://acc.blob.core.windows.net/con?sig=x":     {Bucket: "acc/con", Credentials: map[string]string{"sas_token": "?sig=x"}},
		"https://key.blob.core.windows.net/con":           {Bucket: "con", Credentials: map[string]string{"account_name": "key", "account_key": "a2V5"}},
		"https://acc.blob.core.windows.net/two":           {Bucket: "two", Credentials: map[string]string{"connection_string": connection}},
		"https://acc.blob.core.windows.net/three":         {Bucket: "acc/three", Credentials: map[string]string{"connection_string": connection}},
		"http://127.0.0.1:10000/devstoreaccount1/dev":     {Bucket: "dev", Endpoint: "http://127.0.0.1:10000/devstoreaccount1", Credentials: map[string]string{"account_name": "devstoreaccount1", "account_key": "a2V5"}},
		"https://acc.blob.core.chinacloudapi.cn/con":      {Bucket: "con", Endpoint: "https://acc.blob.core.chinacloudapi.cn/"},
		"https://acc.blob.core.windows.net/con?sv=1&sig=": {Bucket: "acc/con", Credentials: map[string]string{"connection_string": "BlobEndpoint=https://acc.blob.core.windows.net;SharedAccessSignature=sv=1&sig="}},
	} {
		if got := strings.ReplaceAll(open(t, cfg).container.URL(), "%24", "$"); got != want {
			t.Errorf("%+v is at %s, want %s", cfg, got, want)
		}
	}
}

// testCredentialsOfAllKinds: each opens the same container of a real server.
func testCredentialsOfAllKinds(t *testing.T, server objstoretest.AzuriteServer) {
	cfg := server.Config(t, "credentials")
	connection := "DefaultEndpointsProtocol=http;AccountName=" + server.Account + ";AccountKey=" + server.Key + ";BlobEndpoint=" + server.Endpoint
	for _, credentials := range []map[string]string{
		cfg.Credentials,
		{"connection_string": connection},
		{"connection_string": connection + "/;"},
		{"sas_token": containerSAS(t, server, "credentials")},
	} {
		cfg.Credentials = credentials
		b := open(t, cfg)
		if _, err := b.Put(t.Context(), "key", bodyOf([]byte("data")), objstore.Metadata{}); err != nil {
			t.Error(err)
		}
		if _, err := b.Check(t.Context()); err != nil {
			t.Error(err)
		}
	}
	cfg.Credentials = map[string]string{"account_name": server.Account, "account_key": "a2V5"}
	if _, err := open(t, cfg).Check(t.Context()); objstore.KindOf(err) != objstore.KindPermission {
		t.Errorf("a wrong key: %v", err)
	}
	cfg = server.Config(t, "credentials")
	cfg.Bucket = "missing"
	if _, err := open(t, cfg).Check(t.Context()); objstore.KindOf(err) != objstore.KindNotFound {
		t.Errorf("a container that does not exist: %v", err)
	}
}

// containerSAS is a token for one container that lasts an hour.
func containerSAS(t *testing.T, server objstoretest.AzuriteServer, name string) string {
	t.Helper()
	signed, err := server.Client(t).NewContainerClient(name).GetSASURL(
		sas.ContainerPermissions{Read: true, Create: true, Write: true, Delete: true, List: true}, time.Now().Add(time.Hour), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, token, _ := strings.Cut(signed, "?")
	return token
}

// TestNoCredentials: the chain of the SDK ends, and the error says what to do.
func TestNoCredentials(t *testing.T) {
	for _, name := range []string{"AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_TOKEN_CREDENTIALS", "IDENTITY_ENDPOINT", "MSI_ENDPOINT"} {
		t.Setenv(name, "")
	}
	t.Setenv("PATH", t.TempDir())                    // no az, no azd
	t.Setenv("AZURE_TOKEN_CREDENTIALS", "dev")       // no metadata service
	b := open(t, objstore.Config{Bucket: "acc/con"}) // contacts nobody: there is no token
	b.transport.Proxy = func(*http.Request) (*url.URL, error) { return nil, errNotAzure }
	_, err := b.Check(t.Context())
	if objstore.KindOf(err) != objstore.KindPermission || !strings.Contains(err.Error(), "log in with az login") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
}

// tokens gives one token, and then none any more.
type tokens struct{ asked int }

func (c *tokens) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if c.asked++; c.asked > 1 {
		return azcore.AccessToken{}, errors.New("the session has ended")
	}
	return azcore.AccessToken{Token: "t", ExpiresOn: time.Now()}, nil
}

// TestCredentialsThatEnd: an identity that gets no tokens any more ends the run
// and fails no object.
func TestCredentialsThatEnd(t *testing.T) {
	c := &explained{TokenCredential: &tokens{}}
	if _, err := c.GetToken(t.Context(), policy.TokenRequestOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err := c.GetToken(t.Context(), policy.TokenRequestOptions{})
	if kindOf(err) != objstore.KindExpired || !strings.Contains(err.Error(), "cannot be renewed (the session has ended); log in") {
		t.Errorf("got %v, %v", kindOf(err), err)
	}
}
