package grid

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/skyctl/skyctl/orchestrator/region"
)

// TestModelIsWhole holds that the model knows every pair of the catalogue, and
// says that it is a model.
func TestModelIsWhole(t *testing.T) {
	g := New(nil, nil).WithModel()
	for _, from := range region.Places() {
		for _, to := range region.Places() {
			if from.Region == to.Region {
				continue
			}
			l, err := g.Link(from.Region, to.Region)
			if err != nil || !(l.Gbps > 0.5) || l.Gbps > 30 || l.RTT < time.Millisecond || l.RTT > 700*time.Millisecond ||
				l.Connections != 64 || l.Total || l.Assumed || l.Source != SourceModel {
				t.Errorf("%s > %s: %+v, %v", from.Region, to.Region, l, err)
			}
		}
	}
	if got := len(g.Regions()); got != len(region.Places()) {
		t.Errorf("%d regions", got)
	}
}

// TestModel holds figures against what was measured: medians of the areas, and
// round trips to a third.
func TestModel(t *testing.T) {
	g := New(nil, nil).WithModel()
	for _, c := range []struct {
		from, to region.Region
		gbps     float64
		rtt      float64 // ms, measured
	}{
		{"aws:us-east-1", "aws:eu-west-1", 5, 67},
		{"azure:canadacentral", "gcp:asia-northeast1", 5.6, 155},
		{"gcp:us-central1", "gcp:europe-west4", 6.2, 100},
		{"azure:eastus", "azure:westeurope", 17, 82},
		{"azure:uaenorth", "aws:me-central-1", 9.6, 0}, // areas that were not measured: by distance
	} {
		l, err := g.Link(c.from, c.to)
		if err != nil || math.Abs(float64(l.Gbps)-c.gbps) > 1e-9 {
			t.Errorf("%s > %s: %+v, %v", c.from, c.to, l, err)
		}
		if ms := l.RTT.Seconds() * 1000; c.rtt > 0 && math.Abs(ms-c.rtt) > c.rtt/3 {
			t.Errorf("%s > %s: %.0f ms, measured %.0f", c.from, c.to, ms, c.rtt)
		}
	}
	var unknown *UnknownError
	for _, pair := range []Pair{{"aws:us-east-1", "aws:moon-1"}, {"aws:us-east-1", "local:east"}, {"aws:us-east-1", "aws:us-east-1"}} {
		if l, err := g.Link(pair.From, pair.To); !errors.As(err, &unknown) {
			t.Errorf("%s: %+v, %v", pair, l, err)
		}
	}
}

func TestMachines(t *testing.T) {
	g := New(nil, map[region.Region]Gateway{
		"local:east":    {Egress: 0.5},
		"aws:us-east-1": {Egress: 2, Ingress: 100},
	}).WithModel()
	if got := g.Machines("local:east"); len(got) != 1 || got[0] != (Machine{Egress: 0.5}) {
		t.Errorf("east: %+v", got)
	}
	if got := g.Machines("local:west"); len(got) != 1 || got[0] != (Machine{}) {
		t.Errorf("west: %+v", got)
	}
	find := func(r region.Region, name string) Machine {
		for _, m := range g.Machines(r) {
			if m.Type == name {
				return m
			}
		}
		t.Fatalf("no %s in %s", name, r)
		return Machine{}
	}
	for _, c := range []struct {
		at   region.Region
		want Machine
	}{
		{"aws:eu-west-1", Machine{"m5.8xlarge", 5, 10, 54.4, 48}},
		{"aws:eu-west-1", Machine{"c7gn.large", 3.4, 3, 3.4, 3}}, // two vCPUs carry no more
		{"azure:eastus", Machine{"Standard_D32s_v5", 16, 48, 54.4, 48}},
		{"aws:us-east-1", Machine{"m5.8xlarge", 2, 10, 54.4, 48}}, // the configuration's cap
	} {
		got := find(c.at, c.want.Type)
		for _, d := range []float64{float64(got.Egress - c.want.Egress), float64(got.Ingress - c.want.Ingress),
			float64(got.Send - c.want.Send), float64(got.Receive - c.want.Receive)} {
			if math.Abs(d) > 1e-9 {
				t.Errorf("%s: %+v, want %+v", c.at, got, c.want)
			}
		}
	}
	only := g.WithMachines(map[region.Cloud][]Machine{region.GCP: {{Type: "b"}, {Type: "a", Egress: 1}}})
	if got := only.Machines("gcp:anywhere"); len(got) != 2 || got[0].Type != "a" || got[1].Type != "b" {
		t.Errorf("gcp: %+v", got)
	}
	if got := only.Machines("aws:us-east-1"); len(got) != 0 {
		t.Errorf("aws: %+v", got)
	}
	if got := g.WithMachines(nil).Machines("aws:us-east-1"); len(got) != 0 {
		t.Errorf("no machines at all: %+v", got)
	}
}
