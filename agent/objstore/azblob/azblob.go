// Package azblob is a container of Azure Blob Storage, on the Azure SDK.
//
// # Checksums
//
// Azure knows no CRC32C. It computes a CRC64 of the body of each request,
// refuses the body where that is not the one that was sent along, and answers
// with its own. Every write here checks its bytes against the CRC32C of the
// reader, computes the CRC64 of those same bytes, and compares it with the one
// in the store's answer: then the store has the bytes that the CRC32C
// describes. Put and Commit report a CRC32C on that proof only; without it,
// and at Stat, they report none, and whoever wants to be sure reads the object.
//
// # Staged writes
//
// Azure knows blocks of a blob, but no uploads: the blocks of all uploads to
// one blob lie side by side, unnamed by any listing of the container, until
// a commit names some of them and drops the others. So the name of a block
// says which upload it belongs to, which part it is, and its CRC32C (see
// block.go), and the ID of an upload carries everything that Begin was told
// (see upload.go). Two uploads to one blob therefore never mix, but the first
// to commit drops the blocks of the other, whose Commit is then KindNotFound.
//
// The version that Begin found, or its absence, is a condition of the commit.
//
// # Abort
//
// Blocks cannot be deleted. Abort drops those of a blob that does not exist, by
// creating it empty and deleting it at once, where it can be sure to succeed;
// next to an existing blob, it leaves them to Azure, which drops them with the
// blob's next write, or a week after its last block: see abort.go. Nothing that
// was aborted can be committed. A part that is written after Abort is taken,
// and left behind in the same way. Uploads reads the names of the blocks of a
// blob: they have the run, the time of Begin, and whether Abort was there.
//
// # Keys
//
// Azure takes a backslash for a slash and cuts off dots at the end of a name,
// silently; what it would change is KindInvalid: see key.go.
//
// # Metadata
//
// What HTTP has no header for is user metadata, of which Azure wants the names
// to be identifiers: skyctl-symlink becomes skyctl_symlink. Tags are index
// tags; they need permissions of their own, and where those are missing they
// are lost and the object is not: see tagged. The storage class is the access
// tier, none if it is the account's default.
//
// # Where a container is
//
// The service does not know. Resource Manager does, and answers an identity,
// but no key or token of the account: with those the region must be configured.
//
// # What emulators cannot tell
//
// Azurite 3.37 reports no CRC64 of a Put, has no hierarchical namespace, and
// refuses nobody tags; Resource Graph, policies that retain blobs, and tokens
// that an identity signs it has none of. That is tested with fakes of our own.
// Nothing here has been run against Azure itself.
package azblob

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/internal/httpstore"
)

// Limits of Azure since service version 2019-12-12.
const (
	maxPart   = 4000 << 20
	maxParts  = 50_000
	maxPut    = 5000 << 20
	maxObject = maxParts * maxPart // 190.7 TiB
)

type bucket struct {
	name      string // as the configuration has it
	container *container.Client
	account   *service.Client
	transport *http.Transport
	tiers     map[string]string // Config.StorageClasses
	run       runTag

	// region asks where the account is; nil if nobody would know.
	region func(context.Context) (string, error)

	// expires is when the token ends with which the container is opened; zero
	// with any other credential.
	expires time.Time

	// unretained says that no policy keeps what is written, where that is known
	// already.
	unretained bool

	// refusesTags is set once the store has refused some.
	refusesTags atomic.Bool

	checkTimeout time.Duration
	pageSize     *int32 // of a listing; nil: the service's own, 5000
}

// Open returns the container cfg.Bucket of the account at cfg.Endpoint, or
// without an endpoint the container of "ACCOUNT/CONTAINER". It reads the
// environment that the SDK reads, and contacts nothing.
func Open(_ context.Context, cfg objstore.Config) (objstore.Bucket, error) {
	return openWith(cfg, httpstore.DefaultPatience)
}

func openWith(cfg objstore.Config, patience httpstore.Patience) (objstore.Bucket, error) {
	b := &bucket{name: cfg.Bucket, transport: newTransport(patience), tiers: cfg.StorageClasses, run: tagOf(cfg.Run),
		unretained: cfg.Credentials[keyUnretained] == "true", checkTimeout: defaultCheckTimeout}
	if token := cfg.Credentials["sas_token"]; token != "" {
		b.expires = expiryOf(token)
	}
	if err := checkTiers(b.tiers); err != nil {
		return nil, b.failKind("open", "", objstore.KindInvalid, err)
	}
	c, err := newClient(cfg, b.transport)
	if err != nil {
		return nil, b.failKind("open", "", objstore.KindInvalid, err)
	}
	b.account, b.container = c.account, c.account.NewContainerClient(c.container)
	if account := accountOf(c.account.URL()); account != "" && c.identity != nil {
		b.region = func(ctx context.Context) (string, error) {
			return location(ctx, management, account, c.identity, c.options)
		}
	}
	return b, nil
}

// url is the container as a user writes it.
func (b *bucket) url() string { return "az://" + b.name }

func (b *bucket) blob(key string) *blockblob.Client { return b.container.NewBlockBlobClient(key) }

// errNotAzure is for answers that are a success and yet not Azure's, as a
// proxy or a web server gives them.
var errNotAzure = &objstore.Error{Kind: objstore.KindUnsupported, Err: errors.New("the endpoint's answer is not that of Azure Blob Storage; check the endpoint")}

func (b *bucket) Limits() objstore.Limits {
	return objstore.Limits{MaxPart: maxPart, MaxParts: maxParts, MaxPut: maxPut, MaxObject: maxObject, Buffered: true}
}

func (b *bucket) Close() error {
	b.transport.CloseIdleConnections()
	return nil
}
