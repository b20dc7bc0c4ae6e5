package azblob

import (
	"context"
	"encoding/hex"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/skyctl/skyctl/agent/objstore"
)

// discardMark is the metadata of the empty blob that discard makes for the
// blink of an eye, with the nonce of its upload: by it a later Abort knows
// what an earlier one had no time to delete.
const discardMark = "skyctl_discard"

// Abort gives up a staged write. Uncommitted blocks cannot be deleted, but the
// first write of the blob drops them. Where there is no blob and all blocks are
// this upload's, Abort makes that write itself; else it marks the upload as
// aborted, which Commit and Parts heed, and the blocks go with the next write
// of the blob, or a week after its last block. Until then Azure bills them.
func (b *bucket) Abort(ctx context.Context, up objstore.Upload) error {
	u, err := parseUpload(up.ID)
	if err != nil {
		return nil
	}
	return b.fail("abort", up.Key, b.abort(ctx, up.Key, u))
}

func (b *bucket) abort(ctx context.Context, key string, u upload) error {
	out, err := b.blob(key).GetBlockList(ctx, blockblob.BlockListTypeAll, nil)
	if bloberror.HasCode(err, bloberror.BlobNotFound, bloberror.InvalidBlobType) {
		return nil // or it has become a blob without blocks
	}
	if err != nil {
		return err
	}
	have := stagedOf(u.Nonce, out.UncommittedBlocks)
	if !have.begun && !have.aborted && len(have.sizes) == 0 {
		if len(out.CommittedBlocks) == 0 && deref(out.BlobContentLength) == 0 {
			return b.sweep(ctx, key, u)
		}
		return nil
	}
	if !have.others && len(out.CommittedBlocks) == 0 {
		if discarded, err := b.discard(ctx, key, u); discarded || err != nil {
			return err
		}
	}
	if have.aborted {
		return nil
	}
	return b.mark(ctx, key, block{nonce: u.Nonce, kind: kindAborted})
}

// discard drops the blocks by creating the blob empty and deleting it, if there
// is none and if nothing can keep the empty blob from being deleted. Both
// requests are conditional, so they never touch what somebody else wrote.
func (b *bucket) discard(ctx context.Context, key string, u upload) (bool, error) {
	if ok, err := b.deletes(ctx, key); !ok || err != nil {
		return false, err
	}
	mark := hex.EncodeToString(u.Nonce[:])
	out, err := b.blob(key).CommitBlockList(ctx, nil, &blockblob.CommitBlockListOptions{
		Metadata: map[string]*string{discardMark: &mark}, AccessConditions: ifAbsent()})
	switch {
	case bloberror.HasCode(err, bloberror.BlobAlreadyExists, bloberror.ConditionNotMet):
		return false, nil
	case err != nil:
		return false, err
	}
	return true, b.deleteVersion(ctx, key, versionOf(out.ETag))
}

// deletes tells whether a blob of this name could be deleted again: the caller
// must be allowed to, and no policy of the container keep it. To a caller who
// may not ask for policies, as with a token for the container, the answer is no.
func (b *bucket) deletes(ctx context.Context, key string) (bool, error) {
	never := azcore.ETag(`"0x0"`) // so that nothing is deleted
	_, err := b.blob(key).Delete(ctx, &blob.DeleteOptions{
		AccessConditions: &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: &never}}})
	switch {
	case bloberror.HasCode(err, bloberror.BlobNotFound, bloberror.ConditionNotMet):
	case kindOf(err) == objstore.KindPermission:
		return false, nil
	default:
		return false, err
	}
	if b.unretained {
		return true, nil
	}
	kept, err := retained(ctx, b.container)
	if kindOf(err) == objstore.KindPermission {
		return false, nil
	}
	return err == nil && !kept, err
}

// retained tells whether a policy or hold keeps what is written.
func retained(ctx context.Context, c *container.Client) (bool, error) {
	policy, err := c.GetProperties(ctx, nil)
	return keeps(policy), err
}

func keeps(p container.GetPropertiesResponse) bool {
	return deref(p.HasImmutabilityPolicy) || deref(p.HasLegalHold)
}

// sweep deletes the empty blob that a discard of this upload left.
func (b *bucket) sweep(ctx context.Context, key string, u upload) error {
	obj, err := b.properties(ctx, key, "")
	if bloberror.HasCode(err, bloberror.BlobNotFound) {
		return nil
	}
	if err != nil || obj.Metadata.User[discardMark] != hex.EncodeToString(u.Nonce[:]) {
		return err
	}
	return b.deleteVersion(ctx, key, obj.Version)
}

// deleteVersion deletes the blob if it is this version.
func (b *bucket) deleteVersion(ctx context.Context, key string, version objstore.Version) error {
	if version == "" {
		return errNotAzure
	}
	_, err := b.blob(key).Delete(ctx, &blob.DeleteOptions{AccessConditions: ifVersion(version)})
	if bloberror.HasCode(err, bloberror.BlobNotFound, bloberror.ConditionNotMet) {
		return nil
	}
	return err
}
