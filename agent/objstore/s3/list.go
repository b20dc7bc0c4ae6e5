package s3

import (
	"context"
	"fmt"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/skyctl/skyctl/agent/objstore"
)

// List follows the pages of ListObjectsV2. Only a page that says it is the
// last ends the listing well: the SDK reads an empty answer, as a proxy may
// give it, as a page without keys.
func (b *bucket) List(ctx context.Context, prefix string, yield func(objstore.Object) error) error {
	in := &s3.ListObjectsV2Input{Bucket: &b.name, Prefix: optional(prefix), EncodingType: types.EncodingTypeUrl}
	for {
		page, err := b.client.ListObjectsV2(ctx, in)
		if err != nil {
			return b.fail("list", "", err)
		}
		if page.IsTruncated == nil {
			return b.fail("list", "", errNotS3)
		}
		for i := range page.Contents {
			if err := ctx.Err(); err != nil {
				return b.fail("list", "", err)
			}
			obj, err := listed(&page.Contents[i], page.EncodingType)
			if err != nil {
				return b.fail("list", "", err)
			}
			if err := yield(obj); err != nil {
				return err
			}
		}
		if !*page.IsTruncated {
			return nil
		}
		next := aws.ToString(page.NextContinuationToken)
		if next == "" || next == aws.ToString(in.ContinuationToken) {
			return b.failKind("list", "", objstore.KindTransient, fmt.Errorf("the listing is not complete, and the store says no way on from %q", next))
		}
		in.ContinuationToken = &next
	}
}

// listed describes an entry of a listing. A store that does not know the
// encoding does not echo it, and its keys are plain.
func listed(entry *types.Object, encoding types.EncodingType) (objstore.Object, error) {
	key := aws.ToString(entry.Key)
	if encoding == types.EncodingTypeUrl {
		var err error
		if key, err = url.QueryUnescape(key); err != nil {
			return objstore.Object{}, fmt.Errorf("the listing holds the unreadable key %q: %w", aws.ToString(entry.Key), err)
		}
	}
	size := aws.ToInt64(entry.Size)
	return objstore.Object{
		Key:      key,
		Size:     size,
		Version:  versionOf(entry.ETag, size, entry.LastModified),
		Modified: aws.ToTime(entry.LastModified),
	}, nil
}
