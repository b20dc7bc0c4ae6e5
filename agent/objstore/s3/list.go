package s3

import (
	"context"
	"fmt"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/internal/httpstore"
)

// List asks for several parts of the bucket at once where that is quicker.
func (b *bucket) List(ctx context.Context, prefix, after string, yield func(objstore.Object) error) error {
	var stop error // of yield, returned as it is
	err := httpstore.List(ctx, prefix, after, b.page, func(o objstore.Object) error {
		stop = yield(o)
		return stop
	})
	if stop != nil {
		return stop
	}
	return b.fail("list", "", err)
}

// page is one answer of ListObjectsV2. Only a page that says it is the last is
// the last: the SDK reads an empty answer, as a proxy may give it, as a page
// without keys.
func (b *bucket) page(ctx context.Context, prefix, after string, delimiter bool, token string) (httpstore.Page, error) {
	in := &s3.ListObjectsV2Input{Bucket: &b.name, Prefix: optional(prefix), StartAfter: optional(after), ContinuationToken: optional(token),
		EncodingType: types.EncodingTypeUrl}
	if delimiter {
		in.Delimiter = aws.String("/")
	}
	out, err := b.client.ListObjectsV2(ctx, in)
	if err != nil {
		return httpstore.Page{}, err
	}
	if out.IsTruncated == nil {
		return httpstore.Page{}, errNotS3
	}
	page := httpstore.Page{Objects: make([]objstore.Object, len(out.Contents))}
	for i := range out.Contents {
		if page.Objects[i], err = listed(&out.Contents[i], out.EncodingType); err != nil {
			return httpstore.Page{}, err
		}
	}
	for _, p := range out.CommonPrefixes {
		dir, err := decodeKey(p.Prefix, out.EncodingType)
		if err != nil {
			return httpstore.Page{}, err
		}
		page.Prefixes = append(page.Prefixes, dir)
	}
	if *out.IsTruncated {
		if page.Next = aws.ToString(out.NextContinuationToken); page.Next == "" || page.Next == token {
			return httpstore.Page{}, &objstore.Error{Kind: objstore.KindTransient, Err: errNoWayOn}
		}
	}
	return page, nil
}

// decodeKey reads a key of a listing. A store that does not know the encoding
// does not echo it, and its keys are plain.
func decodeKey(s *string, encoding types.EncodingType) (string, error) {
	if encoding != types.EncodingTypeUrl {
		return aws.ToString(s), nil
	}
	key, err := url.QueryUnescape(aws.ToString(s))
	if err != nil {
		return "", fmt.Errorf("the listing holds the unreadable key %q: %w", aws.ToString(s), err)
	}
	return key, nil
}

// listed describes an entry of a listing.
func listed(entry *types.Object, encoding types.EncodingType) (objstore.Object, error) {
	key, err := decodeKey(entry.Key, encoding)
	if err != nil {
		return objstore.Object{}, err
	}
	size := aws.ToInt64(entry.Size)
	return objstore.Object{
		Key:      key,
		Size:     size,
		Version:  versionOf(entry.ETag, size, entry.LastModified),
		Modified: aws.ToTime(entry.LastModified),
	}, nil
}
