package stubprovider

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/zclconf/go-cty/cty"
)

//go:embed schema/aws.json schema/google.json schema/azurerm.json
var schemas embed.FS

// Names are the providers that there are schemas of.
var Names = []string{"aws", "google", "azurerm"}

// catalog is the schemas of one provider.
type catalog struct {
	Version     string             `json:"version"` // of the provider that has these schemas
	Provider    *schema            `json:"provider"`
	Resources   map[string]*schema `json:"resource_schemas"`
	DataSources map[string]*schema `json:"data_source_schemas"`
}

type schema struct {
	Version int64  `json:"version"`
	Block   *block `json:"block"`
}

type block struct {
	Attributes map[string]*attribute `json:"attributes"`
	Blocks     map[string]*nested    `json:"block_types"`
}

type attribute struct {
	Type     cty.Type `json:"type"`
	Required bool     `json:"required"`
	Optional bool     `json:"optional"`
	Computed bool     `json:"computed"`
}

type nested struct {
	Nesting  string `json:"nesting_mode"` // list, set or single
	MinItems int64  `json:"min_items"`
	MaxItems int64  `json:"max_items"`
	Block    *block `json:"block"`
}

// loadCatalog reads the schemas of the provider of that name.
func loadCatalog(provider string) (*catalog, error) {
	content, err := schemas.ReadFile("schema/" + provider + ".json")
	if err != nil {
		return nil, fmt.Errorf("there are no schemas of a provider %q: %w", provider, err)
	}
	c := &catalog{}
	if err := json.Unmarshal(content, c); err != nil {
		return nil, fmt.Errorf("schemas of provider %s: %w", provider, err)
	}
	return c, nil
}

// impliedType is the type of a value of the block.
func (b *block) impliedType() cty.Type {
	types := map[string]cty.Type{}
	for name, a := range b.Attributes {
		types[name] = a.Type
	}
	for name, n := range b.Blocks {
		switch inner := n.Block.impliedType(); n.Nesting {
		case "list":
			types[name] = cty.List(inner)
		case "set":
			types[name] = cty.Set(inner)
		default:
			types[name] = inner
		}
	}
	return cty.Object(types)
}

// protocol is the schema as Terraform's protocol has it.
func (s *schema) protocol() (*tfprotov6.Schema, error) {
	b, err := s.Block.protocol()
	return &tfprotov6.Schema{Version: s.Version, Block: b}, err
}

var nestings = map[string]tfprotov6.SchemaNestedBlockNestingMode{
	"list":   tfprotov6.SchemaNestedBlockNestingModeList,
	"set":    tfprotov6.SchemaNestedBlockNestingModeSet,
	"single": tfprotov6.SchemaNestedBlockNestingModeSingle,
}

func (b *block) protocol() (*tfprotov6.SchemaBlock, error) {
	out := &tfprotov6.SchemaBlock{}
	for _, name := range slices.Sorted(maps.Keys(b.Attributes)) {
		a := b.Attributes[name]
		kind, err := protocolType(a.Type)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out.Attributes = append(out.Attributes, &tfprotov6.SchemaAttribute{Name: name, Type: kind,
			Required: a.Required, Optional: a.Optional, Computed: a.Computed})
	}
	for _, name := range slices.Sorted(maps.Keys(b.Blocks)) {
		n := b.Blocks[name]
		inner, err := n.Block.protocol()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out.BlockTypes = append(out.BlockTypes, &tfprotov6.SchemaNestedBlock{TypeName: name, Block: inner,
			Nesting: nestings[n.Nesting], MinItems: n.MinItems, MaxItems: n.MaxItems})
	}
	return out, nil
}

func protocolType(t cty.Type) (tftypes.Type, error) {
	content, err := t.MarshalJSON()
	if err != nil {
		return nil, err
	}
	return tftypes.ParseJSONType(content) //nolint:staticcheck // the only way from JSON to a type
}
