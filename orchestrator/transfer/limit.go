package transfer

import (
	"context"
	"math"
	"time"

	"github.com/skyctl/skyctl/agent/control"
)

// The run's limit is divided among its readers by their planned weight. A
// reader that has nothing to do, or does not come near its share, leaves the
// rest to the others.
const (
	// trickle is the part of its planned share that an idle reader keeps, so
	// that it can begin before the shares are looked at again.
	trickle = 0.05
	// headroom is what a reader gets beyond what it read, so that it can grow.
	headroom = 1.25
	// notable is the least change of a share that a reader is told.
	notable = 0.02
)

// weight is the rate that is planned for the reader, on all its routes.
func (r *reader) weight() (sum float64) {
	for _, rt := range r.routes {
		sum += max(rt.Weight, 1e-6)
	}
	return sum
}

// share is what a reader gets of the limit.
type share struct {
	reader *reader
	bytes  int64 // a second
}

// shares divides the limit. What readers leave is given to those that take it.
func (s *scheduler) shares() []share {
	limit := float64(s.cfg.Limit)
	total := 0.0
	for _, r := range s.readers {
		total += r.weight()
	}
	all := make([]share, len(s.readers))
	left, takers := limit, 0.0
	var taking []int
	for i, r := range s.readers {
		planned := limit * r.weight() / total
		needs := math.Inf(1)
		switch {
		case r.gateway.state != working || len(r.out) == 0:
			needs = trickle * planned
		case r.gateway.stats.Bottleneck.On != control.ResourceLimit && r.gateway.rate > 0:
			needs = max(trickle*planned, headroom*r.gateway.rate)
		}
		all[i] = share{r, int64(min(needs, planned))}
		if needs < planned {
			left -= needs
			continue
		}
		taking = append(taking, i)
		takers += r.weight()
	}
	for _, i := range taking {
		all[i].bytes = int64(left * s.readers[i].weight() / takers)
	}
	return all
}

// divide tells the readers their shares where they have changed: first those
// that get less, so that all together never read more than the limit.
func (s *scheduler) divide() {
	if s.cfg.Limit == 0 || s.dividing {
		return
	}
	type change struct {
		g     *gateway
		api   control.API
		bytes int64
	}
	var less, more []change
	for _, x := range s.shares() {
		g, had := x.reader.gateway, x.reader.share
		if g.state != working || math.Abs(float64(x.bytes-had)) < notable*float64(had) {
			continue
		}
		c := change{g, g.api, max(1, x.bytes)}
		if x.reader.share = c.bytes; had > 0 && c.bytes < had {
			less = append(less, c)
		} else {
			more = append(more, c)
		}
	}
	if len(less)+len(more) == 0 {
		return
	}
	s.dividing = true
	ctx, patience := s.ctx, s.cfg.Health.Grace
	s.spawn(func() {
		var failed []*gateway
		for _, c := range append(less, more...) {
			ctx, cancel := context.WithTimeout(ctx, patience)
			if c.api.Limit(ctx, control.LimitRequest{BytesPerSecond: c.bytes}) != nil {
				failed = append(failed, c.g)
			}
			cancel()
		}
		s.post(func() {
			s.dividing = false
			for _, g := range failed { // to be told again; whether it is well is the watch's to find out
				g.reader.share = 0
				s.probe(g)
			}
		})
	})
}

// measured takes a gateway's statistics.
func (s *scheduler) measured(g *gateway, epoch int, stats control.Stats) {
	if g.epoch != epoch {
		return
	}
	now := time.Now()
	if span := now.Sub(g.statsAt).Seconds(); !g.statsAt.IsZero() && span > 0 {
		g.rate = float64(stats.BytesRead-g.stats.BytesRead) / span
	}
	g.stats, g.statsAt = stats, now
	s.connected(g)
	if g.reader != nil && g.reader.sends() {
		s.progress(g, stats)
	}
}
