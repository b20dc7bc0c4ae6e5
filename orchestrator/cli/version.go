package cli

import (
	"fmt"
	"io"
	"runtime"

	"github.com/skyctl/skyctl/agent/version"
	"github.com/skyctl/skyctl/terraform/binary"
)

type versionCmd struct{}

type versionDoc struct {
	Version   string `json:"version"`
	Terraform string `json:"terraform"` // tested with and installed where there is none
	Go        string `json:"go"`
	Platform  string `json:"platform"`
}

func (versionCmd) Run(out *console) error {
	doc := versionDoc{version.Version, binary.Pin, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
	out.answer(doc, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "skyctl %s (%s, %s)\nTerraform %s\n", doc.Version, doc.Go, doc.Platform, doc.Terraform)
		return err
	})
	return nil
}
