package planner

import (
	"math"
	"slices"
)

// unbounded is the capacity of an arc that nothing limits.
const unbounded = math.MaxInt64

// network is a flow network with whole capacities and prices, so that flows are
// conserved exactly and the algorithm ends. Arcs come in pairs: arc i^1 is the
// way back of arc i.
type network struct {
	out       [][]int // by node: its arcs
	arcs      []arc
	potential []int64 // by node, of cheapest
}

type arc struct {
	to    int
	room  int64 // what it can still carry
	price int64 // for each unit of flow; the way back refunds it
}

func newNetwork(nodes int) *network {
	return &network{out: make([][]int, nodes), potential: make([]int64, nodes)}
}

// add joins two nodes and returns the arc's number.
func (n *network) add(from, to int, capacity, price int64) int {
	i := len(n.arcs)
	n.arcs = append(n.arcs, arc{to, capacity, price}, arc{from, 0, -price})
	n.out[from] = append(n.out[from], i)
	n.out[to] = append(n.out[to], i+1)
	return i
}

// flow returns what arc i carries.
func (n *network) flow(i int) int64 { return n.arcs[i^1].room }

// push sends up to want from s to t at the least price and returns how much it
// could send: successive cheapest augmenting paths, whose result is the
// cheapest among all flows of the same amount.
func (n *network) push(s, t int, want int64) int64 {
	var sent int64
	for sent < want {
		via, ok := n.cheapest(s, t)
		if !ok {
			break
		}
		amount := want - sent
		for v := t; v != s; v = n.arcs[via[v]^1].to {
			amount = min(amount, n.arcs[via[v]].room)
		}
		for v := t; v != s; v = n.arcs[via[v]^1].to {
			n.arcs[via[v]].room -= amount
			n.arcs[via[v]^1].room += amount
		}
		sent += amount
	}
	return sent
}

// cheapest returns the cheapest path with room as the arc that leads to each of
// its nodes. It is Dijkstra's algorithm over prices that the potentials of the
// earlier paths keep from being negative, although ways back refund.
func (n *network) cheapest(s, t int) (via []int, ok bool) {
	price := slices.Repeat([]int64{math.MaxInt64}, len(n.out))
	via = make([]int, len(n.out))
	done := make([]bool, len(n.out))
	price[s] = 0
	for {
		u := -1
		for v, p := range price {
			if !done[v] && p < math.MaxInt64 && (u < 0 || p < price[u]) {
				u = v
			}
		}
		if u < 0 {
			return nil, false
		}
		if u == t {
			break
		}
		done[u] = true
		for _, i := range n.out[u] {
			a := n.arcs[i]
			if a.room == 0 || done[a.to] {
				continue
			}
			if p := price[u] + a.price + n.potential[u] - n.potential[a.to]; p < price[a.to] {
				price[a.to], via[a.to] = p, i
			}
		}
	}
	for v := range n.potential {
		n.potential[v] += min(price[v], price[t])
	}
	return via, true
}

// reachable tells which nodes can still get something from s. After a flow
// that cannot grow, the full arcs that leave this set are a minimum cut.
func (n *network) reachable(s int) []bool {
	seen := make([]bool, len(n.out))
	seen[s] = true
	for stack := []int{s}; len(stack) > 0; {
		u := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, i := range n.out[u] {
			if a := n.arcs[i]; a.room > 0 && !seen[a.to] {
				seen[a.to] = true
				stack = append(stack, a.to)
			}
		}
	}
	return seen
}
