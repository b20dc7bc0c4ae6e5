package route

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// tree is a reader that also writes destination 0, and a relay in front of two
// writers.
var tree = Node{Gateway: "r", Writes: []Dest{0}, Children: []Node{
	{Gateway: "relay", Children: []Node{
		{Gateway: "w1", Writes: []Dest{2}},
		{Gateway: "w2", Writes: []Dest{1}},
	}},
}}

func TestValidate(t *testing.T) {
	chain := Node{Gateway: "w", Writes: []Dest{0}}
	for i := range MaxDepth {
		chain = Node{Gateway: Gateway(fmt.Sprint("g", i)), Children: []Node{chain}}
	}
	wide := Node{Gateway: "r"}
	for i := range MaxNodes {
		wide.Children = append(wide.Children, Node{Gateway: Gateway(fmt.Sprint("w", i)), Writes: []Dest{Dest(i)}})
	}
	for _, c := range []struct {
		name, want string
		node       Node
	}{
		{"good", "", tree},
		{"one gateway", "", Node{Gateway: "g", Writes: []Dest{0}}},
		{"nameless", "without a name", Node{Writes: []Dest{0}}},
		{"long name", "longer than", Node{Gateway: Gateway(strings.Repeat("x", MaxName+1)), Writes: []Dest{0}}},
		{"loop", "twice", Node{Gateway: "a", Children: []Node{{Gateway: "a", Writes: []Dest{0}}}}},
		{"idle leaf", "writes nothing", Node{Gateway: "a", Children: []Node{{Gateway: "b"}}}},
		{"double write", "destination 0 twice", Node{Gateway: "a", Writes: []Dest{0}, Children: []Node{{Gateway: "b", Writes: []Dest{0}}}}},
		{"deep", "deeper", chain},
		{"wide", "more than", wide},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.node.Validate()
			if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestPathsAndPruning(t *testing.T) {
	if got := tree.Dests(); !reflect.DeepEqual(got, []Dest{0, 1, 2}) {
		t.Errorf("Dests: %v", got)
	}
	if got := tree.Path(1); !reflect.DeepEqual(got, []Gateway{"r", "relay", "w2"}) {
		t.Errorf("Path(1): %v", got)
	}
	if got := tree.Path(9); got != nil {
		t.Errorf("Path(9): %v", got)
	}
	pruned, ok := tree.Prune([]Dest{2})
	if !ok || pruned.String() != "r>relay>w1" || pruned.Validate() != nil {
		t.Errorf("Prune(2): %v, %v", pruned, ok)
	}
	if _, ok := tree.Prune([]Dest{7}); ok {
		t.Error("Prune(7) kept something")
	}
	if tree.Height() != 2 || pruned.Height() != 2 || (&Node{}).Height() != 0 {
		t.Errorf("heights are %d and %d", tree.Height(), pruned.Height())
	}
	if got := tree.String(); got != "r>relay>(w1,w2)" {
		t.Errorf("String: %s", got)
	}
	if got := tree.Writers(); !reflect.DeepEqual(got, []Writer{{"r", 0}, {"w1", 2}, {"w2", 1}}) {
		t.Errorf("Writers: %v", got)
	}
}

func TestRelayed(t *testing.T) {
	writer := Node{Gateway: "w", Writes: []Dest{0}}
	for _, c := range []struct {
		tree Node
		want bool
	}{
		{writer, false},
		{Node{Gateway: "r", Children: []Node{writer}}, false},
		{Node{Gateway: "r", Children: []Node{{Gateway: "m", Writes: []Dest{1}, Children: []Node{writer}}}}, false},
		{Node{Gateway: "r", Children: []Node{{Gateway: "m", Children: []Node{writer}}}}, true},
		{Node{Gateway: "r", Children: []Node{{Gateway: "w1", Writes: []Dest{1}}, {Gateway: "m", Children: []Node{writer}}}}, true},
	} {
		if got := c.tree.Relayed(); got != c.want {
			t.Errorf("%v: %v", c.tree, got)
		}
	}
}
