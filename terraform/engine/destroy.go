package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-exec/tfexec"
)

// RemainingError says that a destroy left something behind.
type RemainingError struct {
	Resources []string // addresses in the state; empty if not even that could be read
	Err       error    // why
}

func (e *RemainingError) Error() string {
	if len(e.Resources) == 0 {
		return fmt.Sprintf("resources may be left: %v", e.Err)
	}
	return fmt.Sprintf("%d resources are left (%s): %v", len(e.Resources), strings.Join(e.Resources, ", "), e.Err)
}

func (e *RemainingError) Unwrap() error { return e.Err }

// Destroy destroys everything in the state. If that fails as a whole, each
// module, that is each region, is destroyed by itself, without asking its cloud
// first what exists, and without those that refer to it: one read that fails
// would fail a whole destroy, and one cloud's outage must not keep another's
// machines. The error is a *RemainingError if something is left, or may be.
func (e *Engine) Destroy(ctx context.Context) error {
	// A destroy by an older state could not be written either, and would take the
	// place of the newer one.
	if err := e.recover(ctx); err != nil {
		return &RemainingError{Err: err}
	}
	whole := e.destroy(ctx)
	if whole == nil {
		return nil
	}
	left, err := e.resources(ctx)
	if err != nil {
		return &RemainingError{Err: errors.Join(whole, err)}
	}
	if len(left) == 0 && isLocked(whole) {
		return &RemainingError{Err: whole} // whoever has the lock may be creating what is not in the state yet
	}
	var failed []error
	if err := e.isolate(ctx); err != nil {
		failed = append(failed, err) // regions may still be destroyed
	}
	for _, module := range modulesOf(left) {
		if ctx.Err() != nil {
			break
		}
		if err := e.destroy(ctx, tfexec.Target(module), tfexec.Refresh(false)); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", module, err))
		}
	}
	if left, err = e.resources(ctx); err != nil {
		return &RemainingError{Err: errors.Join(append(failed, whole, err)...)}
	}
	if len(left) == 0 {
		return nil
	}
	if len(failed) == 0 {
		failed = []error{whole}
	}
	remaining := &RemainingError{Err: errors.Join(failed...)}
	for _, r := range left {
		remaining.Resources = append(remaining.Resources, r.address)
	}
	return remaining
}

func (e *Engine) destroy(ctx context.Context, opts ...tfexec.DestroyOption) error {
	return e.run(ctx, "destroy", loud, func(tf *tfexec.Terraform) error {
		return tf.Destroy(ctx, append(opts, tfexec.LockTimeout(lockTimeout))...)
	})
}

// modulesOf returns the root's module calls that the resources belong to.
func modulesOf(resources []resource) []string {
	var modules []string
	for _, r := range resources {
		if r.module != "" && !slices.Contains(modules, r.module) {
			modules = append(modules, r.module)
		}
	}
	return modules
}
