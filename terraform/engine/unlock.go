package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/hashicorp/terraform-exec/tfexec"

	"github.com/skyctl/skyctl/terraform/engine/supervise"
)

// A Terraform that is killed leaves its lock where the state is not a file of
// this machine, and to wait for that is in vain. It is taken away if it is known
// to be of such a one: made on this host while a Terraform of this root ran that
// is recorded (supervise.Worker) and has died. Every other lock is somebody's,
// and stays.

// locks are the operations that lock the state.
var locks = map[string]bool{"plan": true, "apply": true, "destroy": true, "state push": true}

// lookAgain is how often it is looked whether a Terraform of this root that still
// ran has died.
const lookAgain = 10 * time.Second

// locked calls fn with how long to wait for the state's lock: not at all where
// one may be left. If it is, it is taken away and fn called again.
func (e *Engine) locked(ctx context.Context, tf *tfexec.Terraform, fn func(wait *tfexec.LockTimeoutOption) error) error {
	until := time.Now().Add(e.cfg.LockWait)
	for try := 1; ; try++ {
		killed, running, err := supervise.Workers(e.cfg.Dir)
		if err != nil {
			return err
		}
		wait := max(0, time.Until(until).Round(time.Millisecond))
		switch {
		case len(killed) > 0 && try == 1:
			wait = 0
		case len(killed)+len(running) > 0:
			wait = min(wait, lookAgain)
		}
		if err = fn(tfexec.LockTimeout(wait.String())); err == nil {
			return supervise.Forget(e.cfg.Dir, killed)
		}
		if !isLocked(err) {
			return err
		}
		switch taken, failed := e.take(ctx, tf, err); {
		case failed != nil:
			return errors.Join(err, failed)
		case !taken && !time.Now().Before(until):
			return err
		}
	}
}

// stateLock is what Terraform says of a lock that it met.
type stateLock struct {
	id, who string
	created time.Time
}

var (
	lockID      = regexp.MustCompile(`(?m)^[│ ]*ID: +(\S+)`)
	lockWho     = regexp.MustCompile(`(?m)^[│ ]*Who: +(\S+)`)
	lockCreated = regexp.MustCompile(`(?m)^[│ ]*Created: +(\S+ \S+ \S+ \S+)`)
)

// isLocked tells a lock that was met from a backend that could not be asked.
func isLocked(err error) bool {
	return strings.Contains(err.Error(), "Error acquiring the state lock") && strings.Contains(err.Error(), "Lock Info:")
}

// lockOf finds out whose lock kept Terraform from its work, nil if nobody tells.
func (e *Engine) lockOf(ctx context.Context, err error) (*stateLock, error) {
	if strings.Contains(err.Error(), "HTTP remote state already locked") {
		return e.ofHTTP(ctx)
	}
	find := func(re *regexp.Regexp) string {
		if m := re.FindStringSubmatch(err.Error()); m != nil {
			return m[1]
		}
		return ""
	}
	created, parsed := time.Parse("2006-01-02 15:04:05.999999999 -0700 MST", find(lockCreated))
	if parsed != nil {
		return nil, nil
	}
	return &stateLock{find(lockID), find(lockWho), created}, nil
}

// take takes away the lock that Terraform met if it was made by a Terraform of
// this root that has died.
func (e *Engine) take(ctx context.Context, tf *tfexec.Terraform, met error) (taken bool, err error) {
	lock, err := e.lockOf(ctx, met)
	if err != nil || lock == nil || lock.id == "" {
		return false, err
	}
	host, err := os.Hostname()
	if err != nil || !strings.HasSuffix(lock.who, "@"+host) {
		return false, err
	}
	killed, _, err := supervise.Workers(e.cfg.Dir)
	if err != nil {
		return false, err
	}
	for _, w := range killed {
		if !w.Locked(lock.created) {
			continue
		}
		fmt.Fprintf(e.cfg.Log, "The state is locked by process %d, a Terraform of this run that died: its lock %s is taken away.\n", w.PID, lock.id)
		if err := tf.ForceUnlock(ctx, lock.id); err != nil {
			return false, fmt.Errorf("take the lock of a Terraform that died: %w", err)
		}
		return true, nil
	}
	return false, nil
}
