package fleet

import (
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/transfer"
)

func TestTransportsAreChosenByWhatWasFound(t *testing.T) {
	at := func(gbps float64) control.Probed {
		return control.Probed{RTT: 80 * time.Millisecond, Gbps: gbps, Sent: 1000, Lost: 1}
	}
	blocked := control.Probed{Error: "timeout"}
	for _, c := range []struct {
		name      string
		quic, tls control.Probed
		want      string
		reason    string
	}{
		{"UDP blocked", blocked, at(1), "tls", "UDP does not get through: timeout"},
		{"TCP blocked", at(1), blocked, "quic", "TCP does not get through: timeout"},
		{"neither", blocked, blocked, "quic", "neither answered"},
		{"QUIC faster", at(3), at(1), "quic", "faster: in a probe QUIC got 3.00 Gbit/s (80ms, 0.10 % lost), TLS 1.00"},
		{"TLS faster", at(1), at(3), "tls", "faster"},
		{"much the same", at(1.9), at(1), "tls", "cheaper in processor time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := chooseTransport(control.ProbeResult{QUIC: c.quic, TLS: c.tls})
			if got.transport != c.want || got.fallback != (c.want == "quic") || !strings.Contains(got.reason, c.reason) {
				t.Errorf("%+v, want %s: %s", got, c.want, c.reason)
			}
		})
	}
}

func TestChoicesAreToldByRegion(t *testing.T) {
	f := &Fleet{
		layout: &layout.Layout{Gateways: []layout.Gateway{{Name: "e1", Region: "local:east"}, {Name: "w1", Region: "local:west"}, {Name: "w2", Region: "local:west"}}},
		transports: map[[2]route.Gateway]chosen{
			{"e1", "w1"}: {transport: "tls", reason: "b"}, {"e1", "w2"}: {transport: "tls", reason: "a"},
		},
		moved: map[[2]route.Gateway]chosen{},
	}
	if got := f.Choices(); len(got) != 1 || got[0] != (TransportChoice{"local:east", "local:west", "tls", "a"}) {
		t.Errorf("%+v", got)
	}
	f.transports[[2]route.Gateway{"w1", "e1"}] = chosen{transport: "quic", reason: "c"}
	f.Hear(transfer.Event{Kind: transfer.EventTransport, Gateway: "w1", Peer: "e1", Transport: "tls", Reason: "UDP is blocked"})
	if got := f.Choices(); len(got) != 2 || got[1] != (TransportChoice{"local:west", "local:east", "tls", "UDP is blocked"}) {
		t.Errorf("after a change on the way: %+v", got)
	}
}
