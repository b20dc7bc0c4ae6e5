package region

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestPlaces(t *testing.T) {
	places := Places()
	if len(places) < 63 {
		t.Errorf("%d places", len(places))
	}
	if !slices.IsSortedFunc(places, func(a, b Place) int { return strings.Compare(string(a.Region), string(b.Region)) }) {
		t.Error("places are not sorted")
	}
	clouds := map[Cloud]int{}
	for _, p := range places {
		clouds[p.Region.Cloud()]++
		if p.City == "" || !slices.Contains(Areas, p.Area) || (p.Lat == 0 && p.Lon == 0) || math.Abs(p.Lat) > 70 || p.Date == "" || p.Source == "" {
			t.Errorf("%+v", p)
		}
		if p.Region.Cloud().Owned() {
			t.Errorf("%s belongs to nobody's cloud", p.Region)
		}
		if got, ok := Find(p.Region); !ok || got != p {
			t.Errorf("%s is not found", p.Region)
		}
	}
	if clouds[AWS] < 20 || clouds[GCP] < 20 || clouds[Azure] < 15 {
		t.Errorf("places by cloud: %v", clouds)
	}
	if _, ok := Find("local:east"); ok {
		t.Error("a region of the user's own is in the catalogue")
	}
}

// TestAreas holds that coordinates and areas agree: the nearest neighbour of a
// place is hardly ever in another area.
func TestAreas(t *testing.T) {
	box := map[Area][4]float64{ // south, north, west, east
		Africa: {-36, 38, -20, 52}, Asia: {-11, 55, 90, 150}, Europe: {35, 71, -11, 41}, India: {6, 36, 67, 98},
		MiddleEast: {12, 43, 33, 64}, NorthAmerica: {14, 72, -170, -50}, Oceania: {-48, -8, 110, 180}, SouthAmerica: {-56, 13, -82, -34},
	}
	for _, p := range Places() {
		b := box[p.Area]
		if p.Lat < b[0] || p.Lat > b[1] || p.Lon < b[2] || p.Lon > b[3] {
			t.Errorf("%s, %s: %v, %v is not in %s", p.Region, p.City, p.Lat, p.Lon, p.Area)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b   Region
		km, in float64
	}{
		{"aws:us-east-1", "aws:us-east-1", 0, 0},
		{"aws:eu-west-2", "aws:eu-central-1", 640, 20},
		{"azure:canadacentral", "gcp:asia-northeast1", 10350, 50},
		{"aws:ap-northeast-1", "aws:us-west-2", 7900, 100}, // over the date line
	} {
		a, _ := Find(c.a)
		b, _ := Find(c.b)
		if km := a.Distance(b); math.Abs(km-c.km) > c.in || math.Abs(km-b.Distance(a)) > 1e-6 {
			t.Errorf("%s to %s: %.0f km, want %.0f", c.a, c.b, km, c.km)
		}
	}
}

func TestMachines(t *testing.T) {
	for _, m := range AllMachines() {
		if m.VCPU < 1 || !(m.MemoryGiB >= 1) || !(m.NIC > 0) || m.Egress > m.NIC || m.Date == "" || m.Source == "" {
			t.Errorf("%+v", m)
		}
		// AWS: 5 Gbit/s below 32 vCPU, else half the interface.
		if m.Cloud == AWS && m.Egress != min(5, m.NIC) && (m.VCPU < 32 || m.Egress != m.NIC/2) {
			t.Errorf("%s sends %v to other regions", m.Type, m.Egress)
		}
		for _, r := range m.Only {
			if _, ok := Find(r); !ok {
				t.Errorf("%s is offered in %s, which is not in the catalogue", m.Type, r)
			}
		}
	}
	for _, p := range Places() {
		types := Machines(p.Region)
		if len(types) == 0 {
			t.Errorf("%s has no machines", p.Region)
		}
		for _, m := range types {
			if m.Cloud != p.Region.Cloud() || !m.Offered(p.Region) {
				t.Errorf("%s in %s", m.Type, p.Region)
			}
		}
	}
	for _, r := range []Region{"local:east", "aws:moon-1"} {
		if types := Machines(r); types != nil {
			t.Errorf("%s has machines: %v", r, types)
		}
	}
	// Several sizes, and both architectures, in each cloud.
	sizes := map[Cloud]map[Arch]int{AWS: {}, GCP: {}, Azure: {}}
	for _, m := range AllMachines() {
		sizes[m.Cloud][m.Arch]++
	}
	for cloud, n := range sizes {
		if n[AMD64] < 3 || n[ARM64] < 3 {
			t.Errorf("%s: %v", cloud, n)
		}
	}
}
