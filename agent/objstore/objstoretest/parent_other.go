//go:build !linux

package objstoretest

import "syscall"

// diesWithParent has no equivalent here; a server whose test was killed stays.
func diesWithParent() *syscall.SysProcAttr { return nil }
