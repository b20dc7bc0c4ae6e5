package gcs

import (
	"context"
	"strings"

	"cloud.google.com/go/storage"
	"google.golang.org/api/iterator"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/internal/httpstore"
)

// pageSize is the largest page of a listing.
const pageSize = 1000

// List leaves out the metadata, which would make the answers several times
// longer, and the temporary objects.
func (b *bucket) List(ctx context.Context, prefix, after string, yield func(objstore.Object) error) error {
	var refused error
	err := httpstore.List(ctx, prefix, after, b.page, func(obj objstore.Object) error {
		refused = yield(obj)
		return refused
	})
	if err != nil && err == refused {
		return err
	}
	return b.fail("list", "", err)
}

// page is one answer to a listing of what is live.
func (b *bucket) page(ctx context.Context, prefix, after string, delimiter bool, token string) (httpstore.Page, error) {
	var page httpstore.Page
	query, err := b.query(prefix)
	if err != nil {
		return page, err
	}
	query.StartOffset = after
	if delimiter {
		query.Delimiter = "/"
	}
	it := b.handle.Objects(oneListing(ctx), query)
	it.PageInfo().Token, it.PageInfo().MaxSize = token, pageSize
	for {
		entry, err := it.Next()
		if err == iterator.Done {
			return page, nil
		}
		if err != nil {
			return page, err
		}
		switch {
		case strings.HasPrefix(entry.Name, temporary), strings.HasPrefix(entry.Prefix, temporary):
		case entry.Prefix != "":
			page.Prefixes = append(page.Prefixes, entry.Prefix)
		case entry.Name > after:
			page.Objects = append(page.Objects, described(entry))
		}
		if it.PageInfo().Remaining() == 0 { // the next one is of another answer
			page.Next = it.PageInfo().Token
			return page, nil
		}
	}
}

// query asks for what every listing here needs.
func (b *bucket) query(prefix string) (*storage.Query, error) {
	query := &storage.Query{Prefix: prefix, Projection: storage.ProjectionNoACL}
	return query, query.SetAttrSelection([]string{"Name", "Size", "Generation", "Updated", "Created", "CRC32C"})
}

// listing lists what is live, in turn.
func (b *bucket) listing(ctx context.Context, prefix string) (*storage.ObjectIterator, error) {
	query, err := b.query(prefix)
	return b.handle.Objects(oneListing(ctx), query), err
}
