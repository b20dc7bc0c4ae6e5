package render

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// retired is the file of a region that left the plan.
type retired struct {
	path string
	file *hclwrite.File
}

// findRetired returns the files of regions in dir, if they are ours, that are
// not among those to be written.
func findRetired(dir string, files []File) ([]retired, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "region_*.tf"))
	if err != nil {
		return nil, err
	}
	var all []retired
	for _, path := range paths {
		if slices.ContainsFunc(files, func(f File) bool { return f.Path == filepath.Base(path) }) {
			continue
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if !bytes.HasPrefix(source, []byte(mark)) {
			continue
		}
		file, err := parse(path, source)
		if err != nil {
			return nil, fmt.Errorf("region that left the plan: %w", err)
		}
		all = append(all, retired{path, file})
	}
	return all, nil
}

// calls are the module calls of the region's file: one, unless somebody added
// more.
func (r retired) calls() (calls []*hclwrite.Body) {
	for _, block := range r.file.Body().Blocks() {
		if block.Type() == "module" {
			calls = append(calls, block.Body())
		}
	}
	return calls
}

// retire takes the gateways out of the region's file.
func (r retired) retire() error {
	for _, call := range r.calls() {
		for _, name := range []string{"gateways", "hosts", "peers"} {
			if call.GetAttribute(name) != nil {
				call.SetAttributeRaw(name, object{}.tokens())
			}
		}
	}
	return replace(r.path, File{Mode: public, Content: finish(r.file)})
}

// providers are the local names of the providers that the region's modules need.
func (r retired) providers() (names []string) {
	for _, call := range r.calls() {
		source := call.GetAttribute("source")
		if source == nil {
			continue
		}
		module := path.Base(strings.Trim(string(bytes.TrimSpace(source.Expr().BuildTokens(nil).Bytes())), `"`))
		for _, k := range kinds {
			if k.module == module && k.provider != "" {
				names = append(names, k.provider)
			}
		}
	}
	return names
}

// keepProviders adds to the files to be written what those in dir say of
// providers that only retired regions need: where each is from, and whose
// account it is for.
func keepProviders(dir string, files []File, regions []retired) ([]File, error) {
	var needed []string
	for _, r := range regions {
		needed = append(needed, r.providers()...)
	}
	if len(needed) == 0 {
		return files, nil
	}
	files = slices.Clone(files)
	for i, f := range files {
		graft := map[string]func(from, to *hclwrite.Body, needed []string){"main.tf": graftRequirements, "providers.tf": graftProviders}[f.Path]
		if graft == nil {
			continue
		}
		source, err := os.ReadFile(filepath.Join(dir, f.Path))
		if errors.Is(err, fs.ErrNotExist) {
			continue // somebody took it away, and Terraform says what it misses
		}
		if err != nil {
			return nil, err
		}
		before, err := parse(filepath.Join(dir, f.Path), source)
		if err != nil {
			return nil, err
		}
		after, err := parse(f.Path, f.Content)
		if err != nil {
			return nil, err
		}
		graft(before.Body(), after.Body(), needed)
		files[i].Content = finish(after)
	}
	return files, nil
}

// graftProviders appends the configurations of providers that to lacks.
func graftProviders(from, to *hclwrite.Body, needed []string) {
	for _, name := range needed {
		if block := from.FirstMatchingBlock("provider", []string{name}); block != nil && to.FirstMatchingBlock("provider", []string{name}) == nil {
			to.AppendNewline()
			to.AppendBlock(block)
		}
	}
}

// graftRequirements adds the requirements that to lacks.
func graftRequirements(from, to *hclwrite.Body, needed []string) {
	before, terraform := from.FirstMatchingBlock("terraform", nil), to.FirstMatchingBlock("terraform", nil)
	if before == nil || terraform == nil {
		return
	}
	if before = before.Body().FirstMatchingBlock("required_providers", nil); before == nil {
		return
	}
	required := terraform.Body().FirstMatchingBlock("required_providers", nil)
	for _, name := range needed {
		was := before.Body().GetAttribute(name)
		if was == nil || required != nil && required.Body().GetAttribute(name) != nil {
			continue
		}
		if required == nil {
			terraform.Body().AppendNewline()
			required = terraform.Body().AppendNewBlock("required_providers", nil)
		}
		required.Body().SetAttributeRaw(name, was.Expr().BuildTokens(nil))
	}
}

func parse(path string, source []byte) (*hclwrite.File, error) {
	file, diags := hclwrite.ParseConfig(source, path, hcl.InitialPos)
	if diags.HasErrors() {
		return nil, diags
	}
	return file, nil
}
