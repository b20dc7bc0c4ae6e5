package azblob

import (
	"context"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"

	"github.com/skyctl/skyctl/agent/objstore"
)

// A delegated token outlives every gateway, which has at most 24 hours, and is
// valid from before now, for clocks differ.
const (
	delegatedFor  = 25 * time.Hour
	delegatedFrom = -15 * time.Minute
)

// Delegate returns cfg with a token for its container alone, made from the
// identity that the SDK finds here, so that an agent which has none can open
// the container. Where that identity may not make tokens (it needs the role
// Storage Blob Delegator), cfg is returned as it is, and an agent uses the
// identity of its machine.
func Delegate(ctx context.Context, cfg objstore.Config) (objstore.Config, error) {
	if len(cfg.Credentials) > 0 {
		return cfg, nil
	}
	b := &bucket{name: cfg.Bucket, transport: newTransport()}
	defer b.transport.CloseIdleConnections()
	account, name, err := newClient(cfg, b.transport)
	if err != nil {
		return cfg, b.failKind("delegate", "", objstore.KindInvalid, err)
	}
	return b.delegate(ctx, cfg, account, name)
}

func (b *bucket) delegate(ctx context.Context, cfg objstore.Config, account *service.Client, name string) (objstore.Config, error) {
	now := time.Now().UTC()
	from, until := now.Add(delegatedFrom), now.Add(delegatedFor)
	start, expiry := from.Format(sas.TimeFormat), until.Format(sas.TimeFormat)
	key, err := account.GetUserDelegationCredential(ctx, service.KeyInfo{Start: &start, Expiry: &expiry}, nil)
	if refused(err) {
		return cfg, nil
	}
	if err != nil {
		return cfg, b.fail("delegate", "", err)
	}
	permissions := sas.ContainerPermissions{Read: true, Create: true, Write: true, Delete: true, List: true}
	token, err := sas.BlobSignatureValues{
		Protocol: sas.ProtocolHTTPS, StartTime: from, ExpiryTime: until, Permissions: permissions.String(), ContainerName: name,
	}.SignWithUserDelegation(key)
	if err != nil {
		return cfg, b.fail("delegate", "", fmt.Errorf("sign a token: %w", err))
	}
	cfg.Credentials = map[string]string{"sas_token": token.Encode()}
	return cfg, nil
}
