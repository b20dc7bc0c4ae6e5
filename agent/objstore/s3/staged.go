package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

var errNoWayOn = errors.New("the listing is not complete, and the store says no way on")

var errNoUpload = &objstore.Error{Kind: objstore.KindNotFound, Err: errors.New("the upload does not exist, or no longer")}

// Begin asks for the strongest checksums that the store is known to take. Its
// request is repeated only if the store refused it: one that was carried out
// although its reply was lost leaves an upload that nobody knows.
func (b *bucket) Begin(ctx context.Context, key string, size int64, meta objstore.Metadata) (objstore.Upload, error) {
	if err := b.checkKey("begin", key); err != nil {
		return objstore.Upload{}, err
	}
	w, err := b.wire(meta)
	if err != nil {
		return objstore.Upload{}, b.failKind("begin", key, objstore.KindInvalid, err)
	}
	in := &s3.CreateMultipartUploadInput{
		Bucket:               &b.name,
		Key:                  &key,
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
	for mode := checksumMode(b.stagedMode.Load()); ; mode++ {
		in.ChecksumAlgorithm, in.ChecksumType = "", ""
		switch mode {
		case modeWhole:
			in.ChecksumAlgorithm, in.ChecksumType = types.ChecksumAlgorithmCrc32c, types.ChecksumTypeFullObject
		case modeParts:
			in.ChecksumAlgorithm = types.ChecksumAlgorithmCrc32c
		}
		out, err := b.client.CreateMultipartUpload(ctx, in, retryRefusalsOnly)
		if refusesChecksum(err) && mode < modeNone {
			continue
		}
		if err != nil {
			return objstore.Upload{}, b.fail("begin", key, err)
		}
		if aws.ToString(out.UploadId) == "" {
			return objstore.Upload{}, b.fail("begin", key, errNotS3)
		}
		agreed := agreedMode(out.ChecksumAlgorithm, out.ChecksumType)
		b.stagedMode.Store(int32(mode))
		return objstore.Upload{Key: key, ID: agreed.uploadID(*out.UploadId), Size: size}, nil
	}
}

func (b *bucket) WritePart(ctx context.Context, up objstore.Upload, part objstore.Part, body objstore.Body) (objstore.PartRef, error) {
	if err := b.checkBody("write part", up.Key, body); err != nil {
		return objstore.PartRef{}, err
	}
	if part.Number < 0 || part.Number >= maxParts {
		return objstore.PartRef{}, b.failKind("write part", up.Key, objstore.KindInvalid, fmt.Errorf("part %d is not one of %d", part.Number, maxParts))
	}
	mode, id, ok := parseUploadID(up.ID)
	if !ok {
		return objstore.PartRef{}, b.fail("write part", up.Key, errNoUpload)
	}
	in := &s3.UploadPartInput{
		Bucket: &b.name, Key: &up.Key, UploadId: &id, PartNumber: aws.Int32(part.Number + 1),
		ContentLength: &body.Size, Body: bytes.NewReader(body.Bytes),
	}
	if mode == modeNone {
		if e := body.Check(); e != nil {
			return objstore.PartRef{}, b.fail("write part", up.Key, e)
		}
	} else {
		in.ChecksumCRC32C = aws.String(body.Digest.Base64())
	}
	out, err := b.client.UploadPart(ctx, in)
	if err != nil {
		return objstore.PartRef{}, b.fail("write part", up.Key, err)
	}
	if got := wholeDigest(out.ChecksumCRC32C, ""); got != nil && *got != body.Digest {
		return objstore.PartRef{}, b.fail("write part", up.Key, differs(*got, body.Digest))
	}
	digest := body.Digest
	return objstore.PartRef{Number: part.Number, Size: body.Size, Digest: &digest, Token: aws.ToString(out.ETag)}, nil
}

func (b *bucket) Parts(ctx context.Context, up objstore.Upload) ([]objstore.PartRef, error) {
	_, id, ok := parseUploadID(up.ID)
	if !ok {
		return nil, b.fail("list parts", up.Key, errNoUpload)
	}
	in := &s3.ListPartsInput{Bucket: &b.name, Key: &up.Key, UploadId: &id}
	var refs []objstore.PartRef
	for {
		page, err := b.client.ListParts(ctx, in)
		if err != nil {
			return nil, b.fail("list parts", up.Key, err)
		}
		for _, p := range page.Parts {
			refs = append(refs, objstore.PartRef{
				Number: aws.ToInt32(p.PartNumber) - 1, Size: aws.ToInt64(p.Size), Digest: wholeDigest(p.ChecksumCRC32C, ""), Token: aws.ToString(p.ETag),
			})
		}
		if !aws.ToBool(page.IsTruncated) {
			return refs, nil
		}
		next := aws.ToString(page.NextPartNumberMarker)
		if next == "" || next == aws.ToString(in.PartNumberMarker) {
			return nil, b.failKind("list parts", up.Key, objstore.KindTransient, errNoWayOn)
		}
		in.PartNumberMarker = &next
	}
}

func (b *bucket) Commit(ctx context.Context, up objstore.Upload, parts []objstore.PartRef, size int64, digest chunk.Digest) (objstore.Object, error) {
	mode, id, ok := parseUploadID(up.ID)
	if !ok {
		return objstore.Object{}, b.fail("commit", up.Key, errNoUpload)
	}
	compared, e := objstore.CheckParts(parts, size, digest)
	if e != nil {
		return objstore.Object{}, b.fail("commit", up.Key, e)
	}
	if !compared && mode != modeWhole {
		return objstore.Object{}, b.failKind("commit", up.Key, objstore.KindInvalid, errors.New("a part lacks its digest, and the store does not compare the object's"))
	}
	in := &s3.CompleteMultipartUploadInput{
		Bucket: &b.name, Key: &up.Key, UploadId: &id,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: completed(mode, parts)},
	}
	if mode == modeWhole {
		in.ChecksumType = types.ChecksumTypeFullObject
		in.ChecksumCRC32C = aws.String(digest.Base64())
		in.MpuObjectSize = &size
	}
	out, err := b.client.CompleteMultipartUpload(ctx, in)
	if hasCode(err, "NoSuchUpload") {
		return b.recognise(ctx, up, size, digest)
	}
	if err != nil {
		return objstore.Object{}, b.fail("commit", up.Key, err)
	}
	if got := wholeDigest(out.ChecksumCRC32C, out.ChecksumType); got != nil {
		if *got != digest {
			return objstore.Object{}, b.fail("commit", up.Key, differs(*got, digest))
		}
		return objstore.Object{Key: up.Key, Size: size, Version: madeVersion(out.ETag, size), CRC32C: got}, nil
	}
	return b.confirm(ctx, up, size, digest, out)
}

