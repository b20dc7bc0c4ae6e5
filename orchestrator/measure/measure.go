package measure

import (
	"context"
	"fmt"
	"time"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/fleet"
	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/layout"
)

// Gateways are those between which links are measured.
type Gateways interface {
	API(name route.Gateway) control.API
	Addresses() map[route.Gateway]string
}

// Told gets what becomes of each pair.
type Told struct {
	Found  func(grid.Measurement) error // an error ends the measuring
	Failed func(grid.Pair, error)
}

// Pairs measures the pairs of a layout's edges one after the other, so that none
// is in another's way, and returns how much arrived over each. It fails only where
// going on makes no sense.
func Pairs(ctx context.Context, g Gateways, l *layout.Layout, seconds int, told Told) (arrived map[grid.Pair]int64, err error) {
	arrived = map[grid.Pair]int64{}
	for _, e := range l.Overlay.Edges {
		m, bytes, err := measure(ctx, g, l, e.Pair(), seconds)
		arrived[e.Pair()] += bytes
		switch {
		case ctx.Err() != nil:
			return arrived, context.Cause(ctx)
		case err != nil:
			told.Failed(e.Pair(), err)
			continue
		}
		if err := told.Found(m); err != nil {
			return arrived, err
		}
	}
	return arrived, nil
}

// measure loads the way between two regions, from their first gateways on, and
// returns what that found and how much arrived.
func measure(ctx context.Context, g Gateways, l *layout.Layout, pair grid.Pair, seconds int) (m grid.Measurement, arrived int64, err error) {
	from, to := l.In(pair.From), l.In(pair.To)
	connections, transport := grid.MeasureConnections(pair), ""
	var gbps []float64
	var rtt time.Duration
	at := g.Addresses()
	for i := range from {
		if chosen := fleet.Probe(ctx, g.API(from[i]), at[from[i]], to[i], at[to[i]]); i == 0 {
			transport = chosen
		}
		found, err := g.API(from[i]).Measure(ctx, control.MeasureRequest{Peer: to[i], Address: at[to[i]],
			Transport: transport, Connections: connections, Seconds: seconds})
		if err != nil {
			return m, arrived, fmt.Errorf("%s to %s: %w", from[i], to[i], err)
		}
		arrived += found.Bytes
		gbps = append(gbps, found.Gbps...)
		if i == 0 || found.RTT < rtt {
			rtt = found.RTT.Round(time.Microsecond)
		}
	}
	m, err = grid.Summarise(pair, gbps, rtt, connections, transport, time.Now().UTC().Truncate(time.Second))
	return m, arrived, err
}
