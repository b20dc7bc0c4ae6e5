package gcs

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/storage"
	"google.golang.org/api/iterator"

	"github.com/skyctl/skyctl/agent/objstore"
)

// defaultCheckTimeout is how long Check waits for an endpoint that accepts
// connections and says nothing.
const defaultCheckTimeout = 10 * time.Second

// Check lists at most one key, which needs no right beyond those of a transfer,
// and asks for the settings of the bucket. Who may not see them is told what
// that leaves unknown. An emulator's location means nothing.
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

// answers lists at most one key with the prefix. The error is the SDK's.
func (b *bucket) answers(ctx context.Context, prefix string) error {
	it, err := b.listing(ctx, prefix)
	if err != nil {
		return err
	}
	it.PageInfo().MaxSize = 1
	if _, err := it.Next(); err != nil && err != iterator.Done {
		return err
	}
	return nil
}

// about answers with the SDK's error.
func (b *bucket) about(ctx context.Context) (objstore.About, error) {
	if err := b.answers(ctx, ""); err != nil {
		return objstore.About{}, err
	}
	a, err := b.handle.Attrs(ctx)
	if kindOf(err) == objstore.KindPermission {
		return objstore.About{Warnings: []string{fmt.Sprintf(
			"%s does not show its settings (storage.buckets.get): where it is must be configured, and what a soft delete or retention policy adds to the bill is unknown.", b.url())}}, nil
	}
	if err != nil {
		return objstore.About{}, err
	}
	about := objstore.About{Warnings: b.warnings(a)}
	if b.google {
		about.Regions = regionsOf(a)
	}
	return about, nil
}

// warnings are about temporary parts, which the user never sees otherwise.
func (b *bucket) warnings(a *storage.BucketAttrs) []string {
	var warnings []string
	parts := fmt.Sprintf("temporary parts below %s%s/", temporary, b.run)
	if p := a.SoftDeletePolicy; p != nil && p.RetentionDuration > 0 {
		warnings = append(warnings, fmt.Sprintf(
			"%s keeps and bills what is deleted for %s (soft delete): every object that is overwritten, and if a transfer is given up its %s.",
			b.url(), days(p.RetentionDuration), parts))
	}
	if p := a.RetentionPolicy; p != nil && p.RetentionPeriod > 0 {
		warnings = append(warnings, fmt.Sprintf(
			"%s keeps and bills every object for %s (retention policy), so %s could not be removed: only objects of one chunk can be written, and none overwritten.",
			b.url(), days(p.RetentionPeriod), parts))
	}
	if a.DefaultEventBasedHold {
		warnings = append(warnings, fmt.Sprintf(
			"%s puts a hold on every new object, so %s could not be removed: only objects of one chunk can be written, and none overwritten.", b.url(), parts))
	}
	return warnings
}

// days says a duration as Google's console does.
func days(d time.Duration) string {
	const day = 24 * time.Hour
	switch n := d / day; {
	case d%day != 0:
		return d.String()
	case n == 1:
		return "1 day"
	default:
		return fmt.Sprintf("%d days", n)
	}
}