// confirm looks at the object after a commit whose reply does not prove it.
// There are stores (versitygw 1.8) that answer a commit of an upload that was
// aborted, or that another request is still assembling, with success and an
// ETag if only there is some object under the key.
func (b *bucket) confirm(ctx context.Context, up objstore.Upload, size int64, digest chunk.Digest, out *s3.CompleteMultipartUploadOutput) (objstore.Object, error) {
	made := madeVersion(out.ETag, size)
	obj, err := b.Stat(ctx, up.Key)
	if err != nil && objstore.KindOf(err) != objstore.KindNotFound {
		return objstore.Object{}, b.fail("commit", up.Key, err)
	}
	if err != nil || obj.Size != size || made != "" && obj.Version != made || obj.CRC32C != nil && *obj.CRC32C != digest {
		return objstore.Object{}, b.failKind("commit", up.Key, objstore.KindTransient, errors.New("the store reports success, but the key holds another object or none"))
	}
	return obj, nil
}

// completed are the parts as the store wants them back.
func completed(mode checksumMode, parts []objstore.PartRef) []types.CompletedPart {
	list := make([]types.CompletedPart, len(parts))
	for i, p := range parts {
		list[i] = types.CompletedPart{PartNumber: aws.Int32(p.Number + 1), ETag: aws.String(p.Token)}
		if mode != modeNone && p.Digest != nil {
			list[i].ChecksumCRC32C = aws.String(p.Digest.Base64())
		}
	}
	return list
}

// recognise answers a commit whose upload is gone: an earlier commit, whose
// reply was lost, has made it the object, or it was aborted. Where the store
// does not report a digest, the object is read.
func (b *bucket) recognise(ctx context.Context, up objstore.Upload, size int64, digest chunk.Digest) (objstore.Object, error) {
	obj, err := b.Stat(ctx, up.Key)
	switch {
	case objstore.KindOf(err) == objstore.KindNotFound:
		return objstore.Object{}, b.fail("commit", up.Key, errNoUpload)
	case err != nil:
		return objstore.Object{}, b.fail("commit", up.Key, err)
	}
	got := obj.CRC32C
	if got == nil && obj.Size == size {
		read, err := b.digest(ctx, obj)
		if err != nil {
			return objstore.Object{}, b.fail("commit", up.Key, err)
		}
		got = &read
	}
	if obj.Size != size || *got != digest {
		return objstore.Object{}, b.fail("commit", up.Key, errNoUpload)
	}
	return obj, nil
}

// digest reads the whole object.
func (b *bucket) digest(ctx context.Context, obj objstore.Object) (chunk.Digest, error) {
	body, _, err := b.Open(ctx, obj.Key, obj.Version, chunk.Range{Length: obj.Size})
	if err != nil {
		return 0, err
	}
	defer body.Close()
	var w digestWriter
	_, err = io.Copy(&w, body)
	return w.Digest, err
}

// digestWriter computes the digest of what is written to it.
type digestWriter struct{ chunk.Digest }

func (w *digestWriter) Write(p []byte) (int, error) {
	w.Digest = w.Update(p)
	return len(p), nil
}
