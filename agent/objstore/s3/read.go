package s3

import (
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

func (b *bucket) Stat(ctx context.Context, key string) (objstore.Object, error) {
	if err := b.checkKey("stat", key); err != nil {
		return objstore.Object{}, err
	}
	out, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.name, Key: &key, ChecksumMode: types.ChecksumModeEnabled})
	if err != nil {
		return objstore.Object{}, b.fail("stat", key, err)
	}
	size := aws.ToInt64(out.ContentLength)
	return objstore.Object{
		Key:      key,
		Size:     size,
		Version:  versionOf(out.ETag, size, out.LastModified),
		Modified: aws.ToTime(out.LastModified),
		CRC32C:   wholeDigest(out.ChecksumCRC32C, out.ChecksumType),
		Metadata: objstore.Metadata{
			ContentType:        aws.ToString(out.ContentType),
			ContentEncoding:    aws.ToString(out.ContentEncoding),
			ContentDisposition: aws.ToString(out.ContentDisposition),
			ContentLanguage:    aws.ToString(out.ContentLanguage),
			CacheControl:       aws.ToString(out.CacheControl),
			User:               decodeUser(out.Metadata),
		},
	}, nil
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
	out, err := b.client.GetObject(ctx, in)
	if err != nil {
		return nil, objstore.Object{}, b.fail("open", key, err)
	}
	obj, err := opened(key, version, r, out)
	if err != nil {
		out.Body.Close()
		return nil, objstore.Object{}, b.fail("open", key, err)
	}
	return &reader{bucket: b, key: key, body: out.Body, rest: r.Length}, obj, nil
}

// opened describes the object of a GET, if it is what was asked for. Stores
// that ignore If-Match or Range are caught here.
func opened(key string, version objstore.Version, r chunk.Range, out *s3.GetObjectOutput) (objstore.Object, error) {
	got, size := chunk.Range{Length: aws.ToInt64(out.ContentLength)}, aws.ToInt64(out.ContentLength)
	if out.ContentRange != nil {
		var err error
		if got, size, err = parseContentRange(*out.ContentRange); err != nil {
			return objstore.Object{}, err
		}
	}
	obj := objstore.Object{
		Key:      key,
		Size:     size,
		Version:  versionOf(out.ETag, size, out.LastModified),
		Modified: aws.ToTime(out.LastModified),
		Metadata: objstore.Metadata{
			ContentType:        aws.ToString(out.ContentType),
			ContentEncoding:    aws.ToString(out.ContentEncoding),
			ContentDisposition: aws.ToString(out.ContentDisposition),
			ContentLanguage:    aws.ToString(out.ContentLanguage),
			CacheControl:       aws.ToString(out.CacheControl),
			User:               decodeUser(out.Metadata),
		},
	}
	if r.Offset == 0 && r.Length == size {
		obj.CRC32C = wholeDigest(out.ChecksumCRC32C, out.ChecksumType)
	}
	switch {
	case version != "" && obj.Version != version:
		return obj, &objstore.Error{Kind: objstore.KindPrecondition, Err: fmt.Errorf("the object is version %s, wanted was %s", obj.Version, version)}
	case r.End() > size:
		return obj, &objstore.Error{Kind: objstore.KindPrecondition, Err: fmt.Errorf("the object has %d bytes, wanted were %d from %d", size, r.Length, r.Offset)}
	case r.Length > 0 && got != r:
		return obj, &objstore.Error{Kind: objstore.KindUnsupported, Err: errors.New("the store ignores the range of a read")}
	}
	return obj, nil
}

// parseContentRange reads "bytes FIRST-LAST/SIZE".
func parseContentRange(s string) (r chunk.Range, size int64, err error) {
	var last int64
	if _, err := fmt.Sscanf(s, "bytes %d-%d/%d", &r.Offset, &last, &size); err != nil {
		return r, 0, fmt.Errorf("the store answers with the unreadable Content-Range %q: %w", s, err)
	}
	r.Length = last - r.Offset + 1
	return r, size, nil
}

// reader yields exactly the range that was asked for, or an error.
type reader struct {
	bucket *bucket
	key    string
	body   io.ReadCloser
	rest   int64
}

func (r *reader) Read(p []byte) (int, error) {
	if r.rest == 0 {
		return 0, io.EOF
	}
	n, err := r.body.Read(p[:min(int64(len(p)), r.rest)])
	r.rest -= int64(n)
	switch {
	case err == nil, r.rest == 0:
		return n, nil
	case err == io.EOF:
		err = io.ErrUnexpectedEOF
	}
	return n, r.bucket.fail("read", r.key, err)
}

func (r *reader) Close() error { return r.body.Close() }
