package azblob

import (
	"context"
	"errors"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/skyctl/skyctl/agent/objstore"
)

// List follows the pages of List Blobs. Only a page that says it is the last
// ends the listing well: the SDK reads an empty answer, as a proxy may give
// it, as a page without blobs. The directories that an account with a
// hierarchical namespace lists among its blobs are not objects.
func (b *bucket) List(ctx context.Context, prefix string, yield func(objstore.Object) error) error {
	pager := b.container.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{Prefix: optional(prefix)})
	for pager.More() {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return b.fail("list", "", err)
		}
		if !complete(page) {
			return b.fail("list", "", errNotAzure)
		}
		for _, item := range page.Segment.BlobItems {
			if err := ctx.Err(); err != nil {
				return b.fail("list", "", err)
			}
			if item.Name == nil || item.Properties == nil || item.Properties.ContentLength == nil || item.Properties.ETag == nil {
				return b.failKind("list", "", objstore.KindTransient, errors.New("the listing holds a blob without name, length or ETag"))
			}
			if deref(item.Properties.ResourceType) == "directory" {
				continue
			}
			obj := objstore.Object{
				Key:      *item.Name,
				Size:     *item.Properties.ContentLength,
				Version:  versionOf(item.Properties.ETag),
				Modified: deref(item.Properties.LastModified),
			}
			if err := yield(obj); err != nil {
				return err
			}
		}
	}
	return nil
}

// complete tells whether a page has what each page has, the last with an empty
// marker.
func complete(page container.ListBlobsFlatResponse) bool {
	return page.ServiceEndpoint != nil && page.Segment != nil && page.NextMarker != nil
}
