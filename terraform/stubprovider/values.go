package stubprovider

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// markUnknown makes what the provider computes, and nobody set, unknown: as a
// plan has it.
func (b *block) markUnknown(v cty.Value) cty.Value {
	return b.walk(v, func(_ string, a *attribute, v cty.Value) cty.Value {
		if a.Computed && v.IsNull() {
			return cty.UnknownVal(a.Type)
		}
		return v
	})
}

// makeUp gives a value to what the provider computes: the answers' where there
// is one, else one that looks right. seed makes it differ between resources.
func (b *block) makeUp(v cty.Value, seed string, answers map[string]cty.Value) cty.Value {
	return b.walk(v, func(name string, a *attribute, v cty.Value) cty.Value {
		if v.IsKnown() && !(a.Computed && v.IsNull()) {
			return v
		}
		if answer, ok := answers[name]; ok {
			return answer
		}
		return madeUp(name, a.Type, seed)
	})
}

// walk returns the block's value with change applied to each attribute, those
// of nested blocks included.
func (b *block) walk(v cty.Value, change func(string, *attribute, cty.Value) cty.Value) cty.Value {
	if v.IsNull() || !v.IsKnown() {
		return v
	}
	values := v.AsValueMap()
	for name, a := range b.Attributes {
		values[name] = change(name, a, values[name])
	}
	for name, n := range b.Blocks {
		inner := values[name]
		switch {
		case n.Nesting == "single":
			values[name] = n.Block.walk(inner, change)
		case inner.IsNull() || !inner.IsKnown() || inner.LengthInt() == 0:
		default:
			elements := inner.AsValueSlice()
			for i := range elements {
				elements[i] = n.Block.walk(elements[i], change)
			}
			if n.Nesting == "set" {
				values[name] = cty.SetVal(elements)
			} else {
				values[name] = cty.ListVal(elements)
			}
		}
	}
	return cty.ObjectVal(values)
}

// madeUp is a value of the type that looks like one of its name. The ids of
// Azure are paths that its provider takes apart, so its own names stay in them.
func madeUp(name string, t cty.Type, seed string) cty.Value {
	sum := sha256.Sum256([]byte(seed + "/" + name))
	n := binary.BigEndian.Uint32(sum[:])
	switch {
	case t == cty.String:
		return cty.StringVal(text(name, seed, n))
	case t == cty.Number:
		return cty.NumberIntVal(int64(n%1000) + 1)
	case t == cty.Bool:
		return cty.False
	case t.IsListType():
		return cty.ListValEmpty(t.ElementType())
	case t.IsSetType():
		return cty.SetValEmpty(t.ElementType())
	case t.IsMapType():
		return cty.MapValEmpty(t.ElementType())
	}
	return cty.NullVal(t)
}

func text(name, seed string, n uint32) string {
	switch {
	case name == "arn":
		return fmt.Sprintf("arn:aws:stub:us-east-1:%s:%08x", Account, n)
	case strings.Contains(name, "public_ip") || name == "nat_ip" || name == "ip_address":
		return fmt.Sprintf("198.51.%d.%d", n>>8&0xff, n&0xff)
	case strings.Contains(name, "_ip"):
		return fmt.Sprintf("10.0.%d.%d", n>>8&0xff, n&0xff)
	}
	kind, _, _ := strings.Cut(seed, "/")
	return fmt.Sprintf("%s-%08x", strings.ReplaceAll(kind, "_", "-"), n)
}
