package azblob

import (
	"context"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"github.com/skyctl/skyctl/agent/objstore"
)

// clockDifference is how far the store's clock may be behind the caller's.
const clockDifference = time.Minute

// Uploads reads the names of the blob's uncommitted blocks. They tell enough
// to give an upload up, and no more: its size is not known, and its ID is not
// the one of Begin, which carries the metadata too.
func (b *bucket) Uploads(ctx context.Context, key string, since time.Time) ([]objstore.Upload, error) {
	if err := b.checkNewKey("list uploads", key); err != nil {
		return nil, err
	}
	out, err := b.blob(key).GetBlockList(ctx, blockblob.BlockListTypeUncommitted, nil)
	if bloberror.HasCode(err, bloberror.BlobNotFound, bloberror.InvalidBlobType) {
		return nil, nil // or it is a blob without blocks
	}
	if err != nil {
		return nil, b.fail("list uploads", key, err)
	}
	aborted := map[nonce]bool{}
	var begun []block
	for _, listed := range out.UncommittedBlocks {
		switch m, ok := parseBlock(deref(listed.Name)); {
		case !ok || runTag(m.nonce[:len(b.run)]) != b.run:
		case m.kind == kindAborted:
			aborted[m.nonce] = true
		case m.kind == kindBegun && !time.Unix(int64(uint32(m.number)), 0).Before(since.Add(-clockDifference)):
			begun = append(begun, m)
		}
	}
	var uploads []objstore.Upload
	for _, m := range begun {
		if aborted[m.nonce] {
			continue
		}
		id, err := upload{Nonce: m.nonce}.id()
		if err != nil {
			return nil, b.failKind("list uploads", key, objstore.KindInvalid, err)
		}
		uploads = append(uploads, objstore.Upload{Key: key, ID: id})
	}
	return uploads, nil
}
