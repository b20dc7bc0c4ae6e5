package s3

import (
	"context"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/internal/httpstore"
)

func (b *bucket) Stat(ctx context.Context, key string) (objstore.Object, error) {
	if err := b.checkKey("stat", key); err != nil {
		return objstore.Object{}, err
	}
	out, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.name, Key: &key, ChecksumMode: types.ChecksumModeEnabled})
	if err != nil {
		return objstore.Object{}, b.failRead(ctx, "stat", key, err)
	}
	size := aws.ToInt64(out.ContentLength)
	obj := objstore.Object{
		Key:      key,
		Size:     size,
		Version:  versionOf(out.ETag, size, out.LastModified),
		Modified: aws.ToTime(out.LastModified),
		CRC32C:   wholeDigest(out.ChecksumCRC32C, out.ChecksumType),
		Metadata: httpstore.Unfold(objstore.Metadata{
			ContentType:        text(out.ContentType),
			ContentEncoding:    text(out.ContentEncoding),
			ContentDisposition: text(out.ContentDisposition),
			ContentLanguage:    text(out.ContentLanguage),
			CacheControl:       text(out.CacheControl),
			StorageClass:       className(out.StorageClass),
			User:               decodeUser(out.Metadata),
		}, nil),
	}
	if aws.ToInt32(out.TagCount) > 0 {
		if obj.Metadata.Tags, err = b.tags(ctx, key); err != nil {
			return objstore.Object{}, b.fail("stat", key, err)
		}
	}
	return obj, nil
}

func (b *bucket) Open(ctx context.Context, key string, version objstore.Version, r chunk.Range) (io.ReadCloser, objstore.Object, error) {
	if err := b.checkKey("open", key); err != nil {
		return nil, objstore.Object{}, err
	}
	in := &s3.GetObjectInput{Bucket: &b.name, Key: &key, IfMatch: ifMatch(version)}
	if r.Offset == 0 { // it may be the whole object, and then its digest is of use
		in.ChecksumMode = types.ChecksumModeEnabled
	}
	if r.Length > 0 { // an empty object has no range
		in.Range = aws.String(fmt.Sprintf("bytes=%d-%d", r.Offset, r.End()-1))
	}
	httpstore.Deepen()
	out, err := b.client.GetObject(ctx, in)
	if err != nil {
		return nil, objstore.Object{}, b.failRead(ctx, "open", key, err)
	}
	obj, err := opened(key, version, r, out)
	if err == nil && r.Offset == 0 && r.Length == obj.Size && aws.ToInt32(out.TagCount) > 0 {
		obj.Metadata.Tags, err = b.tags(ctx, key)
	}
	if err != nil {
		out.Body.Close()
		return nil, objstore.Object{}, b.fail("open", key, err)
	}
	return &httpstore.Body{Source: out.Body, Rest: r.Length, Want: obj.CRC32C,
		Fail: func(err error) error { return b.fail("read", key, err) }}, obj, nil
}

// opened describes the object of a GET, if it is what was asked for. Stores
// that ignore If-Match or Range are caught here.
func opened(key string, version objstore.Version, r chunk.Range, out *s3.GetObjectOutput) (objstore.Object, error) {
	got, size := chunk.Range{Length: aws.ToInt64(out.ContentLength)}, aws.ToInt64(out.ContentLength)
	if out.ContentRange != nil {
		var err error
		if got, size, err = httpstore.ParseContentRange(*out.ContentRange); err != nil {
			return objstore.Object{}, err
		}
	}
	obj := objstore.Object{
		Key:      key,
		Size:     size,
		Version:  versionOf(out.ETag, size, out.LastModified),
		Modified: aws.ToTime(out.LastModified),
		Metadata: httpstore.Unfold(objstore.Metadata{
			ContentType:        text(out.ContentType),
			ContentEncoding:    text(out.ContentEncoding),
			ContentDisposition: text(out.ContentDisposition),
			ContentLanguage:    text(out.ContentLanguage),
			CacheControl:       text(out.CacheControl),
			StorageClass:       className(out.StorageClass),
			User:               decodeUser(out.Metadata),
		}, nil),
	}
	if r.Offset == 0 && r.Length == size {
		obj.CRC32C = wholeDigest(out.ChecksumCRC32C, out.ChecksumType)
	}
	if err := httpstore.Within(obj, version, r); err != nil {
		return obj, err
	}
	if r.Length > 0 && got != r {
		return obj, httpstore.ErrRangeIgnored
	}
	return obj, nil
}

// tags asks for the tags of an object that has some. They are not pinned to a
// version: the object they belong to is still the key's.
func (b *bucket) tags(ctx context.Context, key string) (map[string]string, error) {
	out, err := b.client.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: &b.name, Key: &key})
	if err != nil {
		return nil, fmt.Errorf("its tags: %w", err)
	}
	tags := make(map[string]string, len(out.TagSet))
	for _, t := range out.TagSet {
		tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return tags, nil
}
