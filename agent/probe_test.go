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

// TestMeasuresAPathUnderLoad: second by second, what a link of a known rate
// carries, on connections that are used again.
func TestMeasuresAPathUnderLoad(t *testing.T) {
	simulated(t, "", func(t *testing.T, _ places, sim *agenttest.Sim, o agenttest.Options) {
		const gbps = 0.1
		sim.Shape(t, agenttest.Shape{Rate: gbps * 1e9, Queue: 50 * time.Millisecond})
		f := agenttest.Start(t, o, "a", "b")
		m, err := f.Agent("a").Measure(t.Context(), control.MeasureRequest{Peer: "b", Address: f.Address("b"), Transport: control.TransportQUIC, Connections: 4, Seconds: 3})
		if err != nil || len(m.Gbps) != 3 {
			t.Fatalf("%+v, %v", m, err)
		}
		for _, got := range m.Gbps {
			if got < 0.7*gbps || got > gbps {
				t.Errorf("%v Gbit/s, the link has %v", m.Gbps, gbps)
			}
		}
		if m.RTT < 80*time.Millisecond || m.RTT > 200*time.Millisecond || m.Sent == 0 || m.Bytes < 3*gbps*1e9/8*0.7 {
			t.Errorf("%+v", m)
		}
	})
}

// TestMeasuresOverTLS: payloads follow each other on a connection although the
// peer wants no more in the middle of each.
func TestMeasuresOverTLS(t *testing.T) {
	f := agenttest.Start(t, agenttest.Options{}, "a", "b")
	req := control.MeasureRequest{Peer: "b", Address: f.Address("b"), Transport: control.TransportTLS, Connections: 2, Seconds: 2}
	m, err := f.Agent("a").Measure(t.Context(), req)
	if err != nil || len(m.Gbps) != 2 || m.Gbps[0] <= 0 || m.Gbps[1] <= 0 || m.Bytes == 0 {
		t.Errorf("%+v, %v", m, err)
	}
	for _, wrong := range []func(*control.MeasureRequest){
		func(r *control.MeasureRequest) { r.Peer = "c" }, // b does not answer for c
		func(r *control.MeasureRequest) { r.Transport = "" },
		func(r *control.MeasureRequest) { r.Connections = 65 },
		func(r *control.MeasureRequest) { r.Seconds = 0 },
	} {
		bad := req
		wrong(&bad)
		if m, err := f.Agent("a").Measure(t.Context(), bad); err == nil {
			t.Errorf("%+v: %+v", bad, m)
		}
	}
}
