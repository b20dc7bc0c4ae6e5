//go:build unix

package gauge

import (
	"syscall"
	"time"
)

// processorTime is what this process has used, 0 where it cannot be told.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
