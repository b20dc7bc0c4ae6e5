package planner

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"

	"github.com/skyctl/skyctl/agent/route"
)

// maxHops is the most links between a reader and a writer: a route passes at
// most route.MaxDepth gateways.
const maxHops = route.MaxDepth - 1

// tree is a way for a share of the bytes from a region of the source to every
// end. With one end it is a path.
type tree struct {
	root  int
	links []int // of the problem, a parent's before its children's
	at    []int // by end: the site that writes it
}

// key identifies the tree among those of its problem.
func (t tree) key() string {
	var b []byte
	for _, i := range slices.Concat([]int{t.root}, t.at, t.links) {
		b = binary.AppendUvarint(b, uint64(i))
	}
	return string(b)
}

// weights are what the finder of trees adds up: of each link, and of writing a
// destination right where the source is read, by site. None is negative; an
// infinite one forbids.
type weights struct {
	link, inPlace []float64
}

// finder finds the lightest trees: shortest paths for one destination, and for
// several the recursion of Dreyfus and Wagner over the subsets of destinations,
// with the number of hops as a further dimension, so that the limit of a
// route's length is kept exactly. Its work grows as 3^destinations.
//
// lightest[set][hops][site] is the weight of the lightest tree that reaches the
// destinations of set from site within so many hops.
type finder struct {
	p        *problem
	lightest [][][]float64
	step     [][][]step
}

// step says how a lightest tree begins: with a link, or as two trees of which
// one reaches the set in subset, or (link and subset 0) with writing.
type step struct {
	link   int // -1: none
	subset int
}

func newFinder(p *problem) *finder {
	f := &finder{p: p}
	sets := 1 << len(p.ends)
	f.lightest, f.step = make([][][]float64, sets), make([][][]step, sets)
	for set := range sets {
		f.lightest[set], f.step[set] = make([][]float64, maxHops+1), make([][]step, maxHops+1)
		for h := range f.lightest[set] {
			f.lightest[set][h], f.step[set][h] = make([]float64, len(p.sites)), make([]step, len(p.sites))
		}
	}
	return f
}

// find fills in the lightest trees for the weights.
func (f *finder) find(w weights) {
	for set := 1; set < len(f.lightest); set++ {
		for h := range f.lightest[set] {
			f.begin(set, h, w)
			f.split(set, h)
			if h > 0 {
				f.grow(set, h, w)
			}
		}
	}
}

// begin takes over what fewer hops reach, or writes a single destination.
func (f *finder) begin(set, h int, w weights) {
	at, how := f.lightest[set][h], f.step[set][h]
	if h > 0 {
		copy(at, f.lightest[set][h-1])
		copy(how, f.step[set][h-1])
		return
	}
	for v, s := range f.p.sites {
		at[v], how[v] = math.Inf(1), step{-1, 0}
		for d, here := range s.dest {
			if here && set == 1<<d {
				at[v] = 0
				if s.source {
					at[v] = w.inPlace[v]
				}
			}
		}
	}
}

// split joins two trees for parts of the set at the same site.
func (f *finder) split(set, h int) {
	at, how := f.lightest[set][h], f.step[set][h]
	for part := (set - 1) & set; part > set-part; part = (part - 1) & set {
		one, other := f.lightest[part][h], f.lightest[set-part][h]
		for v := range at {
			if sum := one[v] + other[v]; sum < at[v] {
				at[v], how[v] = sum, step{-1, part}
			}
		}
	}
}

// grow puts a link before a tree of one hop less.
func (f *finder) grow(set, h int, w weights) {
	at, how, behind := f.lightest[set][h], f.step[set][h], f.lightest[set][h-1]
	for i, l := range f.p.links {
		if sum := w.link[i] + behind[l.to]; sum < at[l.from] {
			at[l.from], how[l.from] = sum, step{i, 0}
		}
	}
}

// found is a tree with its weight.
type found struct {
	tree
	weight float64
}

// all returns the lightest tree of each root, and of each root and first link,
// the lightest first.
func (f *finder) all(w weights) []found {
	set := len(f.lightest) - 1
	var trees []found
	for v, s := range f.p.sites {
		if weight := f.lightest[set][maxHops][v]; s.source && !math.IsInf(weight, 1) {
			trees = append(trees, found{f.tree(v, -1), weight})
		}
	}
	for i, l := range f.p.links {
		weight := w.link[i] + f.lightest[set][maxHops-1][l.to]
		if f.p.sites[l.from].source && !math.IsInf(weight, 1) {
			trees = append(trees, found{f.tree(l.from, i), weight})
		}
	}
	slices.SortStableFunc(trees, func(a, b found) int { return cmp.Compare(a.weight, b.weight) })
	return trees
}

// tree unrolls the lightest tree at a root, or the one that begins with a link.
func (f *finder) tree(root, first int) tree {
	t := tree{root: root, at: make([]int, len(f.p.ends))}
	set := len(f.lightest) - 1
	var links []int
	var walk func(set, h, v int)
	walk = func(set, h, v int) {
		how := f.step[set][h][v]
		// A tree may have been taken over from fewer hops.
		for h > 0 && f.lightest[set][h-1][v] == f.lightest[set][h][v] {
			h--
			how = f.step[set][h][v]
		}
		switch {
		case how.link >= 0:
			links = append(links, how.link)
			walk(set, h-1, f.p.links[how.link].to)
		case how.subset > 0:
			walk(how.subset, h, v)
			walk(set-how.subset, h, v)
		default:
			for d := range t.at {
				if set == 1<<d {
					t.at[d] = v
				}
			}
		}
	}
	if first >= 0 {
		links = append(links, first)
		walk(set, maxHops-1, f.p.links[first].to)
	} else {
		walk(set, maxHops, root)
	}
	t.links = f.p.arborescence(root, links, t.at)
	return t
}

// arborescence keeps of the links those that a tree from root needs: each site
// is reached once, by as few hops as can be, and what leads to no writer goes.
// Parts of a lightest tree that meet again would otherwise pass a site twice;
// without that a tree is no heavier and no deeper.
func (p *problem) arborescence(root int, links, at []int) []int {
	by := map[int]int{} // site -> the link that reaches it
	order := []int{}
	for queue := []int{root}; len(queue) > 0; queue = queue[1:] {
		for _, i := range links {
			l := p.links[i]
			if _, reached := by[l.to]; l.from == queue[0] && l.to != root && !reached {
				by[l.to] = i
				order, queue = append(order, i), append(queue, l.to)
			}
		}
	}
	needed := map[int]bool{}
	for _, v := range at {
		for v != root && !needed[by[v]] {
			needed[by[v]] = true
			v = p.links[by[v]].from
		}
	}
	return slices.DeleteFunc(order, func(i int) bool { return !needed[i] })
}

// path returns the sites from the tree's root to where an end is
// written.
func (p *problem) path(t tree, end int) []int {
	path := []int{t.at[end]}
	for path[0] != t.root {
		for _, i := range t.links {
			if p.links[i].to == path[0] {
				path = slices.Insert(path, 0, p.links[i].from)
				break
			}
		}
	}
	return path
}

// usd returns what a GB costs on the tree.
func (p *problem) usd(t tree) (usd float64) {
	for _, i := range t.links {
		usd += p.links[i].usd
	}
	return usd
}
