package planner

import (
	"fmt"
	"math"

	"github.com/skyctl/skyctl/orchestrator/planner/milp"
)

// tolerance is the relative gap at which a plan counts as the best.
const tolerance = 1e-3

// whole is how far from a whole number counts as one.
const whole = 1e-6

// maxNodes bounds the relaxations of one search. It is a measure of time that
// is the same on every machine; a search that it ends states the larger gap.
const maxNodes = 4000

// fewNodes is the same for searches of which a plan takes many.
const fewNodes = 100

// answer is what the program has for a rate: whole gateways, and trees that
// carry it.
type answer struct {
	gateways  [][]int // by site and type
	flows     []flow
	short     float64 // Gbit/s of the rate that is lacking
	objective float64
}

// flow is what a tree carries.
type flow struct {
	tree
	gbps float64
}

// bounded is what a search found and proved: no answer has an objective below
// bound.
type bounded struct {
	*answer // nil: none is below the cutoff
	bound   float64
	proof   *milp.Proof
}

// solve searches for the best answer below the cutoff, to the gap (relative) or
// the slack (absolute), among sites whose gateways are up within so many
// seconds. Trees that are missing are found on the way.
func (m *master) solve(gap, slack, cutoff, provision float64, nodes int) (bounded, error) {
	m.open(provision)
	opts := milp.Options{Gap: gap, AbsGap: slack, Nodes: nodes, Price: m.bring, Round: m.enough, Proof: m.proof}
	if !math.IsInf(cutoff, 1) {
		opts.Cutoff = &cutoff
	}
	s, err := m.lp.Solve(m.p.ctx, opts)
	if err != nil {
		return bounded{}, err
	}
	switch s.Status {
	case milp.Optimal, milp.Feasible:
		return bounded{m.answer(s.X), s.Bound - tooLight, s.Proof}, nil
	case milp.Infeasible, milp.Unknown:
		return bounded{nil, min(cutoff, s.Bound) - tooLight, s.Proof}, nil
	}
	return bounded{}, fmt.Errorf("the planner's program is %s, which its bounds exclude", s.Status)
}

// open lets each site have any number of the gateways that are up in time.
func (m *master) open(provision float64) {
	for v, vars := range m.gateways {
		for k, n := range vars {
			most := m.upper[n]
			if m.p.sites[v].machines[k].provision > provision {
				most = 0
			}
			m.lp.SetBounds(n, 0, most)
		}
	}
}

// fix sets the numbers of gateways.
func (m *master) fix(gateways [][]int) {
	for v, vars := range m.gateways {
		for k, n := range vars {
			m.lp.SetBounds(n, float64(gateways[v][k]), float64(gateways[v][k]))
		}
	}
}

// fixed returns the best that given gateways can do, over all trees; without X if
// they are too few at the source or an end.
func (m *master) fixed(gateways [][]int) (milp.Solution, error) {
	m.fix(gateways)
	return m.lp.Solve(m.p.ctx, milp.Options{Relax: true, Price: m.bring})
}

// answer reads a solution of the program.
func (m *master) answer(x []float64) *answer {
	a := &answer{flows: m.flows(x), short: x[m.short]}
	for _, vars := range m.gateways {
		counts := make([]int, len(vars))
		for k, n := range vars {
			counts[k] = int(math.Round(x[n]))
		}
		a.gateways = append(a.gateways, counts)
	}
	a.objective = m.objective(a)
	return a
}

// enough guesses at whole gateways for a relaxation: the least that what it
// sends needs.
func (m *master) enough(x []float64) []float64 {
	gateways, ok := m.cover(m.flows(x))
	if !ok {
		return nil
	}
	guess := append([]float64{}, x...)
	for v, vars := range m.gateways {
		for k, n := range vars {
			guess[n] = float64(gateways[v][k])
		}
	}
	for _, s := range m.sums {
		guess[s.total] = 0
		for _, n := range s.of {
			guess[s.total] += guess[n]
		}
	}
	return guess
}

// bring adds the trees whose weight is below what a Gbit/s is worth by the dual
// values, and tells whether there were any.
func (m *master) bring(dual []float64) bool {
	w := m.weights(dual)
	m.finder.find(w)
	worth := dual[m.goal]
	brought := 0
	for _, t := range m.finder.all(w) {
		if t.weight >= worth-tooLight/m.rate || brought == atOnce {
			break
		}
		if m.add(t.tree) {
			brought++
		}
	}
	return brought > 0
}
