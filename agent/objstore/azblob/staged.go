package azblob

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

// Begin notes the version to be replaced and stages a block that says that the
// upload exists; so a blob that takes no blocks refuses at once.
func (b *bucket) Begin(ctx context.Context, key string, size int64, meta objstore.Metadata) (objstore.Upload, error) {
	if err := b.checkNewKey("begin", key); err != nil {
		return objstore.Upload{}, err
	}
	if err := checkMetadata(meta); err != nil {
		return objstore.Upload{}, b.failKind("begin", key, objstore.KindInvalid, err)
	}
	previous, now, err := b.previous(ctx, key)
	if err != nil {
		return objstore.Upload{}, b.fail("begin", key, err)
	}
	u := newUpload(b.run, previous, meta)
	id, err := u.id()
	if err != nil {
		return objstore.Upload{}, b.failKind("begin", key, objstore.KindInvalid, err)
	}
	if err := b.mark(ctx, key, block{nonce: u.Nonce, kind: kindBegun, number: int32(now.Unix())}); err != nil {
		return objstore.Upload{}, b.fail("begin", key, err)
	}
	return objstore.Upload{Key: key, ID: id, Size: size}, nil
}

// previous returns the version that a write is to replace, empty if there is
// none, and the store's time.
func (b *bucket) previous(ctx context.Context, key string) (objstore.Version, time.Time, error) {
	out, err := b.blob(key).GetProperties(ctx, nil)
	var answer *azcore.ResponseError
	switch {
	case err == nil && out.ETag == nil:
		return "", time.Time{}, errNotAzure
	case err == nil && out.Date != nil:
		return versionOf(out.ETag), *out.Date, nil
	case err == nil:
		return versionOf(out.ETag), time.Now(), nil
	case bloberror.HasCode(err, bloberror.BlobNotFound) && errors.As(err, &answer) && answer.RawResponse != nil:
		now, err := http.ParseTime(answer.RawResponse.Header.Get("Date"))
		if err != nil {
			now = time.Now()
		}
		return "", now, nil
	}
	return "", time.Time{}, err
}

// mark stages a block for its name.
func (b *bucket) mark(ctx context.Context, key string, m block) error {
	c, err := newContent(bodyOf([]byte{byte(m.kind)}))
	if err != nil {
		return err
	}
	return b.stage(ctx, key, m, c)
}

// stage writes one block. A store that does not answer with its checksum is
// refused: nothing later could tell whether it has the bytes.
func (b *bucket) stage(ctx context.Context, key string, name block, c content) error {
	out, err := b.blob(key).StageBlock(ctx, name.name(), c.reader(), &blockblob.StageBlockOptions{TransactionalValidation: c.validation()})
	if err != nil {
		return err
	}
	proven, err := c.proven(out.ContentCRC64)
	if err == nil && !proven {
		err = &objstore.Error{Kind: objstore.KindUnsupported, Err: errors.New("the store does not say the CRC64 of a block; Azure does since version 2019-02-02")}
	}
	return err
}

// WritePart does not ask whether the upload still exists, which would cost a
// listing of all its blocks: Commit does.
func (b *bucket) WritePart(ctx context.Context, up objstore.Upload, part objstore.Part, body objstore.Body) (objstore.PartRef, error) {
	if part.Number < 0 || part.Number >= maxParts {
		return objstore.PartRef{}, b.failKind("write part", up.Key, objstore.KindInvalid, fmt.Errorf("part %d is not one of %d", part.Number, maxParts))
	}
	u, err := parseUpload(up.ID)
	if err != nil {
		return objstore.PartRef{}, b.fail("write part", up.Key, err)
	}
	c, err := newContent(body)
	if err != nil {
		return objstore.PartRef{}, b.fail("write part", up.Key, err)
	}
	if err := b.stage(ctx, up.Key, block{u.Nonce, kindPart, part.Number, body.Digest}, c); err != nil {
		return objstore.PartRef{}, b.fail("write part", up.Key, err)
	}
	digest := body.Digest
	return objstore.PartRef{Number: part.Number, Size: body.Size, Digest: &digest}, nil
}

// Parts leaves out a part that was written with different bytes at different
// times, for nothing tells which came last.
func (b *bucket) Parts(ctx context.Context, up objstore.Upload) ([]objstore.PartRef, error) {
	u, err := parseUpload(up.ID)
	if err != nil {
		return nil, b.fail("list parts", up.Key, err)
	}
	out, err := b.blob(up.Key).GetBlockList(ctx, blockblob.BlockListTypeUncommitted, nil)
	if err != nil {
		return nil, b.fail("list parts", up.Key, gone(err))
	}
	have := stagedOf(u.Nonce, out.UncommittedBlocks)
	if !have.exists() {
		return nil, b.fail("list parts", up.Key, errNoUpload)
	}
	times := map[int32]int{}
	for p := range have.sizes {
		times[p.number]++
	}
	var refs []objstore.PartRef
	for p, size := range have.sizes {
		if times[p.number] == 1 {
			refs = append(refs, objstore.PartRef{Number: p.number, Size: size, Digest: &p.digest})
		}
	}
	slices.SortFunc(refs, func(a, b objstore.PartRef) int { return cmp.Compare(a.Number, b.Number) })
	return refs, nil
}

