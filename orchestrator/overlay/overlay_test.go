package overlay

import (
	"bytes"
	"encoding/json"
	"flag"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

var update = flag.Bool("update", false, "write golden files")

// sample sends 1.5 Gbit/s: 1 directly, 0.5 over a relay.
func sample() *Overlay {
	return &Overlay{
		Graph: Graph{
			Regions: []Region{{Region: "local:east", Gateways: 2}, {Region: "local:mid", Gateways: 1, USDPerHour: 0.9}, {Region: "local:west", Gateways: 1}},
			Edges: []Edge{
				{From: "local:east", To: "local:mid", Gbits: 0.5, Connections: 4, USDPerGB: 0.01, Assumed: true},
				{From: "local:east", To: "local:west", Gbits: 1, Connections: 8, USDPerGB: 0.02},
				{From: "local:mid", To: "local:west", Gbits: 0.5, Connections: 4, USDPerGB: 0.03},
			},
			Routes: []Route{
				{Path: []region.Region{"local:east", "local:west"}, Gbits: 1},
				{Path: []region.Region{"local:east", "local:mid", "local:west"}, Gbits: 0.5, Tree: 1},
			},
		},
		Throughput:  1.5,
		Bottlenecks: []string{"link local:east > local:west (1 Gbit/s)"},
	}
}

func TestSettle(t *testing.T) {
	o := sample()
	o.Cost.Requests = 0.1
	// 150 GB: 800 s. East to west 100 GB at 0.02, the relay 50 GB at 0.04, one
	// gateway at 0.9 an hour for 820 s.
	if err := o.Settle(150*unit.GB, 20*time.Second); err != nil {
		t.Fatal(err)
	}
	want := Cost{Egress: 4, Machines: 0.205, Requests: 0.1, Total: 4.305}
	for i, got := range []unit.USD{o.Cost.Egress, o.Cost.Machines, o.Cost.Requests, o.Cost.Total} {
		if w := []unit.USD{want.Egress, want.Machines, want.Requests, want.Total}[i]; math.Abs(float64(got-w)) > 1e-9 {
			t.Errorf("cost is %+v, want %+v", o.Cost, want)
		}
	}
	if o.Time.Provision != 20 || math.Abs(o.Time.Transfer-800) > 1e-9 || o.Time.Total().Round(time.Millisecond) != 820*time.Second {
		t.Errorf("time is %+v", o.Time)
	}
	o.Throughput = 0
	if err := o.Settle(1, 0); err == nil {
		t.Error("no throughput is settled")
	}
}

func TestJSON(t *testing.T) {
	o := sample()
	o.Gap = 0.001
	if err := o.Settle(150*unit.GB, 20*time.Second); err != nil {
		t.Fatal(err)
	}
	// A plan document embeds the overlay; its keys stand beside the others.
	got, err := json.MarshalIndent(struct {
		Run string `json:"run"`
		*Overlay
	}{"r1", o}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/plan.json"
	if *update {
		if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(append(got, '\n'), want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	var back Overlay
	if err := json.Unmarshal(got, &back); err != nil || !reflect.DeepEqual(back, *o) {
		t.Errorf("read back as %+v, %v", back, err)
	}
}

func TestValidate(t *testing.T) {
	if err := sample().Validate(); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(*Overlay){
		"begins elsewhere than the others": func(o *Overlay) {
			o.Routes[1].Path, o.Routes[1].Dest, o.Routes[1].Tree, o.Throughput = o.Routes[1].Path[1:], 1, 0, 1
			o.Routes[1].Gbits = 1
		},
		"does not fit to the others":          func(o *Overlay) { o.Routes[1].Tree = 0 },
		"0 gateways in local:mid":             func(o *Overlay) { o.Regions[1].Gateways = 0 },
		"region local:east twice":             func(o *Overlay) { o.Regions[1].Region = "local:east" },
		"no route":                            func(o *Overlay) { o.Routes = nil },
		"carries 0bps to destination 0":       func(o *Overlay) { o.Routes[0].Gbits = 0 },
		"not the 2Gbps of the overlay":        func(o *Overlay) { o.Throughput = 2 },
		"to destination 0, not":               func(o *Overlay) { o.Routes[1].Dest = 1 },
		"which has no gateway":                func(o *Overlay) { o.Routes[1].Path[1] = "local:up" },
		"passes local:east twice":             func(o *Overlay) { o.Routes[1].Path[1] = "local:east" },
		"carries 1Gbps, its routes":           func(o *Overlay) { o.Edges[0].Gbits = 1 },
		"which is no edge":                    func(o *Overlay) { o.Edges = o.Edges[:2] },
		"has 0 connections":                   func(o *Overlay) { o.Edges[0].Connections = 0 },
		"to itself":                           func(o *Overlay) { o.Edges[0].To = "local:east" },
		"edge local:east > local:west twice":  func(o *Overlay) { o.Edges[2] = o.Edges[1] },
		"joins a region without gateways":     func(o *Overlay) { o.Edges[0].To = "local:up" },
		"needs gateways, and the overlay has": func(o *Overlay) { o.Regions = nil },
	} {
		o := sample()
		spoil(o)
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

// TestTreesSendWhatIsSharedOnce: the routes of one tree are one flow on the edge
// that they share, those of two trees are two.
func TestTreesSendWhatIsSharedOnce(t *testing.T) {
	o := sample()
	o.Throughput = 0.5
	o.Edges = []Edge{o.Edges[0], o.Edges[2]}
	o.Routes = []Route{
		{Path: []region.Region{"local:east", "local:mid"}, Gbits: 0.5},
		{Path: []region.Region{"local:east", "local:mid", "local:west"}, Gbits: 0.5, Dest: 1},
	}
	o.Regions = append(o.Regions, Region{Region: "local:west", Gateways: 1, Machine: "large", Gbits: 0.5})
	if err := o.Validate(); err != nil {
		t.Error(err)
	}
	o.Routes[1].Tree = 1
	if err := o.Validate(); err == nil || !strings.Contains(err.Error(), "its routes 1Gbps") {
		t.Errorf("two trees: %v", err)
	}
}

func TestInside(t *testing.T) {
	o := &Overlay{
		Graph: Graph{
			Edges:  []Edge{{From: "local:east", To: region.Workstation, Gbits: 1, Assumed: true}, {From: region.Workstation, To: "local:west", Gbits: 1, Assumed: true}},
			Routes: []Route{{Path: []region.Region{region.Workstation}, Gbits: 1}},
		},
		Throughput: 1,
	}
	if err := o.Settle(unit.GB, time.Minute); err != nil || o.Time != (Time{0, 8}) {
		t.Errorf("time is %+v, %v: nothing is provisioned", o.Time, err)
	}
	if err := o.Validate(); err != nil || !o.Inside() || o.Gateways() != 0 || len(o.Assumed()) != 2 {
		t.Errorf("inside %v, %d gateways, assumed %v, %v", o.Inside(), o.Gateways(), o.Assumed(), err)
	}
	o.Edges[0].Connections = 1
	if err := o.Validate(); err == nil {
		t.Error("connections without gateways are accepted")
	}
}

func TestLookups(t *testing.T) {
	o := sample()
	if e, ok := o.Edge("local:east", "local:mid"); !ok || e.Connections != 4 {
		t.Errorf("edge to mid: %+v, %v", e, ok)
	}
	if _, ok := o.Edge("local:mid", "local:east"); ok {
		t.Error("an edge backwards")
	}
	if o.Gateways() != 4 || o.Routes[1].String() != "local:east > local:mid > local:west" {
		t.Errorf("%d gateways, route %s", o.Gateways(), o.Routes[1])
	}
}
