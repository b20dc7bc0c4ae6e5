package grid

import (
	_ "embed"
	"sync"
	"time"

	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/table"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// The built-in model stands in for measurements that nobody has made: what a
// pair of large machines carries with 64 connections, by cloud and area of both
// ends, and where no pair of two areas was measured by clouds and distance.
//
// It is fitted from what the Skyplane project measured in January 2022 between
// 63 regions (iperf3, 64 connections, one large machine a side: m5.8xlarge,
// Standard_D32_v5, n2-standard-32). The limits of those machines are in the
// figures, so a larger machine is not believed to get more out of a pair.
//
//go:embed areas.csv
var areasCSV string

//go:embed distances.csv
var distancesCSV string

//go:embed detours.csv
var detoursCSV string

// A round trip in the model is nearRTT and so much for each 1000 km of great
// circle as its areas' detour; elsewhere is the median of all measured pairs.
const (
	nearRTT         = 2.0  // ms
	elsewhereDetour = 16.7 // ms for each 1000 km
)

type end struct {
	cloud region.Cloud
	area  region.Area
}

// band is what pairs of two clouds carry up to a distance.
type band struct {
	upTo float64 // km
	gbps unit.Gbps
}

type fitted struct {
	areas   map[[2]end]unit.Gbps
	bands   map[[2]region.Cloud][]band // by ascending distance
	detours map[[2]region.Area]float64 // ms for each 1000 km, both ways
}

var figures = sync.OnceValue(func() fitted {
	f := fitted{map[[2]end]unit.Gbps{}, map[[2]region.Cloud][]band{}, map[[2]region.Area]float64{}}
	table.Embedded("areas.csv", areasCSV, func(t *table.Table) {
		from := end{region.Cloud(t.Text("src_cloud")), region.Area(t.Text("src_area"))}
		to := end{region.Cloud(t.Text("dst_cloud")), region.Area(t.Text("dst_area"))}
		f.areas[[2]end{from, to}] = unit.Gbps(t.Positive("gbps"))
	})
	table.Embedded("distances.csv", distancesCSV, func(t *table.Table) {
		clouds := [2]region.Cloud{region.Cloud(t.Text("src_cloud")), region.Cloud(t.Text("dst_cloud"))}
		f.bands[clouds] = append(f.bands[clouds], band{t.Positive("up_to_km"), unit.Gbps(t.Positive("gbps"))})
	})
	table.Embedded("detours.csv", detoursCSV, func(t *table.Table) {
		a, b := region.Area(t.Text("area")), region.Area(t.Text("other"))
		v := t.Positive("ms_per_1000_km")
		f.detours[[2]region.Area{a, b}], f.detours[[2]region.Area{b, a}] = v, v
	})
	return f
})

// model returns what the model believes of a pair of the catalogue's regions.
func model(pair Pair) (Link, bool) {
	from, ok := region.Find(pair.From)
	to, ok2 := region.Find(pair.To)
	if !ok || !ok2 || pair.From == pair.To {
		return Link{}, false
	}
	km := from.Distance(to)
	gbps, ok := figures().gbps(from, to, km)
	if !ok {
		return Link{}, false
	}
	detour, ok := figures().detours[[2]region.Area{from.Area, to.Area}]
	if !ok {
		detour = elsewhereDetour
	}
	ms := nearRTT + km/1000*detour
	return Link{
		Gbps:        gbps,
		RTT:         time.Duration(ms * float64(time.Millisecond)).Round(100 * time.Microsecond),
		Connections: MachineConnections,
		Source:      SourceModel,
	}, true
}

func (f fitted) gbps(from, to region.Place, km float64) (unit.Gbps, bool) {
	a, b := from.Region.Cloud(), to.Region.Cloud()
	if gbps, ok := f.areas[[2]end{{a, from.Area}, {b, to.Area}}]; ok {
		return gbps, true
	}
	for _, band := range f.bands[[2]region.Cloud{a, b}] {
		if km < band.upTo {
			return band.gbps, true
		}
	}
	return 0, false
}
