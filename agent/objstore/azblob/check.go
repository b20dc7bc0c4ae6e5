package azblob

import (
	"context"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"golang.org/x/sync/errgroup"

	"github.com/skyctl/skyctl/agent/objstore"
)

// defaultCheckTimeout is how long Check waits for an endpoint that accepts
// connections and says nothing.
const defaultCheckTimeout = 10 * time.Second

// Check lists at most one key, which a caller may do who may read one. What
// else it asks for needs more rights, and is left out where they are missing.
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
	one := int32(1)
	page, err := b.container.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{MaxResults: &one}).NextPage(ctx)
	if err != nil {
		return about, err
	}
	if !complete(page) {
		return about, errNotAzure
	}
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		about.Warnings, err = b.warnings(gctx)
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
	return about, group.Wait()
}

// warnings are about what stays and is billed although nobody sees it. Whether
// the account keeps versions is known to Resource Manager only.
func (b *bucket) warnings(ctx context.Context) ([]string, error) {
	var warnings []string
	kept, err := retained(ctx, b.container)
	switch {
	case refused(err):
		warnings = append(warnings, fmt.Sprintf(
			"%s does not show its settings to these credentials: what a transfer that is given up has sent stays, unseen and billed, for up to a week.", b.url()))
	case err != nil:
		return nil, err
	case kept:
		warnings = append(warnings, fmt.Sprintf(
			"%s is immutable: nothing that is written can be replaced or deleted while its policy or hold lasts, and what a transfer that is given up has sent stays, unseen and billed, for up to a week.", b.url()))
	}
	account, err := b.account.GetProperties(ctx, nil)
	switch {
	case refused(err):
		return warnings, nil
	case err != nil:
		return nil, err
	}
	if p := account.DeleteRetentionPolicy; p != nil && deref(p.Enabled) {
		warnings = append(warnings, fmt.Sprintf(
			"%s keeps and bills what is deleted or overwritten for %d days (soft delete).", b.url(), deref(p.Days)))
	}
	return warnings, nil
}
