package cli

import (
	"fmt"
	"time"

	"github.com/skyctl/skyctl/orchestrator/unit"
)

// figures are what moves: a listing that grows, or a transfer on its way to
// its end. They are of this session: a resumed run begins at 0.
type figures struct {
	listing    bool
	objects    int64 // listed, or done
	bytes      int64
	allObjects int64 // 0 while listing
	allBytes   int64
	elapsed    time.Duration
	bottleneck string // what holds the run back; empty where that is not known
}

// rate is the average since the session began.
func (f figures) rate() unit.Gbps {
	if f.elapsed <= 0 {
		return 0
	}
	return unit.Gbps(float64(f.bytes) * 8 / f.elapsed.Seconds() / 1e9)
}

// left is the time to the end at that rate, 0 if it is not known.
func (f figures) left() time.Duration {
	if f.bytes == 0 {
		return 0
	}
	return time.Duration(float64(f.elapsed) * float64(f.allBytes-f.bytes) / float64(f.bytes)).Round(time.Second)
}

// String is one line for people.
func (f figures) String() string {
	if f.listing {
		return fmt.Sprintf("%s, %s so far", quantity(f.objects, "object"), unit.Bytes(f.bytes).Human())
	}
	text := fmt.Sprintf("%s of %s, %d of %s, %s", unit.Bytes(f.bytes).Human(), unit.Bytes(f.allBytes).Human(),
		f.objects, quantity(f.allObjects, "object"), f.rate().Human())
	if left := f.left(); left > 0 {
		text += fmt.Sprintf(", %s left", left)
	}
	if f.bottleneck != "" {
		text += ", bottleneck: " + f.bottleneck
	}
	return text
}
