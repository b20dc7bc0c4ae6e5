package lu

import "slices"

// buckets keeps numbers below m in doubly linked lists by a count.
type buckets struct {
	head       []int32 // first with this count, -1 for none
	next, prev []int32
	count      []int32 // of each number, -1 if it is in no list
}

func (b *buckets) init(m int) {
	b.head = make([]int32, max(m, 1)+1)
	b.next = make([]int32, m)
	b.prev = make([]int32, m)
	b.count = slices.Repeat([]int32{-1}, m)
}

func (b *buckets) clear() {
	for i := range b.head {
		b.head[i] = -1
	}
	for i := range b.count {
		b.count[i] = -1
	}
}

func (b *buckets) first(count int) int32 { return b.head[count] }

func (b *buckets) in(i int32) bool { return b.count[i] >= 0 }

func (b *buckets) put(i int32, count int) {
	h := b.head[count]
	b.next[i], b.prev[i] = h, -1
	if h >= 0 {
		b.prev[h] = i
	}
	b.head[count], b.count[i] = i, int32(count)
}

func (b *buckets) remove(i int32) {
	if b.count[i] < 0 {
		return
	}
	if b.prev[i] >= 0 {
		b.next[b.prev[i]] = b.next[i]
	} else {
		b.head[b.count[i]] = b.next[i]
	}
	if b.next[i] >= 0 {
		b.prev[b.next[i]] = b.prev[i]
	}
	b.count[i] = -1
}

// move puts i under another count; one that was removed stays removed.
func (b *buckets) move(i int32, count int) {
	if b.count[i] < 0 || int(b.count[i]) == count {
		return
	}
	b.remove(i)
	b.put(i, count)
}
