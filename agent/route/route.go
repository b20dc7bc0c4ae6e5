// Package route describes what one chunk follows: a tree of gateways from the
// reader at its root to the writers.
//
// Routing is source routing. The reader puts the tree into the chunk's header,
// every relay cuts off its own level and passes each child the child's
// subtree, so a relay needs to know its neighbours' addresses and nothing of
// the plan. Multicast is a node with more than one child.
package route

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Gateway is the name of a gateway, unique in its run: "local-east-0".
type Gateway string

// Dest is the number of a destination of the run, from 0 in the order given.
type Dest uint8

// Limits of a tree. A relay refuses a header that exceeds them before it
// opens anything.
const (
	MaxDepth = 8
	MaxNodes = 64
	MaxName  = 64 // bytes
)

// Node is one gateway of a route and everything behind it.
type Node struct {
	Gateway  Gateway `json:"gateway"`
	Writes   []Dest  `json:"writes,omitempty"` // destinations that this gateway writes itself
	Children []Node  `json:"children,omitempty"`
}

// Validate checks that the tree can be followed: it is within the limits,
// names no gateway twice, writes every destination at most once, and every
// leaf writes.
func (n *Node) Validate() error {
	seen := map[Gateway]bool{}
	written := map[Dest]bool{}
	var walk func(n *Node, depth int) error
	walk = func(n *Node, depth int) error {
		switch {
		case depth > MaxDepth:
			return fmt.Errorf("route is deeper than %d gateways", MaxDepth)
		case len(seen) >= MaxNodes:
			return fmt.Errorf("route has more than %d gateways", MaxNodes)
		case n.Gateway == "":
			return errors.New("route has a gateway without a name")
		case len(n.Gateway) > MaxName:
			return fmt.Errorf("gateway name is longer than %d bytes", MaxName)
		case seen[n.Gateway]:
			return fmt.Errorf("route passes gateway %q twice", n.Gateway)
		case len(n.Children) == 0 && len(n.Writes) == 0:
			return fmt.Errorf("route ends at gateway %q, which writes nothing", n.Gateway)
		}
		seen[n.Gateway] = true
		for _, d := range n.Writes {
			if written[d] {
				return fmt.Errorf("route writes destination %d twice", d)
			}
			written[d] = true
		}
		for i := range n.Children {
			if err := walk(&n.Children[i], depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	return walk(n, 1)
}

// Dests returns the destinations that the tree writes, in order.
func (n *Node) Dests() []Dest {
	dests := slices.Clone(n.Writes)
	for i := range n.Children {
		dests = append(dests, n.Children[i].Dests()...)
	}
	slices.Sort(dests)
	return dests
}

// Writer is a gateway that writes a destination.
type Writer struct {
	Gateway Gateway
	Dest    Dest
}

// Writers returns who writes what, in the order of the tree.
func (n *Node) Writers() []Writer {
	var ws []Writer
	for _, d := range n.Writes {
		ws = append(ws, Writer{n.Gateway, d})
	}
	for i := range n.Children {
		ws = append(ws, n.Children[i].Writers()...)
	}
	return ws
}

// Relayed tells whether the chunk passes through a gateway, other than the
// root, that writes nothing of it.
func (n *Node) Relayed() bool {
	for i := range n.Children {
		if c := &n.Children[i]; len(c.Writes) == 0 || c.Relayed() {
			return true
		}
	}
	return false
}

// Height is how many gateways follow one another behind this one, at most.
func (n *Node) Height() int {
	most := 0
	for i := range n.Children {
		most = max(most, n.Children[i].Height()+1)
	}
	return most
}

// Path returns the gateways from the root to the writer of dest, nil if the
// tree does not write it.
func (n *Node) Path(dest Dest) []Gateway {
	if slices.Contains(n.Writes, dest) {
		return []Gateway{n.Gateway}
	}
	for i := range n.Children {
		if p := n.Children[i].Path(dest); p != nil {
			return append([]Gateway{n.Gateway}, p...)
		}
	}
	return nil
}

// Prune returns the part of the tree that writes the wanted destinations, and
// false if it writes none of them. The receiver is not changed.
func (n *Node) Prune(wanted []Dest) (Node, bool) {
	kept := Node{Gateway: n.Gateway}
	for _, d := range n.Writes {
		if slices.Contains(wanted, d) {
			kept.Writes = append(kept.Writes, d)
		}
	}
	for i := range n.Children {
		if c, ok := n.Children[i].Prune(wanted); ok {
			kept.Children = append(kept.Children, c)
		}
	}
	return kept, len(kept.Writes)+len(kept.Children) > 0
}

// String returns the tree on one line: "a>b>(c,d)".
func (n Node) String() string {
	if len(n.Children) == 0 {
		return string(n.Gateway)
	}
	if len(n.Children) == 1 {
		return string(n.Gateway) + ">" + n.Children[0].String()
	}
	parts := make([]string, len(n.Children))
	for i, c := range n.Children {
		parts[i] = c.String()
	}
	return string(n.Gateway) + ">(" + strings.Join(parts, ",") + ")"
}
