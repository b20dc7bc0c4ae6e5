package orchestrator

import (
	"testing"

	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/journal"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/region"
)

// TestSharedEdgesArePaidOnce: a tree sends once what both destinations get.
func TestSharedEdgesArePaidOnce(t *testing.T) {
	o := &overlay.Overlay{Graph: overlay.Graph{
		Regions: []overlay.Region{{Region: "local:a", Gateways: 1}, {Region: "local:b", Gateways: 1}, {Region: "local:c", Gateways: 1}},
		Edges:   []overlay.Edge{{From: "local:a", To: "local:b", Connections: 1}, {From: "local:b", To: "local:c", Connections: 1}},
		Routes: []overlay.Route{
			{Path: []region.Region{"local:a", "local:b"}, Gbits: 1},
			{Path: []region.Region{"local:a", "local:b", "local:c"}, Gbits: 1, Dest: 1},
		},
	}}
	l, err := layout.Build(o, 2)
	if err != nil {
		t.Fatal(err)
	}
	got := sent(l, map[journal.RouteKey]int64{{Reader: "local-a-0", Dest: 0}: 100, {Reader: "local-a-0", Dest: 1}: 80})
	if got[grid.Pair{From: "local:a", To: "local:b"}] != 100 || got[grid.Pair{From: "local:b", To: "local:c"}] != 80 {
		t.Errorf("%v", got)
	}
}