// Commit compares what the store has of every part before it commits them, and
// so asks for the list of blocks; the same list tells whether an earlier
// commit has done it all.
func (b *bucket) Commit(ctx context.Context, up objstore.Upload, parts []objstore.PartRef, size int64, digest chunk.Digest) (objstore.Object, error) {
	u, err := parseUpload(up.ID)
	if err != nil {
		return objstore.Object{}, b.fail("commit", up.Key, err)
	}
	compared, e := objstore.CheckParts(parts, size, digest)
	if e != nil {
		return objstore.Object{}, b.fail("commit", up.Key, e)
	}
	if !compared {
		return objstore.Object{}, b.failKind("commit", up.Key, objstore.KindInvalid, errors.New("a part lacks its digest, and the store does not compare the object's"))
	}
	names := make([]string, len(parts))
	for i, p := range parts {
		names[i] = block{u.Nonce, kindPart, p.Number, *p.Digest}.name()
	}
	want := objstore.Object{Key: up.Key, Size: size, CRC32C: &digest}
	obj, err := b.recognise(ctx, u, want, names, parts)
	if err != nil || obj.Version != "" {
		return obj, b.fail("commit", up.Key, err)
	}
	obj, err = b.commit(ctx, u, want, names)
	if !bloberror.HasCode(err, bloberror.BlobAlreadyExists, bloberror.ConditionNotMet, bloberror.InvalidBlockList) {
		return obj, b.fail("commit", up.Key, err)
	}
	// Either the SDK has repeated a request that was carried out although its
	// reply was lost, or somebody else has written the blob.
	obj, err = b.recognise(ctx, u, want, names, parts)
	if err == nil && obj.Version == "" {
		err = errChanged
	}
	return obj, b.fail("commit", up.Key, err)
}

var errChanged = &objstore.Error{Kind: objstore.KindPrecondition, Err: errors.New("somebody else changed the object since the upload began")}

// commit makes the named blocks the blob.
func (b *bucket) commit(ctx context.Context, u upload, want objstore.Object, names []string) (objstore.Object, error) {
	headers, user := encodeHeaders(u.Metadata)
	var out blockblob.CommitBlockListResponse
	meta, lost, err := b.tagged(u.Metadata, func(tags map[string]string) (err error) {
		out, err = b.blob(want.Key).CommitBlockList(ctx, names, &blockblob.CommitBlockListOptions{
			HTTPHeaders: headers, Metadata: user, Tags: tags, Tier: tierOf(u.Metadata), AccessConditions: u.condition()})
		return err
	})
	if err != nil {
		return objstore.Object{}, err
	}
	want.Version, want.Modified, want.Metadata = versionOf(out.ETag), deref(out.LastModified), meta
	want.Lost = lost
	if want.Version == "" {
		return objstore.Object{}, errNotAzure
	}
	return want, nil
}

// condition is that the blob is still what Begin found.
func (u upload) condition() *blob.AccessConditions {
	if u.Previous == "" {
		return ifAbsent()
	}
	return ifVersion(u.Previous)
}

// recognise returns the object if it was committed from exactly these blocks,
// which nothing but this upload can have done. Otherwise it returns none, and
// an error if the blocks are not all there to be committed.
func (b *bucket) recognise(ctx context.Context, u upload, want objstore.Object, names []string, parts []objstore.PartRef) (objstore.Object, error) {
	out, err := b.blob(want.Key).GetBlockList(ctx, blockblob.BlockListTypeAll, nil)
	if err != nil {
		return objstore.Object{}, gone(err)
	}
	have := stagedOf(u.Nonce, out.UncommittedBlocks)
	if !have.exists() {
		found := objstore.Object{Key: want.Key, Size: deref(out.BlobContentLength), Version: versionOf(out.ETag),
			Modified: deref(out.LastModified), CRC32C: want.CRC32C, Metadata: u.Metadata}
		same := slices.EqualFunc(names, out.CommittedBlocks, func(name string, b *blockblob.Block) bool { return name == deref(b.Name) })
		if have.aborted || !same || found.Size != want.Size || found.Version == u.Previous {
			return objstore.Object{}, errNoUpload
		}
		return found, nil
	}
	for _, p := range parts {
		if size, ok := have.sizes[block{u.Nonce, kindPart, p.Number, *p.Digest}]; !ok || size != p.Size {
			return objstore.Object{}, &objstore.Error{Kind: objstore.KindCorrupt, Err: fmt.Errorf("part %d is not what was written", p.Number)}
		}
	}
	return objstore.Object{}, nil
}

// gone turns the absence of a blob, committed or not, into that of an upload.
func gone(err error) error {
	if bloberror.HasCode(err, bloberror.BlobNotFound) {
		return errNoUpload
	}
	return err
}

func bodyOf(data []byte) objstore.Body {
	return objstore.Body{Size: int64(len(data)), Bytes: data, Digest: chunk.Sum(data)}
}
