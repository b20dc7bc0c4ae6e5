package s3

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/skyctl/skyctl/agent/objstore"
)

// Abort may have to be repeated while parts are still being written: S3 keeps
// those that arrive after it. The transfer aborts when no write is in flight.
func (b *bucket) Abort(ctx context.Context, up objstore.Upload) error {
	_, id, ok := parseUploadID(up.ID)
	if !ok {
		return nil
	}
	_, err := b.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &b.name, Key: &up.Key, UploadId: &id})
	if hasCode(err, "NoSuchUpload") {
		return nil
	}
	return b.fail("abort", up.Key, err)
}

// clockTolerance is how far the store's clock may be behind ours.
const clockTolerance = time.Minute

// Uploads finds the uploads of a key by when they were begun and by whom. An
// upload that is found may be aborted; to go on with it, one has to know its
// checksums, which only some stores tell.
//
// Who began it is known at Amazon only, where STS says who we are: there an
// upload of somebody else is never found. Elsewhere, and where STS cannot be
// reached, key and time decide alone, and another program that began to write
// the same key since then loses its upload.
func (b *bucket) Uploads(ctx context.Context, key string, since time.Time) ([]objstore.Upload, error) {
	if err := b.checkKey("list uploads", key); err != nil {
		return nil, err
	}
	in := &s3.ListMultipartUploadsInput{Bucket: &b.name, Prefix: &key, EncodingType: types.EncodingTypeUrl}
	var found []objstore.Upload
	for {
		page, err := b.client.ListMultipartUploads(ctx, in)
		if err != nil {
			return nil, b.fail("list uploads", key, err)
		}
		for _, u := range page.Uploads {
			name, err := decodeKey(u.Key, page.EncodingType)
			if err != nil {
				return nil, b.fail("list uploads", key, err)
			}
			if name == key && !aws.ToTime(u.Initiated).Before(since.Add(-clockTolerance)) && b.mine(ctx, u.Initiator) {
				mode := agreedMode(u.ChecksumAlgorithm, u.ChecksumType)
				found = append(found, objstore.Upload{Key: key, ID: mode.uploadID(aws.ToString(u.UploadId))})
			}
		}
		if !aws.ToBool(page.IsTruncated) {
			return found, nil
		}
		marker, err := decodeKey(page.NextKeyMarker, page.EncodingType)
		if err != nil {
			return nil, b.fail("list uploads", key, err)
		}
		if marker > key {
			return found, nil // the rest are of keys that only start with this one
		}
		if marker == aws.ToString(in.KeyMarker) && aws.ToString(page.NextUploadIdMarker) == aws.ToString(in.UploadIdMarker) {
			return nil, b.failKind("list uploads", key, objstore.KindTransient, errNoWayOn)
		}
		in.KeyMarker, in.UploadIdMarker = &marker, page.NextUploadIdMarker
	}
}
