package transfer

import (
	"sync/atomic"
	"time"
)

// cutOff is whether this process is cut off: then none of several gateways
// answers. They go on with what they have, and to replace them would be in vain.
type cutOff struct {
	now   atomic.Bool
	until atomic.Int64 // when it last was, in nanoseconds since 1970
}

// lookAround finds out whether this process is cut off.
func (s *scheduler) lookAround() {
	there, silent := 0, 0
	for _, g := range s.gateways {
		if g.state == working {
			there++
			if g.ailing {
				silent++
			}
		}
	}
	now := there > 1 && silent == there
	if was := s.cutOff.now.Swap(now); was && !now {
		s.cutOff.until.Store(time.Now().UnixNano())
	}
}

// patience is how long a gateway may go on failing like this before it is lost.
// It is called from any goroutine.
func (s *scheduler) patience(err error) time.Duration {
	h := s.cfg.Health
	back := time.Unix(0, s.cutOff.until.Load()) // others answer: this one has some time too
	switch {
	case refused(err):
		return min(h.Refused, h.Grace)
	case s.cutOff.now.Load(), time.Since(back) < h.Grace:
		return max(h.CutOff, h.Grace)
	}
	return h.Grace
}
