package transfer

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skyctl/skyctl/agent/agenttest"
	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
)

// farFleet is real agents, each rtt away from the orchestrator.
type farFleet struct {
	*agenttest.Fleet
	rtt time.Duration
}

func (f farFleet) API(name route.Gateway) control.API { return farAPI{f.Agent(name), f.rtt} }
func (farFleet) Reroute(context.Context, route.Gateway, []control.Route) error {
	return errors.ErrUnsupported
}
func (farFleet) Replace(context.Context, route.Gateway) error { return errors.ErrUnsupported }

// farAPI is an agent whose calls take a round trip.
type farAPI struct {
	control.API
	rtt time.Duration
}

func (a farAPI) Assign(ctx context.Context, chunks []control.Assignment) error {
	time.Sleep(a.rtt / 2)
	err := a.API.Assign(ctx, chunks)
	time.Sleep(a.rtt / 2)
	return err
}

func (a farAPI) Results(ctx context.Context, after uint64, yield func([]control.Result) error) error {
	return a.API.Results(ctx, after, func(batch []control.Result) error {
		time.Sleep(a.rtt / 2)
		return yield(batch)
	})
}

// TestSmallObjectsFillALongWay: nothing waits a round trip for an object,
// neither between gateways nor for the orchestrator.
func TestSmallObjectsFillALongWay(t *testing.T) {
	const (
		objects = 6000 // five seconds; slow start is one of them
		size    = 4 << 10
		rtt     = 300 * time.Millisecond
		rate    = 40e6 // bit/s
	)
	for _, transport := range []string{control.TransportQUIC, control.TransportTLS} {
		t.Run(transport, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, 1, sizes(objects, size)...)
				sim := agenttest.NewSim(rtt / 2)
				sim.Shape(t, agenttest.Shape{Rate: rate, Queue: rtt})
				fleet := agenttest.Start(t, agenttest.Options{Net: sim, Connections: 8, Transport: transport, Memory: 512 << 20, Stores: map[string]objstore.Config{
					"src":  {Type: "mem", Bucket: b.name + "/src"},
					"dst0": {Type: "mem", Bucket: b.name + "/dst0"},
				}}, "r", "w")
				way := agenttest.Chain(0, rate/1e9, "r", "w")
				fleet.Configure("one", way)
				cfg := b.config()
				cfg.ChunkSize = 5 << 20
				cfg.Fleet = farFleet{fleet, 40 * time.Millisecond}
				cfg.Readers = []Reader{{Name: "r", Routes: []control.Route{way}}}
				cfg.Dests[0].Writers = []route.Gateway{"w"}
				r, err := Run(t.Context(), cfg)
				if err != nil {
					t.Fatal(err)
				}
				if got, most := float64(objects)/r.Transfer.Seconds(), rate/8/size; got < 0.65*most {
					t.Errorf("%.0f objects/s where the link carries %.0f", got, most)
				}
			})
		})
	}
}
