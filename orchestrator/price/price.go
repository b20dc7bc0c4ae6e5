// Package price is the price book: what egress between regions and the hours of
// machines cost.
//
// Its prices are those that the configuration states. Owned regions (local or
// ssh) bill nothing unless the configuration says otherwise; for every other
// region a missing price is an UnknownError, never zero.
package price

import (
	"fmt"

	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// Price is an amount and where it is from.
type Price struct {
	USD     unit.USD
	Assumed bool   // nobody stated it
	Source  string // for people
}

// Book holds the prices. It does not change once it is made.
type Book struct {
	egress   map[grid.Pair]Price
	machines map[region.Region]Price
}

// New makes a book of what the configuration states: egress in USD per GB
// (1e9 bytes), machines in USD per hour.
func New(egress map[grid.Pair]Price, machines map[region.Region]Price) *Book {
	return &Book{egress: egress, machines: machines}
}

// Egress returns the price of moving a GB (1e9 bytes) from one region to a
// different one, or an UnknownError.
func (b *Book) Egress(from, to region.Region) (Price, error) {
	if p, ok := b.egress[grid.Pair{From: from, To: to}]; ok {
		return p, nil
	}
	if from.Cloud().Owned() && to.Cloud().Owned() {
		return Price{Assumed: true, Source: "assumed"}, nil
	}
	return Price{}, &UnknownError{
		What: fmt.Sprintf("egress %s > %s", from, to),
		Hint: fmt.Sprintf("add {from: %q, to: %q, usd_per_gb: …} to links in the configuration", from, to),
	}
}

// Machine returns the price of an hour of a machine of the given type, or an
// UnknownError. Owned regions have no types.
func (b *Book) Machine(r region.Region, machine string) (Price, error) {
	if p, ok := b.machines[r]; ok {
		return p, nil
	}
	if r.Cloud().Owned() {
		return Price{Source: "your own"}, nil
	}
	return Price{}, &UnknownError{
		What: fmt.Sprintf("machine %q in %s", machine, r),
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
