package file

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/skyctl/skyctl/agent/objstore"
)

// Sweep implements objstore.Sweeper. It removes the run's temporaries in these
// directories, whatever key they are of; those of other runs it leaves alone.
func (b *bucket) Sweep(ctx context.Context, dirs []string) error {
	var failed error
	for _, dir := range dirs {
		if err := ctx.Err(); err != nil {
			return b.fail("sweep", "", objstore.KindTransient, err)
		}
		if dir != "" && (dir[len(dir)-1] != '/' || checkKey(dir+"x") != nil) {
			continue // nothing could be written there
		}
		if err := b.sweep(ctx, dir); failed == nil {
			failed = err // the others are swept all the same
		}
	}
	return failed
}

func (b *bucket) sweep(ctx context.Context, dir string) error {
	d, err := b.openDir(dir+"x", false)
	if err == nil {
		defer d.Close()
		err = d.temps(ctx, func(name string, t temp) error {
			if t.run != b.run {
				return nil
			}
			if err := d.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("its temporary %s is left behind: %w", name, err)
			}
			return nil
		})
	}
	if err = b.failRead("sweep", dir, err); objstore.KindOf(err) == objstore.KindNotFound {
		return nil
	}
	return err
}

// temps calls yield with the temporaries in the directory.
func (d directory) temps(ctx context.Context, yield func(name string, t temp) error) error {
	f, err := d.Open(".")
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		names, err := f.Readdirnames(listBatch)
		for _, name := range names {
			if t, ok := parseTemp(name); ok {
				if err := yield(name, t); err != nil {
					return err
				}
			}
		}
		if err == io.EOF {
			return nil
		}
		if err = cmp.Or(err, ctx.Err()); err != nil {
			return err
		}
	}
}
