// Package render writes a deployment as a Terraform root module that an ops
// team can read, keep and reuse:
//
//	main.tf                   versions, backend, tags
//	region_local_east.tf      one file and one module call a region
//	providers.tf variables.tf outputs.tf
//	modules/local-gateway/    a copy of each module that is called
//	skyctl.auto.tfvars.json   what differs from run to run and what is secret, mode 0600
//
// Rendering is pure: the same deployment gives the same bytes, on any machine.
// Nothing in the HCL is secret or knows of this machine; the variables file is
// loaded by itself, so plain `terraform plan` asks nothing.
package render

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/skyctl/skyctl/modules"
)

// File is one file of a root module.
type File struct {
	Path    string // relative to the root, with slashes
	Mode    fs.FileMode
	Content []byte
}

// VariablesFile holds the values of the root's variables, secrets included.
const VariablesFile = "skyctl.auto.tfvars.json"

const (
	public  fs.FileMode = 0o644
	private fs.FileMode = 0o600
)

// Render returns the files of the root module, sorted by path.
func Render(d Deployment) ([]File, error) {
	if err := d.validate(); err != nil {
		return nil, fmt.Errorf("render run %s: %w", d.Run, err)
	}
	d.Regions = slices.SortedFunc(slices.Values(d.Regions), func(a, b Region) int { return strings.Compare(a.Slug, b.Slug) })

	main, err := mainFile(d)
	if err != nil {
		return nil, fmt.Errorf("render run %s: %w", d.Run, err)
	}
	files := []File{
		{".gitignore", public, []byte(gitignore)},
		{"main.tf", public, main},
		{"outputs.tf", public, outputsFile(d)},
		{"providers.tf", public, providersFile(d)},
		{"variables.tf", public, variablesFile(d)},
	}
	used := map[string]bool{}
	for _, r := range d.Regions {
		content, err := regionFile(d, r)
		if err != nil {
			return nil, fmt.Errorf("render run %s: region %s: %w", d.Run, r.Name, err)
		}
		files = append(files, File{regionPath(r), public, content})
		used[kinds[r.cloud()].module] = true
	}
	for name := range used {
		copied, err := moduleFiles(name)
		if err != nil {
			return nil, err
		}
		files = append(files, copied...)
	}
	content, err := json.MarshalIndent(values(d), "", "  ")
	if err != nil {
		return nil, err
	}
	files = append(files, File{VariablesFile, private, append(content, '\n')})
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return files, nil
}

// gitignore keeps out of a repository what a run leaves here.
const gitignore = `/.terraform/
/gateways/
/skyctl.auto.tfvars.json
*.tfplan
*.tfstate
*.tfstate.*
`

// moduleFiles returns the copy of a module that goes into the root.
func moduleFiles(name string) ([]File, error) {
	module, err := modules.Open(name)
	if err != nil {
		return nil, err
	}
	var files []File
	err = fs.WalkDir(module, ".", func(p string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(module, p)
		if err != nil {
			return err
		}
		files = append(files, File{path.Join("modules", name, p), public, content})
		return nil
	})
	return files, err
}

// values are the root's variables.
func values(d Deployment) map[string]any {
	agent := map[string]any{}
	if d.AgentPath != "" {
		agent["path"] = d.AgentPath
	}
	if len(d.AgentBinaries) > 0 {
		agent["binaries"] = d.AgentBinaries
	}
	all := map[string]any{
		"agent":                 agent,
		"ca_certificate":        d.CACertificate,
		"control_cidrs":         append([]string{}, d.ControlCIDRs...),
		"enroll_within_seconds": int64(d.EnrollWithin / time.Second),
		"enrollment_tokens":     d.Tokens,
		"lifetime_seconds":      int64(d.Lifetime / time.Second),
		"not_after":             d.NotAfter.UTC().Format(time.RFC3339),
		"owner":                 d.Owner,
		"run":                   d.Run,
		"tags":                  orEmpty(d.Tags),
	}
	ports, identities := map[string]int{}, map[string]string{}
	for _, r := range d.Regions {
		for _, g := range r.Gateways {
			if kinds[r.cloud()].hosts {
				ports[g.Name] = g.Host.Port
			}
			if g.Host.IdentityFile != "" {
				identities[g.Name] = g.Host.IdentityFile
			}
		}
	}
	if d.hasHosts() {
		all["ports"] = ports
	}
	if d.hasIdentities() {
		all["identity_files"] = identities
	}
	return all
}

// hasHosts tells whether gateways run on hosts that the deployment names.
func (d Deployment) hasHosts() bool {
	return slices.ContainsFunc(d.Regions, func(r Region) bool { return kinds[r.cloud()].hosts })
}

// hasIdentities tells whether some of these hosts are logged in to with a key.
func (d Deployment) hasIdentities() bool {
	return slices.ContainsFunc(d.Regions, func(r Region) bool {
		return slices.ContainsFunc(r.Gateways, func(g Gateway) bool { return g.Host.IdentityFile != "" })
	})
}

func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
