package source

import (
	"math"
	"time"
)

// pace is how fast a route takes bytes: as planned until it is measured.
//
// What is measured are the bytes that the route took, not those that were
// acknowledged: acknowledgements come a chunk at a time, and on a slow link a
// chunk takes longer than the run can wait to learn that it is slow.
type pace struct {
	planned  float64 // bytes/s
	measured float64 // bytes/s; 0: not yet

	since time.Time // start of the present sample; zero while nothing is under way
	sent  int64     // in it, bytes
}

const (
	// sampleFor is the shortest sample: several round trips of any path.
	sampleFor = time.Second
	// remembered is how long a sample counts: seconds, so that a link that
	// changes is noticed, and one that breathes is not.
	remembered = 3 * time.Second
)

// took notes that bytes went into the route by now.
func (p *pace) took(bytes int64, now time.Time) {
	p.sent += bytes
	took := now.Sub(p.since)
	if took < sampleFor {
		return
	}
	sample := float64(p.sent) / took.Seconds()
	if p.measured == 0 {
		p.measured = sample
	} else {
		p.measured += (sample - p.measured) * (1 - math.Exp(-took.Seconds()/remembered.Seconds()))
	}
	p.since, p.sent = now, 0
}

// rest ends a sample in which the route had nothing more to take.
func (p *pace) rest() { p.since, p.sent = time.Time{}, 0 }

// begin starts a sample unless one is under way.
func (p *pace) begin(now time.Time) {
	if p.since.IsZero() {
		p.since, p.sent = now, 0
	}
}

// expected is what the route will take, in bytes/s, never 0.
func (p *pace) expected() float64 {
	if p.measured > 0 {
		return max(p.measured, 1)
	}
	return max(p.planned, 1)
}

// most is the larger of what was planned and what is seen: how much a route
// gets ahead goes by it, so that one that was kept short can show what it has.
func (p *pace) most() float64 { return max(p.planned, p.measured) }
