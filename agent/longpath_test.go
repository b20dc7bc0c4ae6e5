package agent_test

import (
	"flag"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skyctl/skyctl/agent/agenttest"
	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
)

var fullPath = flag.Bool("full-path", false, "TestLongPath with 1 Gbit/s and 64 connections, not a sixteenth of both; a minute of processor time")

// On a long path with random loss the rate is connections times what
// congestion control allows each: that the agent uses all of them, and keeps
// them busy, shows in how much of the link it fills.
func TestLongPath(t *testing.T) {
	connections, during, reach := 4, 20*time.Second, 0.55 // so few fluctuate
	if *fullPath {
		connections, during, reach = 64, 10*time.Second, 0.7
	}
	const (
		each   = 1e9 / 64 // bit/s, a connection's part of the link
		rtt    = 150 * time.Millisecond
		size   = 2 << 20
		settle = 25 * time.Second // until then the windows are what slow start left, above what loss allows
	)
	rate := each * float64(connections)
	store := newNowhere(size)
	synctest.Test(t, func(t *testing.T) {
		sim := agenttest.NewSim(rtt / 2)
		sim.Shape(t, agenttest.Shape{Rate: rate, Loss: 1e-4, Queue: rtt})
		config := objstore.Config{Type: "mem", Bucket: "nowhere"}
		f := agenttest.Start(t, agenttest.Options{Net: sim, Connections: connections, Transport: control.TransportQUIC, Streams: 4 * connections,
			Memory: 1 << 30, Stores: map[string]objstore.Config{"x": config}}, "r", "w")
		for _, g := range []route.Gateway{"r", "w"} {
			f.Agent(g).UseBucket("x", config, store)
		}
		f.Configure("s", agenttest.Chain(0, 1, "r", "w"))
		chunks := make([]control.Assignment, int(rate*(settle+2*during).Seconds()/8/size))
		for i := range chunks {
			chunks[i] = control.Assignment{Chunk: chunk.ID{Object: int64(i + 1)}, Attempt: 1, Store: "x", Key: "k",
				Range: chunk.Range{Length: size}, Dests: []control.Dest{{Store: "x", Key: "k"}}}
		}
		if err := f.Agent("r").Assign(t.Context(), chunks); err != nil {
			t.Fatal(err)
		}
		received := func() int64 {
			s, err := f.Agent("w").Stats(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return s.BytesReceived
		}
		time.Sleep(settle)
		before := received()
		time.Sleep(during)
		filled := float64(received()-before) * 8 / during.Seconds() / rate
		line := fmt.Sprintf("%-56s %8.2f   reach %.2f", fmt.Sprintf("QUIC at %v, 0.01 %% loss, %d connections: of the link", rtt, connections), filled, reach)
		if filled < reach {
			t.Error(line)
		}
		t.Log(line)
	})
}
