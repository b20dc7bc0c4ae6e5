//go:build !linux

package supervise

// Wrap returns the command that runs the terraform at path. terraform-exec
// ties Terraform's life to its parent's on Linux only, so elsewhere there is
// nothing to put in between.
func Wrap(terraform, _, _ string) (Command, error) { return Command{Path: terraform}, nil }

// Main returns at once.
func Main() {}
