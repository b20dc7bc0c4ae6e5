package objstore

import (
	"context"
	"errors"
)

// Sweep calls Sweep of a bucket that is a Sweeper; another one needs none, and
// that is KindUnsupported.
func Sweep(ctx context.Context, b Bucket, dirs []string) error {
	if s, ok := b.(Sweeper); ok {
		return s.Sweep(ctx, dirs)
	}
	return &Error{Op: "sweep", Kind: KindUnsupported, Err: errors.New("nothing is ever left there")}
}
