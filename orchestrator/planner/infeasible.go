package planner

import (
	"errors"
	"fmt"
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

// firstOf returns the first of joined errors, so that a message is one line.
func firstOf(err error) error {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		return joined.Unwrap()[0]
	}
	return err
}
