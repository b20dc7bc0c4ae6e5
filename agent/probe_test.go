package agent_test

import (
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/agenttest"
	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/route"
)

// TestProbesTellTheTransportsApart: before the agents know of any session.
func TestProbesTellTheTransportsApart(t *testing.T) {
	simulated(t, "", func(t *testing.T, _ places, sim *agenttest.Sim, o agenttest.Options) {
		f := agenttest.Start(t, o, "a", "b")
		probe := func(to route.Gateway) (control.ProbeResult, time.Duration) {
			t.Helper()
			start := time.Now()
			r, err := f.Agent("a").Probe(t.Context(), control.ProbeRequest{Peer: to, Address: f.Address("b")})
			if err != nil {
				t.Fatal(err)
			}
			return r, time.Since(start)
		}
		r, took := probe("b")
		if took > 2*time.Second {
			t.Errorf("it took %v", took)
		}
		if q := r.QUIC; q.Error != "" || q.Gbps == 0 || q.RTT < 80*time.Millisecond || q.RTT > 200*time.Millisecond || q.Sent == 0 {
			t.Errorf("QUIC: %+v", q)
		}
		if x := r.TLS; x.Error != "" || x.Gbps == 0 {
			t.Errorf("TLS: %+v", x)
		}
		sim.BlockUDP(true)
		r, took = probe("b")
		if r.QUIC.Error == "" || r.TLS.Error != "" || took > 2*time.Second {
			t.Errorf("UDP blocked: %+v after %v", r, took)
		}
		sim.BlockUDP(false)
		if r, _ = probe("c"); r.QUIC.Error == "" || r.TLS.Error == "" {
			t.Errorf("b answers for c: %+v", r)
		}
	})
}
