package price

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

func TestPrices(t *testing.T) {
	b := New(
		map[grid.Pair]Price{{From: "aws:us-east-1", To: "local:east"}: {USD: 0.09, Source: "configuration"}},
		map[region.Region]Price{"local:west": {USD: 0.5, Source: "configuration"}},
	)
	var unknown *UnknownError
	for _, c := range []struct {
		name string
		ask  func() (Price, error)
		want Price
		fail bool
	}{
		{"stated egress", func() (Price, error) { return b.Egress("aws:us-east-1", "local:east") }, Price{USD: 0.09, Source: "configuration"}, false},
		{"owned egress", func() (Price, error) { return b.Egress("ssh:rack1", "local:east") }, Price{Assumed: true, Source: "assumed"}, false},
		{"unknown egress", func() (Price, error) { return b.Egress("local:east", "aws:us-east-1") }, Price{}, true},
		{"stated machine", func() (Price, error) { return b.Machine("local:west", "") }, Price{USD: 0.5, Source: "configuration"}, false},
		{"owned machine", func() (Price, error) { return b.Machine("ssh:rack1", "") }, Price{Source: "your own"}, false},
		{"unknown machine", func() (Price, error) { return b.Machine("aws:us-east-1", "c7gn.8xlarge") }, Price{}, true},
		{"unknown address", func() (Price, error) { return b.Address("aws:us-east-1") }, Price{}, true},
		{"owned disk", func() (Price, error) { return b.Disk("ssh:rack1") }, Price{Source: "your own"}, false},
		{"no such machine", func() (Price, error) { return b.WithRules().Machine("aws:us-east-1", "pdp11") }, Price{}, true},
		{"no such region", func() (Price, error) { return b.WithRules().Egress("aws:us-east-1", "aws:moon-1") }, Price{}, true},
		{"from owned to cloud", func() (Price, error) { return b.WithRules().Egress("ssh:rack1", "aws:us-east-1") }, Price{}, true},
		{"where GCP bills by destination", func() (Price, error) { return b.WithRules().Egress("gcp:us-central1", "ssh:rack1") }, Price{}, true},
	} {
		got, err := c.ask()
		if !reflect.DeepEqual(got, c.want) || errors.As(err, &unknown) != c.fail || (err != nil) != c.fail {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
}

// TestRules holds figures that the clouds' pages state.
func TestRules(t *testing.T) {
	b := New(map[grid.Pair]Price{{From: "aws:us-east-1", To: "aws:eu-west-1"}: {USD: 0.015}}, nil).WithRules()
	for _, c := range []struct {
		from, to region.Region
		want     unit.USD
	}{
		{"aws:us-east-1", "gcp:us-central1", 0.09},
		{"aws:us-east-1", "local:here", 0.09},
		{"aws:us-east-1", "aws:us-east-2", 0.01},
		{"aws:us-east-1", "aws:us-west-2", 0.02},
		{"aws:us-east-1", "aws:eu-west-1", 0.015}, // the configuration wins
		{"aws:sa-east-1", "aws:us-east-1", 0.138},
		{"aws:ap-northeast-1", "azure:japaneast", 0.114},
		{"gcp:us-central1", "aws:us-east-1", 0.12},
		{"gcp:us-central1", "azure:australiaeast", 0.19},
		{"gcp:us-central1", "gcp:us-east1", 0.02},
		{"gcp:us-central1", "gcp:asia-southeast2", 0.10},
		{"gcp:asia-southeast2", "gcp:us-central1", 0.10},
		{"azure:westus2", "aws:us-west-2", 0.087},
		{"azure:westus2", "azure:eastus", 0.02},
		{"azure:westus2", "azure:westeurope", 0.05},
		{"azure:japaneast", "azure:koreacentral", 0.08},
		{"azure:brazilsouth", "gcp:southamerica-east1", 0.181},
	} {
		if p, err := b.Egress(c.from, c.to); err != nil || p.USD != c.want {
			t.Errorf("%s > %s: %v, %v, want %v", c.from, c.to, p.USD, err, c.want)
		}
	}
}

// TestMachineInRegion holds that a region's price is its cloud's reference times
// the region's factor, and says that it is approximate.
func TestMachineInRegion(t *testing.T) {
	b := New(nil, map[region.Region]Price{"aws:eu-west-1": {USD: 1}}).WithRules()
	for _, c := range []struct {
		at          region.Region
		want        float64
		approximate bool
	}{
		{"aws:us-east-1", 1.536, false},
		{"aws:eu-central-1", 1.536 * 1.198, true},
		{"aws:eu-west-1", 1, false}, // the configuration wins
	} {
		p, err := b.Machine(c.at, "m5.8xlarge")
		if err != nil || math.Abs(float64(p.USD)-c.want) > 1e-9 || strings.Contains(p.Source, "region approximate") != c.approximate {
			t.Errorf("%s: %+v, %v, want %v", c.at, p, err, c.want)
		}
	}
}

func TestTiers(t *testing.T) {
	p, err := New(nil, nil).WithRules().Egress("aws:us-east-1", "azure:eastus")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		size    unit.Bytes
		cost    unit.USD
		average unit.USD
	}{
		{0, 0, 0.09},
		{unit.TB, 90, 0.09},
		{10240 * unit.GB, 921.6, 0.09},
		{20480 * unit.GB, 921.6 + 870.4, 0.0875},
		{200 * unit.TB, 921.6 + 3481.6 + 7168 + 2320, 0.069456},
	} {
		if got := p.Cost(c.size); math.Abs(float64(got-c.cost)) > 1e-6 {
			t.Errorf("%v: %v, want %v", c.size, got, c.cost)
		}
		if got := p.Average(c.size); math.Abs(float64(got-c.average)) > 1e-6 {
			t.Errorf("%v: %v a GB, want %v", c.size, got, c.average)
		}
	}
	flat := Price{USD: 0.02}
	if flat.Cost(unit.TB) != 20 || flat.Average(unit.TB) != 0.02 {
		t.Errorf("flat: %v, %v", flat.Cost(unit.TB), flat.Average(unit.TB))
	}
}

// TestWhole holds that the tables fit each other and the catalogue: whatever
// the planner can ask of a catalogue region has an answer with a source.
func TestWhole(t *testing.T) {
	b := New(nil, nil).WithRules()
	places := region.Places()
	whole := func(what string, p Price, err error) {
		if err != nil || !(p.USD > 0) || p.Date == "" || p.Source == "" || p.Assumed {
			t.Errorf("%s: %+v, %v", what, p, err)
		}
		for i, tier := range p.Tiers {
			last := i == len(p.Tiers)-1
			if !(tier.USD > 0) || (tier.UpTo == 0) != last || (i > 0 && tier.USD > p.Tiers[i-1].USD) || len(p.Tiers) == 1 {
				t.Errorf("%s: tiers %+v", what, p.Tiers)
			}
		}
	}
	for _, from := range places {
		machines := region.Machines(from.Region)
		if len(machines) == 0 {
			t.Errorf("%s has no machines", from.Region)
		}
		for _, m := range machines {
			p, err := b.Machine(from.Region, m.Type)
			whole(string(from.Region)+" "+m.Type, p, err)
			spot, err := b.Spot(from.Region, m.Type)
			whole(string(from.Region)+" spot "+m.Type, spot, err)
			if spot.USD >= p.USD {
				t.Errorf("%s in %s: spot is %v, on demand %v", m.Type, from.Region, spot.USD, p.USD)
			}
		}
		address, err := b.Address(from.Region)
		whole(string(from.Region)+" address", address, err)
		disk, err := b.Disk(from.Region)
		whole(string(from.Region)+" disk", disk, err)
		for _, to := range places {
			if to.Region != from.Region {
				p, err := b.Egress(from.Region, to.Region)
				whole(string(from.Region)+" > "+string(to.Region), p, err)
			}
		}
	}
	for r := range rules().factors {
		if _, ok := region.Find(r); !ok {
			t.Errorf("factors.csv has %s, the catalogue does not", r)
		}
	}
	if got := len(rules().machines); got != len(region.AllMachines()) {
		t.Errorf("%d machines have prices, the catalogue has %d", got, len(region.AllMachines()))
	}
}

func TestStores(t *testing.T) {
	b := New(nil, nil).WithRules()
	if got := Stores(); !reflect.DeepEqual(got, []string{"az", "gs", "r2", "s3"}) {
		t.Errorf("stores: %v", got)
	}
	for _, scheme := range Stores() {
		r, err := b.Requests(scheme)
		if err != nil || !(r.Put > 0) || !(r.Get > 0) || r.Get >= r.Put || r.Date == "" || r.Source == "" {
			t.Errorf("%s: %+v, %v", scheme, r, err)
		}
		// The one price of zero, because its row says so.
		p, ok := b.StoreEgress(scheme)
		if ok != (scheme == "r2") || (ok && (p.USD != 0 || p.Source == "")) {
			t.Errorf("%s: egress %+v, %v", scheme, p, ok)
		}
	}
	if r, err := b.Requests("s3"); err != nil || math.Abs(float64(r.Put)-5e-6) > 1e-12 {
		t.Errorf("a PUT to S3: %v, %v", r.Put, err)
	}
	if _, err := b.Requests("nas"); err == nil {
		t.Error("nas has prices")
	}
}
