package link

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/agent/wire"
)

// Load is how a path is loaded to be measured.
type Load struct {
	Transport   Transport
	Connections int
	Seconds     int // that count
}

// Throughput is what was measured of a path under load.
type Throughput struct {
	RTT        time.Duration // the least of the connections', which queues stretch
	Gbps       []float64     // that the peer got in each second
	Bytes      int64         // that it got in all
	Sent, Lost int64         // packets
}

const (
	second = time.Second
	// patience is what a second's answer may take beyond it: buffers that are
	// full have to drain.
	patience = 10 * time.Second
)

// Measure loads the path to a gateway over connections that are opened for it,
// second by second. The first second does not count: in it the windows open.
func (e *Endpoint) Measure(ctx context.Context, name route.Gateway, address string, l Load) (t Throughput, err error) {
	probes := make([]probe, l.Connections)
	defer func() {
		for i := range probes {
			probes[i].close()
		}
	}()
	var dialing sync.WaitGroup
	for i := range probes {
		probes[i] = probe{endpoint: e, peer: &peer{name: name, cfg: Peer{Address: address, Transport: l.Transport}}}
		dialing.Go(func() { probes[i].connect(ctx, patience) })
	}
	dialing.Wait()
	var errs []error
	for i := range probes {
		errs = append(errs, probes[i].err)
	}
	if err := first(errs); err != nil {
		return t, err
	}
	for i := range l.Seconds + 1 {
		counts, err := together(ctx, probes)
		if err != nil {
			return t, fmt.Errorf("in second %d of %d: %w", i, l.Seconds, err)
		}
		sum := 0.0
		for _, c := range counts {
			sum += gbps(c)
			t.Bytes += c.Bytes
		}
		if i > 0 {
			t.Gbps = append(t.Gbps, sum)
		}
	}
	t.RTT = math.MaxInt64
	for i := range probes {
		path, err := probes[i].conn.measure()
		if err != nil {
			return t, err
		}
		t.RTT = min(t.RTT, path.RTT)
		t.Sent, t.Lost = t.Sent+path.Sent, t.Lost+path.Lost
	}
	return t, nil
}

// together sends on all connections for a second and returns what the peer got
// on each.
func together(ctx context.Context, probes []probe) ([]wire.Count, error) {
	ctx, cancel := context.WithTimeout(ctx, second+patience)
	defer cancel()
	counts, errs := make([]wire.Count, len(probes)), make([]error, len(probes))
	var sending sync.WaitGroup
	for i := range probes {
		sending.Go(func() { counts[i], errs[i] = probes[i].send(ctx, second, math.MaxInt64) })
	}
	sending.Wait()
	return counts, first(errs)
}

// first is the first error, and how many more there are: of many connections
// most say the same.
func first(errs []error) error {
	var found error
	n := 0
	for _, err := range errs {
		if err != nil {
			if n++; found == nil {
				found = err
			}
		}
	}
	if n > 1 {
		return fmt.Errorf("%w (on %d of %d connections)", found, n, len(errs))
	}
	return found
}
