package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/internal/httpstore"
)

// Put answers from the reply to the request alone, so the object that it
// returns has no time of modification.
func (b *bucket) Put(ctx context.Context, key string, body objstore.Body, meta objstore.Metadata) (objstore.Object, error) {
	if err := b.checkBody("put", key, body); err != nil {
		return objstore.Object{}, err
	}
	w, err := b.wire(meta)
	if err != nil {
		return objstore.Object{}, b.failKind("put", key, objstore.KindInvalid, err)
	}
	in := &s3.PutObjectInput{
		Bucket:               &b.name,
		Key:                  &key,
		ContentLength:        &body.Size,
		ContentType:          optional(meta.ContentType),
		ContentEncoding:      optional(meta.ContentEncoding),
		ContentDisposition:   optional(meta.ContentDisposition),
		ContentLanguage:      optional(meta.ContentLanguage),
		CacheControl:         optional(meta.CacheControl),
		Metadata:             w.user,
		Tagging:              w.tags,
		StorageClass:         types.StorageClass(meta.StorageClass),
		ServerSideEncryption: w.encryption,
		SSEKMSKeyId:          w.kmsKey,
	}
	httpstore.Deepen()
	out, err := b.put(ctx, in, body)
	if err != nil {
		return objstore.Object{}, b.fail("put", key, err)
	}
	obj := objstore.Object{
		Key:      key,
		Size:     body.Size,
		Version:  madeVersion(out.ETag, body.Size),
		CRC32C:   wholeDigest(out.ChecksumCRC32C, out.ChecksumType),
		Metadata: meta,
	}
	if obj.CRC32C != nil && *obj.CRC32C != body.Digest {
		return obj, b.fail("put", key, differs(*obj.CRC32C, body.Digest))
	}
	return obj, nil
}

// put sends the request with the body's checksum, or without where the store
// does not take one; then the bytes are at least checked as they leave.
func (b *bucket) put(ctx context.Context, in *s3.PutObjectInput, body objstore.Body) (*s3.PutObjectOutput, error) {
	if !b.plainPuts.Load() {
		in.ChecksumCRC32C = aws.String(body.Digest.Base64())
		in.Body = bytes.NewReader(body.Bytes)
		out, err := b.client.PutObject(ctx, in)
		if !refusesChecksum(err) {
			return out, err
		}
	}
	if e := body.Check(); e != nil {
		return nil, e
	}
	in.ChecksumCRC32C = nil
	in.Body = bytes.NewReader(body.Bytes)
	out, err := b.client.PutObject(ctx, in)
	if err == nil {
		b.plainPuts.Store(true)
	}
	return out, err
}

// Delete of what does not exist is a success in S3; some stores disagree.
func (b *bucket) Delete(ctx context.Context, key string) error {
	if err := b.checkKey("delete", key); err != nil {
		return err
	}
	_, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.name, Key: &key})
	if hasCode(err, "NoSuchKey") {
		return nil
	}
	return b.fail("delete", key, err)
}

// checkBody refuses what no request can carry.
func (b *bucket) checkBody(op, key string, body objstore.Body) error {
	if err := b.checkKey(op, key); err != nil {
		return err
	}
	if e := body.CheckForm(); e != nil {
		return b.failKind(op, key, e.Kind, e.Err)
	}
	if body.Bytes == nil && body.Size > 0 {
		return b.failKind(op, key, objstore.KindUnsupported, errors.New("the store takes whole bodies only, see Limits.Buffered"))
	}
	return nil
}

func differs(got, want chunk.Digest) error {
	return &objstore.Error{Kind: objstore.KindCorrupt, Err: fmt.Errorf("the store has CRC32C %v, sent was %v", got, want)}
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
