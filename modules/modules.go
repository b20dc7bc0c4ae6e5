// Package modules embeds the Terraform modules below this directory.
//
// Each directory is one module, usable without skyctl: point a module block at
// it and set its variables. Package terraform/render copies the ones that a run
// needs into the run's root module, so that a run directory is complete in
// itself. All of them share a core of variables and the output `gateways`; the
// README of each module lists them.
package modules

import (
	"embed"
	"fmt"
	"io/fs"
)

// Tests and examples stay behind: a rendered root has no use for them.
//
//go:embed */*.tf */*.tftpl */README.md */scripts
var files embed.FS

// Open returns the files of the module of that name.
func Open(name string) (fs.FS, error) {
	info, err := fs.Stat(files, name)
	if err != nil || !info.IsDir() {
		return nil, fmt.Errorf("there is no module %q", name)
	}
	return fs.Sub(files, name)
}
