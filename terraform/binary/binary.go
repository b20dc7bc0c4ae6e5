// Package binary finds a Terraform to work with.
//
// Sources are asked in order: the path from the configuration, `terraform` and
// then `tofu` on PATH, a Terraform that was installed earlier, and last the
// release that hc-install downloads and verifies. The first acceptable one
// wins. A configured path is the user's word: if it is not acceptable that is
// an error, not a reason to look further.
package binary

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/go-version"
)

// Pin is the version that skyctl is tested with and installs where there is no
// acceptable one. It is what .terraform-version at the top of the repository
// says.
const Pin = "1.11.4"

// Accepted are the versions that rendered modules work with, of Terraform and
// of OpenTofu.
const Accepted = ">= 1.11, < 2"

// Product says whose binary it is.
type Product string

const (
	Terraform Product = "Terraform"
	OpenTofu  Product = "OpenTofu"
)

// Binary is an executable that was asked for its version.
type Binary struct {
	Path    string // absolute
	Version *version.Version
	Product Product
}

func (b Binary) String() string {
	return fmt.Sprintf("%s %s (%s)", b.Product, b.Version, b.Path)
}

// Options say where to look.
type Options struct {
	Path     string // from the configuration; empty: look for one
	CacheDir string // where installed versions are kept; empty: install none

	apiBaseURL string // of the releases, for tests; empty: HashiCorp's
	publicKey  string // that signs them, for tests; empty: HashiCorp's
}

// errAbsent is a source's answer that it has nothing to offer.
var errAbsent = errors.New("not found")

// source is one place to get a binary from. Its error is errAbsent or says
// what is wrong with what it found.
type source struct {
	name string
	find func(ctx context.Context) (Binary, error)
}

// Find returns the first acceptable binary. The error says what every source
// answered and what to do.
func Find(ctx context.Context, opts Options) (Binary, error) {
	if opts.Path != "" {
		b, err := inspectAccepted(ctx, opts.Path)
		if err != nil {
			return Binary{}, fmt.Errorf("terraform.path in the configuration: %w", err)
		}
		return b, nil
	}
	return first(ctx, sources(opts))
}
