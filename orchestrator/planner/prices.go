package planner

import (
	"math"

	"github.com/skyctl/skyctl/orchestrator/planner/milp"
)

// Tolerances of the program, in its own units.
const (
	tooLight = 1e-7 // trees that would lower the objective by less are not added
	lacking  = 1e-6 // less of a rate than this part is not lacking
)

// atOnce is the most trees that are added before the program is solved again.
// The lightest change the dual values, and most of the others with them.
const atOnce = 6

// cost is what a Gbit/s on a tree adds to the objective.
func (m *master) cost(c column) float64 {
	return m.worth.usdPerGB*c.usd + m.worth.hop*float64(len(c.links))
}

// ask sets the rate that the program is solved for and what counts. The whole
// rate leaves the source and comes to each end, which takes a whole number of
// gateways: the relaxation would take a part of one.
func (m *master) ask(rate float64, w worth) {
	m.rate = rate
	m.lp.SetSides(m.goal, rate, rate)
	for _, e := range m.ends {
		least := 1.0
		if w.hop > 0 { // else the rate is more than can be had, to find the most
			least = math.Max(1, math.Ceil(rate/e.each-whole))
		}
		m.lp.SetSides(e.row, least, math.Inf(1))
	}
	if w == m.worth {
		return
	}
	m.worth = w
	m.lp.SetCost(m.short, w.short)
	for v, vars := range m.gateways {
		for k, n := range vars {
			m.lp.SetCost(n, w.machine(m.p.sites[v].machines[k]))
		}
	}
	for _, c := range m.columns {
		m.lp.SetCost(c.v, m.cost(c))
	}
}

// weights are what links and writing in place cost by the dual values: their
// price and what they take of limits.
func (m *master) weights(dual []float64) weights {
	w := weights{make([]float64, len(m.p.links)), make([]float64, len(m.p.sites))}
	for i, l := range m.p.links {
		w.link[i] = m.worth.usdPerGB*l.usd + m.worth.hop
		m.linkUses(i, func(row milp.Row, amount float64) { w.link[i] -= math.Min(0, dual[row]) * amount })
		if m.off(l.from) || m.off(l.to) {
			w.link[i] = math.Inf(1)
		}
	}
	for v, rows := range m.sites {
		if row := rows.row[engines]; row != none {
			w.inPlace[v] = -math.Min(0, dual[row])
		}
		if m.off(v) {
			w.inPlace[v] = math.Inf(1)
		}
	}
	return w
}

// off tells whether a site may have no gateway, by the bounds of its counts.
func (m *master) off(v int) bool {
	for _, n := range m.gateways[v] {
		if m.lp.VariableAt(n).Upper > 0 {
			return false
		}
	}
	return true
}
