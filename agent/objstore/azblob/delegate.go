package azblob

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/internal/httpstore"
)

// A delegated token is valid from before now, for clocks differ, and long
// enough to be renewed at leisure.
const (
	delegatedFor  = 2 * time.Hour
	delegatedFrom = -15 * time.Minute
)

// keyUnretained stands beside a delegated token in Config.Credentials, "true"
// if no policy of the container keeps blobs: Abort has to know, and a token for
// the container may not ask.
const keyUnretained = "unretained"

// delegated is what a gateway needs that reads, or writes too. Azure knows no
// right to read tags alone.
func delegated(write bool) string {
	p := sas.ContainerPermissions{Read: true, List: true, Tag: true, Create: write, Write: write, Delete: write}
	return p.String()
}

// Delegate returns cfg with a token for its container alone, to read it or also
// to write, until cfg.Expires, so that an agent elsewhere can open the container
// and nothing else. It is for all blobs of the container, whatever keys the run
// has: a token of a directory (sr=d, sdd) takes an account with a hierarchical
// namespace, and one of a blob could list nothing. It is signed by the account's key, if that is what is configured, else
// for the identity that the SDK finds here. Where that identity may not make
// tokens (it needs the role Storage Blob Delegator), cfg is returned as it is,
// and an agent uses the identity of its machine: none says so. A token that
// somebody gave goes along as it is, for nothing can be made of it.
func Delegate(ctx context.Context, cfg objstore.Config, write bool) (_ objstore.Config, none string, err error) {
	b := &bucket{name: cfg.Bucket, transport: newTransport(httpstore.DefaultPatience)}
	defer b.transport.CloseIdleConnections()
	if token := cfg.Credentials["sas_token"]; token != "" {
		cfg.Expires = expiryOf(token)
		return cfg, "", nil
	}
	c, err := newClient(cfg, b.transport)
	if err != nil {
		return cfg, "", b.failKind("delegate", "", objstore.KindInvalid, err)
	}
	return b.delegate(ctx, cfg, c, write)
}

func (b *bucket) delegate(ctx context.Context, cfg objstore.Config, c client, write bool) (_ objstore.Config, none string, err error) {
	now := time.Now().UTC()
	values := sas.BlobSignatureValues{
		Protocol: sas.ProtocolHTTPS, StartTime: now.Add(delegatedFrom), ExpiryTime: now.Add(delegatedFor).Truncate(time.Second),
		Permissions: delegated(write), ContainerName: c.container,
	}
	var token sas.QueryParameters
	switch key, err := sharedKey(cfg.Credentials); {
	case err != nil:
		return cfg, "", b.failKind("delegate", "", objstore.KindInvalid, err)
	case key != nil:
		if strings.HasPrefix(c.account.URL(), "http:") { // an emulator
			values.Protocol = sas.ProtocolHTTPSandHTTP
		}
		if token, err = values.SignWithSharedKey(key); err != nil {
			return cfg, "", b.fail("delegate", "", fmt.Errorf("sign a token: %w", err))
		}
	case c.identity == nil: // a connection string around a token
		return cfg, "", nil
	default:
		signer, err := userKey(ctx, c.account, values)
		if refused(err) {
			return cfg, "the identity found here may make no token for the container, for which it needs the role Storage Blob Delegator", nil
		}
		if err != nil {
			return cfg, "", b.fail("delegate", "", err)
		}
		if token, err = values.SignWithUserDelegation(signer); err != nil {
			return cfg, "", b.fail("delegate", "", fmt.Errorf("sign a token: %w", err))
		}
	}
	if cfg.Endpoint == "" && !strings.Contains(cfg.Bucket, "/") { // it was in the credentials
		cfg.Endpoint = strings.TrimRight(c.account.URL(), "/")
	}
	cfg.Credentials = map[string]string{"sas_token": token.Encode()}
	// Who cannot tell says nothing: then Abort leaves more behind, and that is all.
	if kept, err := retained(ctx, c.account.NewContainerClient(c.container)); err == nil && !kept {
		cfg.Credentials[keyUnretained] = "true"
	}
	cfg.Expires = values.ExpiryTime
	return cfg, "", nil
}

// userKey asks for the key that signs tokens of an identity.
func userKey(ctx context.Context, account *service.Client, values sas.BlobSignatureValues) (*service.UserDelegationCredential, error) {
	start, expiry := values.StartTime.Format(sas.TimeFormat), values.ExpiryTime.Format(sas.TimeFormat)
	return account.GetUserDelegationCredential(ctx, service.KeyInfo{Start: &start, Expiry: &expiry}, nil)
}

// sharedKey is the account's key, nil if it is not what is configured.
func sharedKey(credentials map[string]string) (*service.SharedKeyCredential, error) {
	account, key := credentials["account_name"], credentials["account_key"]
	for _, field := range strings.Split(credentials["connection_string"], ";") {
		switch name, value, _ := strings.Cut(field, "="); name {
		case "AccountName":
			account = value
		case "AccountKey":
			key = value
		}
	}
	if key == "" {
		return nil, nil
	}
	return service.NewSharedKeyCredential(account, key)
}

// expiryOf reads when a token ends, zero if it does not say.
func expiryOf(token string) time.Time {
	values, err := url.ParseQuery(strings.TrimPrefix(token, "?"))
	if err != nil {
		return time.Time{}
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z", time.DateOnly} { // what Azure takes
		if t, err := time.Parse(layout, values.Get("se")); err == nil {
			return t
		}
	}
	return time.Time{}
}
