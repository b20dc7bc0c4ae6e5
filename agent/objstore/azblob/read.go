package azblob

import (
	"context"
	"io"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/internal/httpstore"
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
	obj := objstore.Object{
		Key:      key,
		Size:     *out.ContentLength,
		Version:  versionOf(out.ETag),
		Modified: deref(out.LastModified),
		Metadata: httpstore.Unfold(objstore.Metadata{
			ContentType:        deref(out.ContentType),
			ContentEncoding:    deref(out.ContentEncoding),
			ContentDisposition: deref(out.ContentDisposition),
			ContentLanguage:    deref(out.ContentLanguage),
			CacheControl:       deref(out.CacheControl),
			User:               decodeUser(out.Metadata),
		}, spell),
	}
	if !deref(out.AccessTierInferred) { // else it is the account's default
		obj.Metadata.StorageClass = deref(out.AccessTier)
	}
	if deref(out.TagCount) > 0 {
		obj.Metadata.Tags, obj.Lost, err = b.tags(ctx, key, obj.Version)
	}
	return obj, err
}

// Open asks for the properties besides where the whole blob is read: the answer
// to a download has neither its tier nor its tags.
func (b *bucket) Open(ctx context.Context, key string, version objstore.Version, r chunk.Range) (io.ReadCloser, objstore.Object, error) {
	if err := b.checkKey("open", key); err != nil {
		return nil, objstore.Object{}, err
	}
	if r.Length == 0 { // no request asks for no bytes
		obj, err := b.properties(ctx, key, version)
		if err == nil {
			err = httpstore.Within(obj, version, r)
		}
		return http.NoBody, obj, b.fail("open", key, err)
	}
	out, err := b.blob(key).DownloadStream(ctx, &blob.DownloadStreamOptions{
		Range: blob.HTTPRange{Offset: r.Offset, Count: r.Length}, AccessConditions: ifVersion(version)})
	if err != nil {
		return nil, objstore.Object{}, b.fail("open", key, err)
	}
	obj, err := opened(key, version, r, out)
	if err == nil && r.Length == obj.Size {
		obj, err = b.properties(ctx, key, obj.Version)
	}
	if err != nil {
		out.Body.Close()
		return nil, objstore.Object{}, b.fail("open", key, err)
	}
	fail := func(err error) error { return b.fail("read", key, err) }
	return &httpstore.Body{Source: out.Body, Rest: r.Length, Fail: fail}, obj, nil
}

// opened describes the blob of a GET, if it is what was asked for. Stores that
// ignore If-Match or the range are caught here.
func opened(key string, version objstore.Version, r chunk.Range, out blob.DownloadStreamResponse) (objstore.Object, error) {
	got, size := chunk.Range{Length: deref(out.ContentLength)}, deref(out.ContentLength)
	if out.ContentRange != nil {
		var err error
		if got, size, err = httpstore.ParseContentRange(*out.ContentRange); err != nil {
			return objstore.Object{}, err
		}
	}
	obj := objstore.Object{Key: key, Size: size, Version: versionOf(out.ETag), Modified: deref(out.LastModified)}
	if err := httpstore.Within(obj, version, r); err != nil {
		return obj, err
	}
	if got != r {
		return obj, httpstore.ErrRangeIgnored
	}
	return obj, nil
}
