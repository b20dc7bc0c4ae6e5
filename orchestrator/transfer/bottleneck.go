package transfer

import (
	"fmt"
	"time"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/route"
)

// reviewEvery is how often the gateways' statistics are looked at together.
const reviewEvery = time.Second

// steady is for how many reviews in a row a bottleneck is the same before
// people are told of it.
const steady = 3

// bottleneck is what holds the run back, as it is seen from review to review.
type bottleneck struct {
	seen    string // at the last review
	times   int    // in a row
	told    string
	seconds map[string]int // reviews, by what was seen
}

// most is what was seen most often, "" if nothing was.
func (b *bottleneck) most() (text string) {
	for t, n := range b.seconds {
		if n > b.seconds[text] || n == b.seconds[text] && t < text {
			text = t
		}
	}
	return text
}

// scheduleReview has the statistics looked at every second.
func (s *scheduler) scheduleReview() {
	s.timers.after(reviewEvery, func() {
		s.diagnose()
		s.divide()
		s.weigh()
		s.foresee()
		s.reroute()
		s.scheduleReview()
	})
}

// diagnose finds out what holds the run back now, and tells when that changes.
func (s *scheduler) diagnose() {
	chunks := map[string]float64{}
	cause := ""
	for _, r := range s.readers {
		g := r.gateway
		if g.state != working || len(r.out) == 0 || g.stats.Bottleneck.On == "" {
			continue
		}
		text := s.cause(g, len(s.gateways))
		if chunks[text] += g.stats.Bottleneck.Chunks; chunks[text] > chunks[cause] {
			cause = text
		}
	}
	if cause == "" {
		return
	}
	b := &s.bottleneck
	b.seconds[cause]++
	if b.times++; cause != b.seen {
		b.seen, b.times = cause, 1
	}
	if b.times >= steady && b.told != cause {
		b.told = cause
		s.emit(Event{Kind: EventBottleneck, Reason: cause})
	}
}

// cause follows what a gateway waits for to whoever is really busy: a gateway
// that waits for another is held back by what that one waits for, if as much
// waits there, and otherwise by the network between them. It takes at most
// hops steps.
func (s *scheduler) cause(g *gateway, hops int) string {
	b := g.stats.Bottleneck
	if text := s.ownCause(g); text != "" {
		return text
	}
	if b.On == control.ResourceCredit {
		if w := s.gateways[b.Gateway]; w != nil && w.state == working && w.isBusy(b.Chunks/2) {
			if text := s.ownCause(w); text != "" {
				return text
			}
		}
		b.Gateway = waitsMostFor(&g.stats)
	}
	next := s.gateways[b.Gateway]
	if next == nil || next.state != working || hops == 0 {
		return s.network(g.name, b.Gateway)
	}
	if then := next.stats.Bottleneck; then.On == "" || then.On == control.ResourceReceive || !next.isBusy(b.Chunks/2) {
		return s.network(g.name, b.Gateway)
	}
	return s.cause(next, hops-1)
}

// isBusy tells whether so many chunks wait at the gateway, or for its processors:
// of these the chunks do not wait that it works on.
func (g *gateway) isBusy(chunks float64) bool {
	return g.stats.Bottleneck.Chunks >= chunks || g.stats.Bottleneck.On == control.ResourceCPU
}

// ownCause names a bottleneck that is at the gateway itself, "" if it is not.
func (s *scheduler) ownCause(g *gateway) string {
	switch g.stats.Bottleneck.On {
	case control.ResourceRead:
		return "reads from " + s.place(g.name, "the source")
	case control.ResourceWrite:
		return "writes to " + s.place(g.name, "the destination")
	case control.ResourceMemory:
		return fmt.Sprintf("the memory of %s", g.name)
	case control.ResourceCPU:
		return s.processor(g.name)
	case control.ResourceLimit:
		return "--bwlimit"
	}
	return ""
}

func (s *scheduler) processor(of route.Gateway) string { return fmt.Sprintf("the processor of %s", of) }

// waitsMostFor is the peer for which most chunks wait.
func waitsMostFor(stats *control.Stats) route.Gateway {
	var most control.Wait
	for _, w := range stats.Waits {
		if (w.On == control.ResourceSend || w.On == control.ResourceAck) && w.Chunks > most.Chunks {
			most = w
		}
	}
	return most.Gateway
}

// wanting is the part of its processors that a process uses, or would if it had
// them, where they are what its work waits for.
const wanting = 0.9

// network names what is between two gateways, unless one of them gets nothing
// done because others have its processors.
func (s *scheduler) network(from, to route.Gateway) string {
	for _, name := range []route.Gateway{from, to} {
		if g := s.gateways[name]; g != nil && g.state == working && g.stats.CPU+g.stats.CPUWait >= wanting {
			return s.processor(name)
		}
	}
	return fmt.Sprintf("the network from %s to %s", s.place(from, "here"), s.place(to, "there"))
}

// place is where a gateway is.
func (s *scheduler) place(name route.Gateway, nowhere string) string {
	if s.cfg.Place == nil {
		return string(name)
	}
	if at := s.cfg.Place(name); at != "" {
		return at
	}
	return nowhere
}
