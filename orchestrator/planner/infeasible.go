package planner

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/skyctl/skyctl/orchestrator/unit"
)

// Infeasible tells that no plan was found that reaches a goal, and which is the
// nearest that was. Every other error of Solve is wrong input.
type Infeasible struct {
	Goal    string // "--min-throughput 5Gbps"
	Nearest string // "the most is 1.1 Gbit/s (link …)"
	Hint    string

	// The nearest, in the goal's own unit; the others are zero.
	Throughput unit.Gbps
	Cost       unit.USD
	Time       time.Duration
}

func (e *Infeasible) Error() string {
	return fmt.Sprintf("%s cannot be reached: %s; %s", e.Goal, e.Nearest, e.Hint)
}

// What a message names as the nearest is a goal that can be asked for: a rate is
// rounded down, a cost and a time up.

func reachable(rate float64) float64 {
	digit := math.Pow(10, math.Floor(math.Log10(rate))-5)
	return math.Floor(rate*(1+lacking/2)/digit) * digit
}

func enoughFor(usd unit.USD) unit.USD {
	cents := 1e2
	if usd < 1 {
		cents = 1e4
	}
	return unit.USD(math.Ceil((float64(usd)-cent)*cents) / cents)
}

func upTo(t, step time.Duration) time.Duration {
	if down := t.Truncate(step); down < t && down <= math.MaxInt64-step {
		return down + step
	}
	return t
}

// nearer returns, of two that miss the same goal, the one that misses it by less.
func nearer(a, b *Infeasible) *Infeasible {
	if a.Goal == b.Goal && (b.Throughput > a.Throughput || b.Cost < a.Cost || b.Time < a.Time) {
		return b
	}
	return a
}

// firstOf returns the first of joined errors, so that a message is one line.
func firstOf(err error) error {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		return joined.Unwrap()[0]
	}
	return err
}
