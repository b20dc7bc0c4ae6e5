// Package price is the price book: what egress between regions, machines, and
// requests to stores cost.
//
// A Book asks several sources, in this order: what the configuration states, a
// table that the user brought, and the built-in rules. New has the first alone;
// WithTable, WithOffers and WithRules add the others. Owned regions (local or
// ssh) bill nothing unless the configuration says otherwise; for every other
// region a missing price is an UnknownError, never zero.
//
// The rules are list prices, each with its date and source; what is only
// approximate says so there. Nothing is fetched: price_test.go holds that the
// tables are whole, not that they are still true, so configure what you pay.
//
// A GB is 1e9 bytes. AWS and Google bill by the GiB and AWS calls it GB; their
// figures are taken as if they were for 1e9 bytes, which overstates the bill by
// up to 7 % and never understates it.
package price

import (
	"fmt"
	"maps"
	"slices"

	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// Price is an amount for one of something: a GB, an hour, a request.
type Price struct {
	USD   unit.USD // of the first one
	Tiers []Tier   // if more of them in a month are cheaper: all tiers

	Assumed bool   // nobody stated it
	Date    string // for which it is known, empty if that is not recorded
	Source  string // where it is from, for people
}

// Tier is the price for a part of a month's volume.
type Tier struct {
	UpTo unit.Bytes // of the month, 0: without end
	USD  unit.USD   // a GB
}

// Cost returns what size bytes cost, at USD a GB, if they are the month's first.
func (p Price) Cost(size unit.Bytes) unit.USD {
	if len(p.Tiers) == 0 {
		return p.USD * unit.USD(float64(size)/float64(unit.GB))
	}
	var total unit.USD
	var done unit.Bytes
	for _, t := range p.Tiers {
		part := size - done
		if t.UpTo > 0 {
			part = min(part, t.UpTo-done)
		}
		total += t.USD * unit.USD(float64(part)/float64(unit.GB))
		if done += part; done >= size {
			break
		}
	}
	return total
}

// Average returns the price of a GB when size bytes are sent in a month: USD
// without tiers, and for no bytes.
func (p Price) Average(size unit.Bytes) unit.USD {
	if len(p.Tiers) == 0 || size <= 0 {
		return p.USD
	}
	return p.Cost(size) / unit.USD(float64(size)/float64(unit.GB))
}

// Book holds the prices. It does not change once it is made.
type Book struct {
	egress   map[grid.Pair]Price
	machines map[region.Region]Price
	table    *Table
	offers   map[offered]Price // nil: the rules'
	rules    bool
}

// offered is a machine type of a cloud.
type offered struct {
	cloud   region.Cloud
	machine string
}

// New makes a book of what the configuration states: egress in USD per GB,
// machines in USD per hour.
func New(egress map[grid.Pair]Price, machines map[region.Region]Price) *Book {
	return &Book{egress: egress, machines: machines}
}

// WithTable returns a book that takes egress from a table instead of the rules:
// a pair that is not in it has no price.
func (b *Book) WithTable(t *Table) *Book {
	with := *b
	with.table = t
	return &with
}

// WithOffers returns a book that knows these machines, the same in every region
// of their cloud, instead of the rules'.
func (b *Book) WithOffers(offers []Offer) *Book {
	with := *b
	with.offers = map[offered]Price{}
	for _, o := range offers {
		with.offers[offered{o.Cloud, o.Machine.Type}] = o.Hour
	}
	return &with
}

// WithRules returns a book that asks the built-in rules for what it does not
// know.
func (b *Book) WithRules() *Book {
	with := *b
	with.rules = true
	return &with
}

// Egress returns the price of moving a GB from one region to a different one, or
// an UnknownError.
func (b *Book) Egress(from, to region.Region) (Price, error) {
	pair := grid.Pair{From: from, To: to}
	if p, ok := b.egress[pair]; ok {
		return p, nil
	}
	switch {
	case b.table != nil:
		if p, ok := b.table.egress[pair]; ok {
			return p, nil
		}
	case from.Cloud().Owned() && to.Cloud().Owned():
		return Price{Assumed: true, Source: "assumed"}, nil
	case b.rules:
		if p, ok := egressRule(from, to); ok {
			return p, nil
		}
	}
	return Price{}, &UnknownError{
		What: fmt.Sprintf("egress %s > %s", from, to),
		Hint: fmt.Sprintf("add {from: %q, to: %q, usd_per_gb: …} to links in the configuration", from, to),
	}
}

// Machine returns the price of an hour of a machine of the given type, on
// demand, or an UnknownError. Owned regions have no types.
func (b *Book) Machine(r region.Region, machine string) (Price, error) {
	return b.hour(r, machine, "machine", func(h hourly) unit.USD { return h.onDemand })
}

// Spot returns the price of an hour of a machine that the cloud may take away,
// or an UnknownError.
func (b *Book) Spot(r region.Region, machine string) (Price, error) {
	if _, ok := b.offers[offered{r.Cloud(), machine}]; ok {
		return Price{}, unknown("spot machine", r, machine)
	}
	return b.hour(r, machine, "spot machine", func(h hourly) unit.USD { return h.spot })
}

func (b *Book) hour(r region.Region, machine, what string, of func(hourly) unit.USD) (Price, error) {
	if p, ok := b.machines[r]; ok {
		return p, nil
	}
	if r.Cloud().Owned() {
		return Price{Source: "your own"}, nil
	}
	if b.offers != nil {
		if p, ok := b.offers[offered{r.Cloud(), machine}]; ok {
			return p, nil
		}
	} else if b.rules {
		if p, ok := machineRule(r, machine, of); ok {
			return p, nil
		}
	}
	return Price{}, unknown(what, r, machine)
}

// Address returns the price of an hour of a gateway's public IPv4 address, or an
// UnknownError.
func (b *Book) Address(r region.Region) (Price, error) {
	return b.extra(r, "public address", func(e extras) unit.USD { return e.address })
}

// Disk returns the price of a GB of a gateway's disk for a month of 730 hours,
// or an UnknownError.
func (b *Book) Disk(r region.Region) (Price, error) {
	return b.extra(r, "disk", func(e extras) unit.USD { return e.disk })
}

func (b *Book) extra(r region.Region, what string, of func(extras) unit.USD) (Price, error) {
	if r.Cloud().Owned() {
		return Price{Source: "your own"}, nil
	}
	if e, ok := rules().extras[r.Cloud()]; ok && b.rules {
		return Price{USD: of(e), Date: e.date, Source: e.source}, nil
	}
	return Price{}, &UnknownError{What: what + " in " + string(r), Hint: "only aws, gcp and azure have known prices"}
}

// Requests are the prices of one request to a store: Put of what writes, lists
// and composes, Get of what reads.
type Requests struct {
	Put, Get     unit.USD
	Date, Source string
}

// Requests returns the prices of the store with that URL scheme (s3, gs, az, r2),
// or an UnknownError.
func (b *Book) Requests(scheme string) (Requests, error) {
	if s, ok := rules().stores[scheme]; ok && b.rules {
		return s.requests, nil
	}
	return Requests{}, &UnknownError{What: "requests to " + scheme, Hint: "known are those of s3, gs, az and r2"}
}

// StoreEgress returns the price of a GB read from a store that bills reading
// itself, whoever reads; false for a store whose cloud bills by region.
func (b *Book) StoreEgress(scheme string) (Price, bool) {
	s, ok := rules().stores[scheme]
	if !ok || !b.rules || !s.billsEgress {
		return Price{}, false
	}
	return Price{USD: s.egress, Date: s.requests.Date, Source: s.requests.Source}, true
}

// Stores returns the schemes of which Requests knows the prices.
func Stores() []string { return slices.Sorted(maps.Keys(rules().stores)) }

func unknown(what string, r region.Region, machine string) error {
	return &UnknownError{
		What: fmt.Sprintf("%s %q in %s", what, machine, r),
		Hint: fmt.Sprintf("add %q: {usd_per_hour: …} to regions in the configuration", r),
	}
}

// UnknownError tells that nobody said what something costs.
type UnknownError struct {
	What string
	Hint string
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("price of %s is unknown: %s", e.What, e.Hint)
}
