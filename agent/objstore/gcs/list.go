package gcs

import (
	"context"
	"strings"

	"cloud.google.com/go/storage"
	"google.golang.org/api/iterator"

	"github.com/skyctl/skyctl/agent/objstore"
)

// List follows the pages of the listing. Metadata is not asked for: it would
// make the answers several times longer.
func (b *bucket) List(ctx context.Context, prefix string, yield func(objstore.Object) error) error {
	it, err := b.listing(ctx, prefix)
	if err != nil {
		return b.fail("list", "", err)
	}
	for {
		entry, err := it.Next()
		if err == iterator.Done {
			return nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return b.fail("list", "", err)
		}
		if strings.HasPrefix(entry.Name, temporary) {
			continue
		}
		if err := yield(described(entry)); err != nil {
			return err
		}
	}
}

// listing lists what is live.
func (b *bucket) listing(ctx context.Context, prefix string) (*storage.ObjectIterator, error) {
	query := &storage.Query{Prefix: prefix, Projection: storage.ProjectionNoACL}
	if err := query.SetAttrSelection([]string{"Name", "Size", "Generation", "Updated", "CRC32C"}); err != nil {
		return nil, err
	}
	return b.handle.Objects(ctx, query), nil
}
