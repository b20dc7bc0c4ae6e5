// Package region names places: a region is a cloud and a name in it,
// "aws:us-east-1". Hosts of the user's own and processes on this machine are
// regions of the clouds ssh and local.
package region

import (
	"fmt"
	"slices"
	"strings"
)

// Cloud says who runs the machines of a region.
type Cloud string

const (
	AWS   Cloud = "aws"
	GCP   Cloud = "gcp"
	Azure Cloud = "azure"
	SSH   Cloud = "ssh"   // hosts that the user owns
	Local Cloud = "local" // processes on this machine
)

// Clouds are all of them, in the order in which they are printed.
var Clouds = []Cloud{AWS, GCP, Azure, SSH, Local}

// Owned tells whether the cloud's regions are places of the user's own, which
// exist because the configuration names them and which bill nobody.
func (c Cloud) Owned() bool { return c == SSH || c == Local }

// Region is a place in the form CLOUD:NAME. A Region from Parse or from any
// decoder is valid; it compares with == and sorts as a string.
type Region string

// Workstation is where skyctl itself runs. It exists without configuration.
const Workstation Region = "local:workstation"

// maxName keeps the names of the machines of a region within what every cloud
// and the agents' protocol allow.
const maxName = 40

// Parse reads CLOUD:NAME.
func Parse(s string) (Region, error) {
	cloud, name, ok := strings.Cut(s, ":")
	switch {
	case !ok:
		return "", fmt.Errorf("region %q is not CLOUD:NAME, write for example aws:us-east-1 or local:east", s)
	case !slices.Contains(Clouds, Cloud(cloud)):
		return "", fmt.Errorf("region %q has an unknown cloud %q, use one of aws, gcp, azure, ssh, local", s, cloud)
	case len(name) > maxName:
		return "", fmt.Errorf("region %q has a name longer than %d characters, shorten it", s, maxName)
	case !validName(name):
		return "", fmt.Errorf("region %q needs a name of lower-case letters, digits and inner hyphens", s)
	}
	return Region(s), nil
}

// validName tells whether the name can become part of a machine's name in any
// cloud.
func validName(name string) bool {
	if name == "" || strings.HasPrefix(name, "-") || strings.HasSuffix(name, "-") {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
	})
}

// Cloud returns the part before the colon.
func (r Region) Cloud() Cloud {
	cloud, _, _ := strings.Cut(string(r), ":")
	return Cloud(cloud)
}

// Name returns the part behind the colon, which is the cloud's own name of the
// region.
func (r Region) Name() string {
	_, name, _ := strings.Cut(string(r), ":")
	return name
}

// Slug returns the region as part of a file's, machine's or Terraform name:
// "local-east". Different regions have different slugs, because the name of a
// cloud has no hyphen.
func (r Region) Slug() string { return strings.Replace(string(r), ":", "-", 1) }

// UnmarshalText reads what Parse reads.
func (r *Region) UnmarshalText(text []byte) (err error) {
	*r, err = Parse(string(text))
	return err
}
