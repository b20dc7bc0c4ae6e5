//go:build !linux

package deploy

import "context"

// endStrays has nothing to do: agents run on Linux only.
func (d *Deployment) endStrays(context.Context) error { return nil }
