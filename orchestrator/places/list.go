package places

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/failure"
)

// List calls yield for the objects below a URL. Without recursive it stops at
// the next slash, and yields what lies behind one as an object of no size whose
// key ends in the slash.
func List(ctx context.Context, c *config.Config, env config.LookupEnv, url string, recursive bool, yield func(objstore.Object) error) (err error) {
	l, err := c.Resolve(url, env)
	if err != nil {
		return &failure.UsageError{Err: err}
	}
	if l.IsDir() {
		l = l.Directory()
	}
	b, _, err := OpenSource(ctx, l)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	last, found := "", false
	err = b.List(ctx, l.Key, "", func(x objstore.Object) error {
		found = true
		if i := strings.IndexByte(x.Key[len(l.Key):], '/'); !recursive && i >= 0 {
			x = objstore.Object{Key: x.Key[:len(l.Key)+i+1]}
			if x.Key == last {
				return nil
			}
			last = x.Key
		}
		return yield(x)
	})
	if objstore.KindOf(err) != objstore.KindUnknown {
		return Refused(err, l)
	}
	// A bucket may be empty; a prefix exists by what is below it.
	if err == nil && !found && l.Key != "" {
		return &failure.PreconditionError{Err: fmt.Errorf("nothing was found at %s", url), Hint: "check the prefix; skyctl ls of the bucket shows what there is"}
	}
	return err
}
