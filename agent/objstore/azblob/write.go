package azblob

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/minio/crc64nvme"

	"github.com/skyctl/skyctl/agent/objstore"
)

// Put answers from the reply to the request alone. It has a CRC32C if the
// reply proves it: Azure's does, some emulators' (Azurite 3.37) do not.
func (b *bucket) Put(ctx context.Context, key string, body objstore.Body, meta objstore.Metadata) (objstore.Object, error) {
	if err := b.checkNewKey("put", key); err != nil {
		return objstore.Object{}, err
	}
	content, err := newContent(body)
	if err != nil {
		return objstore.Object{}, b.fail("put", key, err)
	}
	if err := checkMetadata(meta); err != nil {
		return objstore.Object{}, b.failKind("put", key, objstore.KindInvalid, err)
	}
	headers, user := encodeHeaders(meta)
	var out blockblob.UploadResponse
	meta, lost, err := b.tagged(meta, func(tags map[string]string) (err error) {
		out, err = b.blob(key).Upload(ctx, content.reader(), &blockblob.UploadOptions{
			HTTPHeaders: headers, Metadata: user, Tags: tags, Tier: tierOf(meta), TransactionalValidation: content.validation()})
		return err
	})
	if err != nil {
		return objstore.Object{}, b.fail("put", key, err)
	}
	obj := objstore.Object{
		Key:      key,
		Size:     body.Size,
		Version:  versionOf(out.ETag),
		Modified: deref(out.LastModified),
		Metadata: meta,
		Lost:     lost,
	}
	if obj.Version == "" {
		return obj, b.fail("put", key, errNotAzure)
	}
	proven, err := content.proven(out.ContentCRC64)
	if proven {
		obj.CRC32C = &body.Digest
	}
	return obj, b.fail("put", key, err)
}

// Delete leaves a blob with snapshots alone: they would have to go with it,
// and nobody asked for that.
func (b *bucket) Delete(ctx context.Context, key string) error {
	if err := b.checkNewKey("delete", key); err != nil {
		return err
	}
	_, err := b.blob(key).Delete(ctx, nil)
	if bloberror.HasCode(err, bloberror.BlobNotFound) {
		return nil
	}
	return b.fail("delete", key, err)
}

// content is a body whose bytes are those of its digest, with the checksum
// that Azure compares.
type content struct {
	bytes []byte
	crc64 uint64
}

// newContent refuses what no request can carry, and bytes that are not what
// was announced. The error has Kind and Err only.
func newContent(body objstore.Body) (content, error) {
	if err := body.CheckForm(); err != nil {
		return content{}, err
	}
	if body.Bytes == nil && body.Size > 0 {
		return content{}, &objstore.Error{Kind: objstore.KindUnsupported, Err: errors.New("the store takes whole bodies only, see Limits.Buffered")}
	}
	if err := body.Check(); err != nil {
		return content{}, err
	}
	return content{body.Bytes, crc64nvme.Checksum(body.Bytes)}, nil
}

func (c content) reader() io.ReadSeekCloser { return streaming.NopCloser(bytes.NewReader(c.bytes)) }

func (c content) validation() blob.TransferValidationType {
	return blob.TransferValidationTypeCRC64(c.crc64)
}

// proven compares the checksum in the store's answer, if there is one.
func (c content) proven(answer []byte) (bool, error) {
	if len(answer) != 8 {
		return false, nil
	}
	if got := binary.LittleEndian.Uint64(answer); got != c.crc64 {
		return false, &objstore.Error{Kind: objstore.KindCorrupt, Err: fmt.Errorf("the store has CRC64 %016x, sent was %016x", got, c.crc64)}
	}
	return true, nil
}
