package azblob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

func (b *bucket) Stat(ctx context.Context, key string) (objstore.Object, error) {
	if err := b.checkKey("stat", key); err != nil {
		return objstore.Object{}, err
	}
	obj, err := b.properties(ctx, key, "")
	return obj, b.fail("stat", key, err)
}

// properties asks for the blob without its bytes.
func (b *bucket) properties(ctx context.Context, key string, version objstore.Version) (objstore.Object, error) {
	out, err := b.blob(key).GetProperties(ctx, &blob.GetPropertiesOptions{AccessConditions: ifVersion(version)})
	if err != nil {
		return objstore.Object{}, err
	}
	if out.ContentLength == nil || out.ETag == nil {
		return objstore.Object{}, errNotAzure
	}
	return objstore.Object{
		Key:      key,
		Size:     *out.ContentLength,
		Version:  versionOf(out.ETag),
		Modified: deref(out.LastModified),
		Metadata: objstore.Metadata{
			ContentType:        deref(out.ContentType),
			ContentEncoding:    deref(out.ContentEncoding),
			ContentDisposition: deref(out.ContentDisposition),
			ContentLanguage:    deref(out.ContentLanguage),
			CacheControl:       deref(out.CacheControl),
			User:               decodeUser(out.Metadata),
		},
	}, nil
}

func (b *bucket) Open(ctx context.Context, key string, version objstore.Version, r chunk.Range) (io.ReadCloser, objstore.Object, error) {
	if err := b.checkKey("open", key); err != nil {
		return nil, objstore.Object{}, err
	}
	if r.Length == 0 { // no request asks for no bytes
		obj, err := b.properties(ctx, key, version)
		if err == nil {
			err = within(obj, version, r)
		}
		return http.NoBody, obj, b.fail("open", key, err)
	}
	out, err := b.blob(key).DownloadStream(ctx, &blob.DownloadStreamOptions{
		Range: blob.HTTPRange{Offset: r.Offset, Count: r.Length}, AccessConditions: ifVersion(version)})
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

// opened describes the blob of a GET, if it is what was asked for. Stores that
// ignore If-Match or the range are caught here.
func opened(key string, version objstore.Version, r chunk.Range, out blob.DownloadStreamResponse) (objstore.Object, error) {
	got, size := chunk.Range{Length: deref(out.ContentLength)}, deref(out.ContentLength)
	if out.ContentRange != nil {
		var err error
		if got, size, err = parseContentRange(*out.ContentRange); err != nil {
			return objstore.Object{}, err
		}
	}
	obj := objstore.Object{
		Key:      key,
		Size:     size,
		Version:  versionOf(out.ETag),
		Modified: deref(out.LastModified),
		Metadata: objstore.Metadata{
			ContentType:        deref(out.ContentType),
			ContentEncoding:    deref(out.ContentEncoding),
			ContentDisposition: deref(out.ContentDisposition),
			ContentLanguage:    deref(out.ContentLanguage),
			CacheControl:       deref(out.CacheControl),
			User:               decodeUser(out.Metadata),
		},
	}
	if err := within(obj, version, r); err != nil {
		return obj, err
	}
	if got != r {
		return obj, &objstore.Error{Kind: objstore.KindUnsupported, Err: errors.New("the store ignores the range of a read")}
	}
	return obj, nil
}

// within holds a blob against what a reader wants of it.
func within(obj objstore.Object, version objstore.Version, r chunk.Range) error {
	switch {
	case version != "" && obj.Version != version:
		return &objstore.Error{Kind: objstore.KindPrecondition, Err: fmt.Errorf("the object is version %s, wanted was %s", obj.Version, version)}
	case r.End() > obj.Size:
		return &objstore.Error{Kind: objstore.KindPrecondition, Err: fmt.Errorf("the object has %d bytes, wanted were %d from %d", obj.Size, r.Length, r.Offset)}
	}
	return nil
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
