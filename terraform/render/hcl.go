package render

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// comment appends text as comment lines.
func comment(body *hclwrite.Body, text string) {
	var tokens hclwrite.Tokens
	for _, line := range strings.Split(text, "\n") {
		tokens = append(tokens, &hclwrite.Token{Type: hclsyntax.TokenComment, Bytes: []byte(strings.TrimRight("# "+line, " ") + "\n")})
	}
	body.AppendUnstructuredTokens(tokens)
}

// set gives an attribute a value.
func set(body *hclwrite.Body, name, value string) {
	body.SetAttributeValue(name, cty.StringVal(value))
}

// refer makes an attribute a reference: "var.run".
func refer(body *hclwrite.Body, name, reference string) {
	body.SetAttributeRaw(name, referenceTokens(reference))
}

func referenceTokens(reference string) hclwrite.Tokens {
	var traversal hcl.Traversal
	for i, part := range strings.Split(reference, ".") {
		if i == 0 {
			traversal = append(traversal, hcl.TraverseRoot{Name: part})
		} else {
			traversal = append(traversal, hcl.TraverseAttr{Name: part})
		}
	}
	return hclwrite.TokensForTraversal(traversal)
}

// object is a map that is written on several lines, in the order given.
type object []hclwrite.ObjectAttrTokens

func (o *object) add(name string, value hclwrite.Tokens) {
	*o = append(*o, hclwrite.ObjectAttrTokens{Name: hclwrite.TokensForIdentifier(name), Value: value})
}

func (o *object) value(name string, value cty.Value) { o.add(name, hclwrite.TokensForValue(value)) }

func (o object) tokens() hclwrite.Tokens { return hclwrite.TokensForObject(o) }

// expression returns the tokens of an expression that was written out. It is
// ours and not the user's, so one that does not parse is a bug.
func expression(source string) hclwrite.Tokens {
	file, diags := hclwrite.ParseConfig([]byte("x = "+source+"\n"), "", hcl.InitialPos)
	if diags.HasErrors() {
		panic(fmt.Sprintf("render: %s: %v", source, diags))
	}
	return file.Body().GetAttribute("x").Expr().BuildTokens(nil)
}

// valueTokens writes a value, a map on several lines.
func valueTokens(v any) (hclwrite.Tokens, error) {
	attributes, ok := v.(map[string]any)
	if !ok {
		value, err := ctyValue(v)
		if err != nil {
			return nil, err
		}
		return hclwrite.TokensForValue(value), nil
	}
	var o object
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		tokens, err := valueTokens(attributes[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		o.add(name, tokens)
	}
	return o.tokens(), nil
}

// ctyValue turns a setting from the configuration into a value.
func ctyValue(v any) (cty.Value, error) {
	switch v := v.(type) {
	case nil:
		return cty.NullVal(cty.DynamicPseudoType), nil
	case string:
		return cty.StringVal(v), nil
	case bool:
		return cty.BoolVal(v), nil
	case int:
		return cty.NumberIntVal(int64(v)), nil
	case int64:
		return cty.NumberIntVal(v), nil
	case uint64:
		return cty.NumberUIntVal(v), nil
	case float64:
		return cty.NumberFloatVal(v), nil
	case []string:
		elements := make([]cty.Value, len(v))
		for i, e := range v {
			elements[i] = cty.StringVal(e)
		}
		return cty.TupleVal(elements), nil
	case []any:
		elements := make([]cty.Value, len(v))
		for i, e := range v {
			var err error
			if elements[i], err = ctyValue(e); err != nil {
				return cty.NilVal, fmt.Errorf("[%d]: %w", i, err)
			}
		}
		return cty.TupleVal(elements), nil
	case map[string]any:
		attributes := map[string]cty.Value{}
		for name, e := range v {
			var err error
			if attributes[name], err = ctyValue(e); err != nil {
				return cty.NilVal, fmt.Errorf("%s: %w", name, err)
			}
		}
		return cty.ObjectVal(attributes), nil
	}
	return cty.NilVal, fmt.Errorf("a %T cannot be written as HCL", v)
}
