package azblob

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/internal/httpstore"
)

// List lists several parts of the container at once where it is listed in the
// order of bytes. Azure promises only "alphabetical": emulators go by UTF-16,
// and an account with a hierarchical namespace by directory. What is not in the
// order of bytes is listed in turn, from where that was noticed.
func (b *bucket) List(ctx context.Context, prefix, after string, yield func(objstore.Object) error) error {
	var refused error
	counted := func(obj objstore.Object) error {
		after = obj.Key
		refused = yield(obj)
		return refused
	}
	err := httpstore.List(ctx, prefix, after, b.page, counted)
	if errors.Is(err, errDirectories) || errors.Is(err, httpstore.ErrUnordered) {
		err = b.listInTurn(ctx, prefix, after, counted)
	}
	if err != nil && err == refused {
		return err
	}
	return b.fail("list", "", err)
}

// errDirectories is for accounts with a hierarchical namespace.
var errDirectories = errors.New("the account lists by directory")

// listInTurn is List page by page.
func (b *bucket) listInTurn(ctx context.Context, prefix, after string, yield func(objstore.Object) error) error {
	pager := b.container.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{Prefix: optional(prefix), StartFrom: optional(after)})
	for pager.More() {
		answer, err := pager.NextPage(ctx)
		if err != nil {
			return err
		}
		objects, err := objectsOf(answer, after)
		if err != nil {
			return err
		}
		for _, obj := range objects {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := yield(obj); err != nil {
				return err
			}
		}
	}
	return nil
}

// page is one answer to a listing. Only a page that says it is the last ends
// the listing well: the SDK reads an empty answer, as a proxy may give it, as a
// page without blobs.
func (b *bucket) page(ctx context.Context, prefix, after string, delimiter bool, token string) (httpstore.Page, error) {
	if delimiter {
		return b.pageOfDirectory(ctx, prefix, after)
	}
	answer, err := b.container.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{
		Prefix: optional(prefix), StartFrom: optional(after), Marker: optional(token), MaxResults: b.pageSize}).NextPage(ctx)
	if err != nil {
		return httpstore.Page{}, err
	}
	objects, err := objectsOf(answer, after)
	if err == nil && hierarchical(answer) {
		err = errDirectories
	}
	return httpstore.Page{Objects: objects, Next: deref(answer.NextMarker)}, err
}

// pageOfDirectory returns the directories of a page. Those with letters behind
// U+D7FF are no good to divide by: bytes and UTF-16 disagree on what is before
// them.
func (b *bucket) pageOfDirectory(ctx context.Context, prefix, after string) (httpstore.Page, error) {
	answer, err := b.container.NewListBlobsHierarchyPager("/", &container.ListBlobsHierarchyOptions{
		Prefix: optional(prefix), StartFrom: optional(after)}).NextPage(ctx)
	if err != nil {
		return httpstore.Page{}, err
	}
	if answer.ServiceEndpoint == nil || answer.Segment == nil || answer.NextMarker == nil {
		return httpstore.Page{}, errNotAzure
	}
	var page httpstore.Page
	for _, p := range answer.Segment.BlobPrefixes {
		if name := deref(p.Name); !strings.ContainsFunc(name, func(r rune) bool { return r > '\uD7FF' }) {
			page.Prefixes = append(page.Prefixes, name)
		}
	}
	return page, nil
}

// objectsOf returns the objects of a page that are not after itself: the
// service begins with it, and one that begins before it would list everything
// twice. The directories that an account with a hierarchical namespace lists
// among its blobs are not objects.
func objectsOf(answer container.ListBlobsFlatResponse, after string) ([]objstore.Object, error) {
	if !complete(answer) {
		return nil, errNotAzure
	}
	objects := make([]objstore.Object, 0, len(answer.Segment.BlobItems))
	for _, item := range answer.Segment.BlobItems {
		if item.Name == nil || item.Properties == nil || item.Properties.ContentLength == nil || item.Properties.ETag == nil {
			return nil, &objstore.Error{Kind: objstore.KindTransient, Err: errors.New("the listing holds a blob without name, length or ETag")}
		}
		if precedes(*item.Name, after) {
			return nil, &objstore.Error{Kind: objstore.KindUnsupported, Err: errors.New("the store ignores startFrom, which Azure knows since version 2026-02-06; update the emulator")}
		}
		if *item.Name == after || deref(item.Properties.ResourceType) == "directory" {
			continue
		}
		objects = append(objects, objstore.Object{
			Key:      *item.Name,
			Size:     *item.Properties.ContentLength,
			Version:  versionOf(item.Properties.ETag),
			Modified: deref(item.Properties.LastModified),
		})
	}
	return objects, nil
}

// precedes tells whether a is before b in every order that stores list in: of
// bytes, of UTF-16, and by directory.
func precedes(a, b string) bool {
	byDirectory := strings.NewReplacer("/", "\x00")
	return a < b && byDirectory.Replace(a) < byDirectory.Replace(b) && slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b))) < 0
}

// hierarchical tells whether the account has directories: only then do entries
// say whether they are one.
func hierarchical(answer container.ListBlobsFlatResponse) bool {
	for _, item := range answer.Segment.BlobItems {
		if item.Properties.ResourceType != nil {
			return true
		}
	}
	return false
}

// complete tells whether a page has what each page has, the last with an empty
// marker.
func complete(answer container.ListBlobsFlatResponse) bool {
	return answer.ServiceEndpoint != nil && answer.Segment != nil && answer.NextMarker != nil
}
