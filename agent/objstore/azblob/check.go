package azblob

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"golang.org/x/sync/errgroup"

	"github.com/skyctl/skyctl/agent/objstore"
)

// defaultCheckTimeout is how long Check waits for an endpoint that accepts
// connections and says nothing.
const defaultCheckTimeout = 10 * time.Second

// Check asks for the properties of the container. A caller who may not see them,
// as with a token for the container, lists at most one key instead, which takes
// an emulator seconds in a large container. What else it asks for needs more
// rights, and is left out where they are missing.
func (b *bucket) Check(ctx context.Context) (objstore.About, error) {
	limited, cancel := context.WithTimeout(ctx, b.checkTimeout)
	defer cancel()
	about, err := b.about(limited)
	switch {
	case err != nil && limited.Err() != nil && ctx.Err() == nil:
		return about, b.failKind("check", "", objstore.KindUnreachable, fmt.Errorf("no answer within %v", b.checkTimeout))
	case err != nil:
		return about, b.fail("check", "", err)
	}
	return about, nil
}

// about answers with the SDK's error.
func (b *bucket) about(ctx context.Context) (about objstore.About, err error) {
	var ofContainer, ofAccount []string
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		ofContainer, err = b.containerWarnings(gctx)
		return err
	})
	group.Go(func() (err error) {
		ofAccount, err = b.accountWarnings(gctx)
		return err
	})
	group.Go(func() (err error) {
		about.Hidden, err = b.hidden(gctx)
		return err
	})
	if b.region != nil {
		// An identity that Resource Manager refuses may well own the data.
		group.Go(func() error {
			if region, err := b.region(gctx); err == nil && region != "" {
				about.Regions = []string{region}
			}
			return gctx.Err()
		})
	}
	err = group.Wait()
	about.Warnings = append(ofContainer, ofAccount...)
	return about, err
}

// containerWarnings sees that the container answers, and warns of what stays
// and is billed although nobody sees it.
func (b *bucket) containerWarnings(ctx context.Context) ([]string, error) {
	properties, err := b.container.GetProperties(ctx, nil)
	switch {
	case refused(err):
		if err := b.answers(ctx); err != nil {
			return nil, err
		}
		return []string{fmt.Sprintf(
			"%s does not show its settings to these credentials: what a transfer that is given up has sent stays, unseen and billed, for up to a week.", b.url())}, nil
	case err != nil:
		return nil, err
	case properties.ETag == nil:
		return nil, errNotAzure
	case keeps(properties):
		return []string{fmt.Sprintf(
			"%s is immutable: nothing that is written can be replaced or deleted while its policy or hold lasts, and what a transfer that is given up has sent stays, unseen and billed, for up to a week.", b.url())}, nil
	}
	return nil, nil
}

// answers lists at most one key.
func (b *bucket) answers(ctx context.Context) error {
	one := int32(1)
	page, err := b.container.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{MaxResults: &one}).NextPage(ctx)
	if err == nil && !complete(page) {
		err = errNotAzure
	}
	return err
}

// accountWarnings are about all containers of the account. Whether it keeps
// versions is known to Resource Manager only.
func (b *bucket) accountWarnings(ctx context.Context) ([]string, error) {
	account, err := b.account.GetProperties(ctx, nil)
	switch {
	case refused(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	if p := account.DeleteRetentionPolicy; p != nil && deref(p.Enabled) {
		return []string{fmt.Sprintf(
			"%s keeps and bills what is deleted or overwritten for %d days (soft delete).", b.url(), deref(p.Days))}, nil
	}
	return nil, nil
}

// hidden finds out whether tags are shown, by asking for those of a blob that
// does not exist: whoever may see them is told that it does not. To others Azure
// may not even say that a blob has some, and then none is missed.
func (b *bucket) hidden(ctx context.Context) ([]string, error) {
	_, err := b.blob("skyctl-"+rand.Text()).GetTags(ctx, nil)
	if !refused(err) {
		return nil, ctx.Err()
	}
	return []string{fmt.Sprintf(
		"%s does not show tags to these credentials (blobs/tags/read, or t in a token): if its blobs have any, a copy has none, and its result may not say of which.", b.url())}, nil
}
