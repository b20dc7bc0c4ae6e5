package gcs

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/api/iterator"

	"github.com/skyctl/skyctl/agent/objstore"
)

// Uploads finds what Begin of this run has left for the key, in one listing
// of names that start with the run and the key. A folder whose upload object
// is gone is what an Abort left that was cut short.
func (b *bucket) Uploads(ctx context.Context, key string, since time.Time) ([]objstore.Upload, error) {
	if err := b.checkKey("list uploads", key); err != nil {
		return nil, err
	}
	begun, err := b.begun(ctx, temporary+b.folderPrefix(key))
	if err != nil {
		return nil, b.fail("list uploads", key, err)
	}
	var uploads []objstore.Upload
	for _, id := range slices.Sorted(maps.Keys(begun)) {
		if begun[id].Before(since.Add(-clockDifference)) {
			continue
		}
		up := objstore.Upload{Key: key, ID: id}
		_, u, err := b.describedUpload(ctx, up)
		if err != nil && err != errNoUpload {
			return nil, b.fail("list uploads", key, err)
		}
		up.Size = u.Size
		uploads = append(uploads, up)
	}
	return uploads, nil
}

// clockDifference is how far the store's clock may be behind the caller's.
const clockDifference = time.Minute

// begun returns the uploads with temporary objects of this prefix, by ID, and
// when the first of what is there was made.
func (b *bucket) begun(ctx context.Context, prefix string) (map[string]time.Time, error) {
	it, err := b.listing(ctx, prefix)
	if err != nil {
		return nil, err
	}
	begun := map[string]time.Time{}
	for {
		a, err := it.Next()
		if err == iterator.Done {
			return begun, nil
		}
		if err != nil {
			return nil, err
		}
		run, name, _ := strings.Cut(strings.TrimPrefix(a.Name, temporary), "/")
		upload, _, _ := strings.Cut(name, "/")
		id := run + "/" + upload
		if first, ok := begun[id]; uploadID.MatchString(id) && (!ok || a.Created.Before(first)) {
			begun[id] = a.Created
		}
	}
}
