package milp

import (
	"container/heap"

	"github.com/skyctl/skyctl/orchestrator/planner/milp/internal/simplex"
)

// node is a part of the search: the root's bounds, narrowed by the branches on
// the way from the root.
type node struct {
	parent       *node
	branch       int     // the integer whose bounds this node narrows, -1 at the root
	lower, upper float64 // to what
	up           bool    // the half above
	fraction     float64 // of the branch's value that this half cuts off
	bound        float64 // nothing in it costs less
	depth        int
	number       int // in order of creation
	basis        simplex.Basis
	proof        *Proof
}

// queue is a heap of open nodes, the least bound first. Of equals the deeper one
// comes first, as it is nearer to an answer.
type queue []*node

func (q queue) Len() int { return len(q) }
func (q queue) Less(a, b int) bool {
	if q[a].bound != q[b].bound {
		return q[a].bound < q[b].bound
	}
	if q[a].depth != q[b].depth {
		return q[a].depth > q[b].depth
	}
	return q[a].number < q[b].number
}
func (q queue) Swap(a, b int) { q[a], q[b] = q[b], q[a] }
func (q *queue) Push(n any)   { *q = append(*q, n.(*node)) }
func (q *queue) Pop() any {
	last := len(*q) - 1
	n := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return n
}

func (s *search) push(n *node) { heap.Push(&s.open, n) }
func (s *search) pop() *node   { return heap.Pop(&s.open).(*node) }

// remove takes n out of the open nodes.
func (s *search) remove(n *node) {
	for i, m := range s.open {
		if m == n {
			heap.Remove(&s.open, i)
			return
		}
	}
}
