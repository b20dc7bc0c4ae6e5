package shape

import "time"

// stage is what happens to a packet at the time of its event.
type stage uint8

const (
	leaves  stage = iota // its host
	crosses              // the link
	enters               // the other host
	arrived
)

// event is a packet that waits for its next stage.
type event struct {
	due    time.Duration
	order  uint64 // of events at the same time, the earlier made is first
	stage  stage
	packet Packet
}

func (e *event) before(f *event) bool {
	return e.due < f.due || e.due == f.due && e.order < f.order
}

// events is a binary heap. container/heap would box every packet.
type events []event

func (h *events) push(e event) {
	*h = append(*h, e)
	q := *h
	i := len(q) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !q[i].before(&q[up]) {
			return
		}
		q[i], q[up] = q[up], q[i]
		i = up
	}
}

func (h *events) pop() event {
	q := *h
	top, last := q[0], len(q)-1
	q[0] = q[last]
	q[last] = event{} // do not hold on to its buffer
	q = q[:last]
	*h = q
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if q[child].before(&q[least]) {
				least = child
			}
		}
		if least == i {
			return top
		}
		q[i], q[least] = q[least], q[i]
		i = least
	}
}
