package binary

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"

	"github.com/hashicorp/go-version"
)

var accepted = version.MustConstraints(version.NewConstraint(Accepted))

// firstLine is how both products introduce themselves.
var firstLine = regexp.MustCompile(`(?m)^(Terraform|OpenTofu) v(\S+)$`)

// inspectAccepted asks the binary at path who it is and refuses versions that
// rendered modules do not work with.
func inspectAccepted(ctx context.Context, path string) (Binary, error) {
	b, err := inspect(ctx, path)
	if err != nil {
		return Binary{}, err
	}
	// Constraints leave out every prerelease; only that of 1.11.0 would be too old.
	if !accepted.Check(b.Version.Core()) {
		return Binary{}, fmt.Errorf("%s is not %s", b, Accepted)
	}
	return b, nil
}

func inspect(ctx context.Context, path string) (Binary, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return Binary{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()

	cmd := exec.CommandContext(ctx, absolute, "version")
	// Neither the user's default arguments nor a look for updates; the
	// directory is one without a configuration of its own.
	cmd.Env = append(os.Environ(), "CHECKPOINT_DISABLE=1", "TF_CLI_ARGS=", "TF_CLI_ARGS_version=")
	cmd.Dir = filepath.Dir(absolute)
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return Binary{}, fmt.Errorf("%s version: no answer within 10s", absolute)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return Binary{}, fmt.Errorf("%s version: %w", absolute, err)
	}
	if err != nil {
		return Binary{}, err // names the path
	}
	m := firstLine.FindSubmatch(out)
	if m == nil {
		return Binary{}, fmt.Errorf("%s is neither Terraform nor OpenTofu", absolute)
	}
	v, err := version.NewVersion(string(m[2]))
	if err != nil {
		return Binary{}, fmt.Errorf("%s version: %w", absolute, err)
	}
	return Binary{Path: absolute, Version: v, Product: Product(m[1])}, nil
}
