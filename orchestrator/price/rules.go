package price

import (
	"cmp"
	_ "embed"
	"slices"
	"sync"

	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/table"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

//go:embed egress.csv
var egressCSV string

//go:embed machines.csv
var machinesCSV string

//go:embed factors.csv
var factorsCSV string

//go:embed extras.csv
var extrasCSV string

//go:embed stores.csv
var storesCSV string

// hourly is what a machine costs in its cloud's reference region.
type hourly struct {
	onDemand, spot unit.USD
	date, source   string
}

// factor is what machines cost in a region, as a multiple of the reference.
type factor struct {
	of           float64
	date, source string
}

// extras are what a gateway costs besides its machine.
type extras struct {
	address, disk unit.USD
	date, source  string
}

// store is what a store bills.
type store struct {
	requests    Requests
	egress      unit.USD
	billsEgress bool
}

// ruleset is what the embedded tables say.
type ruleset struct {
	egress   map[[2]string]Price // by from and to as egress.csv writes them
	machines map[offered]hourly
	factors  map[region.Region]factor
	extras   map[region.Cloud]extras
	stores   map[string]store
}

var rules = sync.OnceValue(func() ruleset {
	r := ruleset{map[[2]string]Price{}, map[offered]hourly{}, map[region.Region]factor{}, map[region.Cloud]extras{}, map[string]store{}}
	table.Embedded("egress.csv", egressCSV, r.addEgress)
	table.Embedded("machines.csv", machinesCSV, func(t *table.Table) {
		r.machines[offered{region.Cloud(t.Text("cloud")), t.Text("type")}] = hourly{
			unit.USD(t.Positive("usd_per_hour")), unit.USD(t.Positive("spot_usd_per_hour")), t.Text("date"), t.Text("source")}
	})
	table.Embedded("factors.csv", factorsCSV, func(t *table.Table) {
		r.factors[region.Region(t.Text("region"))] = factor{t.Positive("factor"), t.Text("date"), t.Text("source")}
	})
	table.Embedded("extras.csv", extrasCSV, func(t *table.Table) {
		r.extras[region.Cloud(t.Text("cloud"))] = extras{unit.USD(t.Positive("address_usd_per_hour")),
			unit.USD(t.Positive("disk_usd_per_gb_month")), t.Text("date"), t.Text("source")}
	})
	table.Embedded("stores.csv", storesCSV, func(t *table.Table) {
		s := store{requests: Requests{Put: unit.USD(t.Positive("put_usd_per_1000") / 1000), Get: unit.USD(t.Positive("get_usd_per_1000") / 1000),
			Date: t.Text("date"), Source: t.Text("source")}}
		if s.billsEgress = t.Text("egress_usd_per_gb") != ""; s.billsEgress {
			s.egress = unit.USD(t.Figure("egress_usd_per_gb"))
		}
		r.stores[t.Text("store")] = s
	})
	return r
})

// addEgress adds a row: a price, or one more tier of it.
func (r ruleset) addEgress(t *table.Table) {
	key := [2]string{t.Text("from"), t.Text("to")}
	usd := unit.USD(t.Positive("usd_per_gb"))
	p, ok := r.egress[key]
	if !ok {
		p = Price{USD: usd, Date: t.Text("date"), Source: t.Text("source")}
	}
	tier := Tier{USD: usd}
	if t.Text("up_to_gb") != "" {
		tier.UpTo = unit.Bytes(t.Positive("up_to_gb")) * unit.GB
	}
	if ok && !p.above(tier) {
		t.Fail("tiers of %s > %s do not ascend", key[0], key[1])
	}
	if ok || tier.UpTo > 0 {
		p.Tiers = append(p.Tiers, tier)
	}
	r.egress[key] = p
}

// above tells whether a tier can follow those of the price.
func (p Price) above(t Tier) bool {
	if len(p.Tiers) == 0 {
		return false
	}
	last := p.Tiers[len(p.Tiers)-1].UpTo
	return last > 0 && (t.UpTo == 0 || t.UpTo > last)
}

// egressRule returns the most exact rule for a pair: the source decides before
// the destination.
func egressRule(from, to region.Region) (Price, bool) {
	source, ok := region.Find(from)
	if !ok || from == to {
		return Price{}, false
	}
	dest, known := region.Find(to)
	var ends []string
	switch {
	case to.Cloud() == from.Cloud() && known:
		ends = []string{string(to), group(dest), string(to.Cloud())}
	case to.Cloud() == from.Cloud():
		return Price{}, false
	case known:
		ends = []string{"internet/" + string(dest.Area), "internet", "anywhere"}
	case to.Cloud().Owned():
		ends = []string{"anywhere"}
	}
	for _, a := range []string{string(from), group(source), string(from.Cloud())} {
		for _, b := range ends {
			if p, ok := rules().egress[[2]string{a, b}]; ok {
				return p, true
			}
		}
	}
	return Price{}, false
}

// group is how egress.csv writes the regions of a cloud in an area.
func group(p region.Place) string { return string(p.Region.Cloud()) + "/" + string(p.Area) }

// machineRule returns the price of a machine in the reference region times the
// region's factor.
func machineRule(r region.Region, machine string, of func(hourly) unit.USD) (Price, bool) {
	h, ok := rules().machines[offered{r.Cloud(), machine}]
	f, ok2 := rules().factors[r]
	if !ok || !ok2 {
		return Price{}, false
	}
	p := Price{USD: of(h) * unit.USD(f.of), Date: h.date, Source: h.source}
	if f.of != 1 {
		p.Source += "; region " + f.source
	}
	return p, true
}

// Rule is a row of egress.csv, tiers together: From and To are regions,
// CLOUD/AREA or clouds; To may also be "internet", "internet/AREA" or
// "anywhere".
type Rule struct {
	From, To string
	Price    Price
}

// Rules returns the rules of egress in the order of their ends, for people to
// read.
func Rules() []Rule {
	var all []Rule
	for key, p := range rules().egress {
		all = append(all, Rule{key[0], key[1], p})
	}
	slices.SortFunc(all, func(a, b Rule) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	return all
}
