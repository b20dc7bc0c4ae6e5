package simplex

// ordered is a list of candidates that is sorted from its front as far as it is
// asked to be: the ratio test needs few of many. What is not sorted yet is a
// heap that lies backwards, its top at the end of the list, so that the place
// that a removal frees is the next of the sorted part.
type ordered struct {
	list   []candidate
	sorted int
}

func order(list []candidate) ordered {
	o := ordered{list: list}
	for k := len(list)/2 - 1; k >= 0; k-- {
		o.sink(k)
	}
	return o
}

// next sorts one more candidate and returns it.
func (o *ordered) next() candidate {
	top := len(o.list) - 1
	first := o.list[top]
	o.list[top] = o.list[o.sorted]
	o.list[o.sorted] = first
	o.sorted++
	o.sink(0)
	return first
}

// more reports whether the next candidate is due by ratio.
func (o *ordered) more(ratio float64) bool {
	return o.sorted < len(o.list) && o.list[len(o.list)-1].ratio <= ratio
}

// sink restores the heap below its k-th element.
func (o *ordered) sink(k int) {
	last := len(o.list) - 1
	size := len(o.list) - o.sorted
	for {
		child := 2*k + 1
		if child >= size {
			return
		}
		if child+1 < size && o.list[last-child-1].before(o.list[last-child]) {
			child++
		}
		if !o.list[last-child].before(o.list[last-k]) {
			return
		}
		o.list[last-k], o.list[last-child] = o.list[last-child], o.list[last-k]
		k = child
	}
}

// before orders candidates: by ratio, then the larger pivot, then by column.
func (c candidate) before(d candidate) bool {
	if c.ratio != d.ratio {
		return c.ratio < d.ratio
	}
	if c.alpha != d.alpha {
		return c.alpha > d.alpha
	}
	return c.column < d.column
}
