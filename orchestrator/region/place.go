package region

import (
	_ "embed"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/skyctl/skyctl/orchestrator/table"
)

// Area is a group of countries. Prices and the throughput model go by it.
type Area string

const (
	Africa       Area = "af"
	Asia         Area = "as" // without India and the Middle East
	Europe       Area = "eu"
	India        Area = "in"
	MiddleEast   Area = "me"
	NorthAmerica Area = "na" // with Mexico
	Oceania      Area = "oc"
	SouthAmerica Area = "sa"
)

// Areas are all of them.
var Areas = []Area{Africa, Asia, Europe, India, MiddleEast, NorthAmerica, Oceania, SouthAmerica}

// Place is what the catalogue knows of a cloud's region.
type Place struct {
	Region Region
	City   string // or the nearest to it that is known by name
	Area   Area

	// Lat and Lon are degrees north and east of that city: clouds do not
	// publish more, and the model needs no more than some 50 km.
	Lat, Lon float64

	Date, Source string // when and where the row was looked up
}

//go:embed places.csv
var placesCSV string

// catalogue holds all places, by region.
var catalogue = sync.OnceValue(func() map[Region]Place {
	all := map[Region]Place{}
	table.Embedded("places.csv", placesCSV, func(t *table.Table) {
		p := Place{Region: Region(t.Text("region")), City: t.Text("city"), Area: Area(t.Text("area")),
			Lat: degrees(t, "lat"), Lon: degrees(t, "lon"), Date: t.Text("date"), Source: t.Text("source")}
		if _, err := Parse(string(p.Region)); err != nil {
			t.Fail("%v", err)
		}
		if !slices.Contains(Areas, p.Area) {
			t.Fail("area %q is unknown", p.Area)
		}
		all[p.Region] = p
	})
	return all
})

func degrees(t *table.Table, column string) float64 {
	v, err := strconv.ParseFloat(t.Text(column), 64)
	if err != nil || math.Abs(v) > 180 {
		t.Fail("%s %q is not in degrees", column, t.Text(column))
	}
	return v
}

// Places returns all regions of the catalogue, in the order of their names.
func Places() []Place {
	var all []Place
	for _, p := range catalogue() {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b Place) int { return strings.Compare(string(a.Region), string(b.Region)) })
	return all
}

// Find returns a region's place, and false for a region that the catalogue does
// not have: one of the user's own, or one that is newer than this program.
func Find(r Region) (Place, bool) {
	p, ok := catalogue()[r]
	return p, ok
}

// earthKm is the mean radius of the earth.
const earthKm = 6371

// Distance returns the length of the great circle between two places, in km.
func (p Place) Distance(to Place) float64 {
	const radian = math.Pi / 180
	lat1, lat2 := p.Lat*radian, to.Lat*radian
	dLat, dLon := lat2-lat1, (to.Lon-p.Lon)*radian
	h := math.Pow(math.Sin(dLat/2), 2) + math.Cos(lat1)*math.Cos(lat2)*math.Pow(math.Sin(dLon/2), 2)
	return 2 * earthKm * math.Asin(math.Min(1, math.Sqrt(h)))
}
