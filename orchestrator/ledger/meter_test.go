package ledger

import (
	"math"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/journal"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/transfer"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// chain sends from a to b, and from there on to c: one route to both.
func chain(t *testing.T) *layout.Layout {
	t.Helper()
	o := &overlay.Overlay{Graph: overlay.Graph{
		Regions: []overlay.Region{{Region: "local:a", Gateways: 1}, {Region: "local:b", Gateways: 1}, {Region: "local:c", Gateways: 1}},
		Edges: []overlay.Edge{{From: "local:a", To: "local:b", Connections: 1, USDPerGB: 0.5},
			{From: "local:b", To: "local:c", Connections: 1, USDPerGB: 0.25}},
		Routes: []overlay.Route{
			{Path: []region.Region{"local:a", "local:b"}, Gbits: 1},
			{Path: []region.Region{"local:a", "local:b", "local:c"}, Gbits: 1, Dest: 1},
		},
	}}
	l, err := layout.Build(o, 2)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func costs(t *testing.T, what string, got unit.USD, want float64) {
	t.Helper()
	if math.Abs(float64(got)-want) > 1e-9 {
		t.Errorf("%s: %v USD instead of %v", what, float64(got), want)
	}
}

// A tree sends once what both destinations get.
func TestSharedEdgesArePaidOnce(t *testing.T) {
	costs(t, "one tree", Egress(chain(t), map[journal.RouteKey]int64{
		{Reader: "local-a-0", Dest: 0}: 1e9, {Reader: "local-a-0", Dest: 1}: 8e8}), 1*0.5+0.8*0.25)
}

// The engine inside skyctl reads once and writes each destination.
func TestEgressWithoutGateways(t *testing.T) {
	o := &overlay.Overlay{Graph: overlay.Graph{
		Edges: []overlay.Edge{{From: "local:a", To: region.Workstation, USDPerGB: 0.5},
			{From: region.Workstation, To: "local:b", USDPerGB: 0.25}, {From: region.Workstation, To: "local:c", USDPerGB: 0.125}},
		Routes: []overlay.Route{{Path: []region.Region{region.Workstation}, Gbits: 1}, {Path: []region.Region{region.Workstation}, Gbits: 1, Dest: 1}},
	}}
	l, err := layout.Build(o, 2)
	if err != nil {
		t.Fatal(err)
	}
	costs(t, "by itself", Egress(l, map[journal.RouteKey]int64{{Reader: layout.Inside, Dest: 0}: 1e9, {Reader: layout.Inside, Dest: 1}: 1e9}), 0.875)
}

// limited is a meter of a run over the chain that may cost so much. It tells
// whether the run was stopped.
func limited(t *testing.T, limit unit.USD, pending int64) (*Meter, *bool) {
	l, stopped := chain(t), new(bool)
	return &Meter{terms: Terms{MaxCost: limit, Layout: func() *layout.Layout { return l }}, bill: Bill{by: time.Now()},
		exposed: func() (int64, float64) { return exposed(l, 100e6) }, stop: func(error) { *stopped = true },
		traffic: newTraffic(), pending: pending}, stopped
}

func TestMeter(t *testing.T) {
	chunk := func(dest route.Dest) transfer.Event {
		return transfer.Event{Kind: transfer.EventChunk, Gateway: "local-a-0", Dest: dest, Bytes: 1e8}
	}
	all := func(m *Meter) {
		for range 10 {
			m.see(chunk(0))
			m.see(chunk(1))
		}
	}
	m, stopped := limited(t, 0.79, 2e9) // of 0.75, and half a chunk
	if all(m); *stopped {
		t.Error("a run over a tree was stopped that costs what it may")
	}
	m, stopped = limited(t, 0.79, 2e9)
	if m.see(transfer.Event{Kind: transfer.EventRetry, Bytes: 1e8}); *stopped {
		t.Error("it was stopped before it cost anything")
	}
	if all(m); !*stopped {
		t.Error("what was sent again did not count")
	}
	m, stopped = limited(t, 0.79, 2e9)
	if m.see(transfer.Event{Kind: transfer.EventAnew, Bytes: 2e9}); *stopped {
		t.Error("it was stopped before it cost anything")
	}
	if all(m); !*stopped {
		t.Error("it goes on with an object that is read again, and has no money for any of it")
	}
}
