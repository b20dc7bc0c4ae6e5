package planner

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/skyctl/skyctl/orchestrator/planner/milp"
)

// master is the planner's program over the trees that are known so far: Gbit/s
// a tree and gateways a site and type. MODEL.md states it. Its linear
// relaxation is solved to the optimum over all trees by relax, which finds those
// that are missing.
//
// Sums over trees and sums over links are the same program: what flows on a link
// is what the trees over it carry, and every flow can be taken apart into trees.
// Trees keep it small, whatever the number of links.
type master struct {
	p      *problem
	lp     *milp.Problem
	finder *finder

	goal  milp.Row // what all trees carry is the rate
	short milp.Var // what they lack of it
	sites []siteRows
	links []milp.Row // of a link whose figure is a total; else none

	gateways [][]milp.Var // by site and type
	sums     []total
	upper    map[milp.Var]float64 // of numbers of gateways
	columns  []column
	known    map[string]bool
	ends     []end
	rate     float64 // Gbit/s that the program is asked for
	proof    bool    // keep proofs, for who checks them

	worth worth
}

// none is no row.
const none milp.Row = -1

// kind is a limit of what gateways can do.
type kind int

const (
	egress  kind = iota
	ingress      // what is received
	cpu          // sending and receiving at once
	engines      // reading and writing in the same region
	leaving      // connections to others
	coming       // connections from others
	kinds
)

// can returns how much of a kind one machine has, in the unit of its row:
// Gbit/s, or machines for connections.
func (t machine) can(k kind) float64 {
	return [kinds]float64{t.egress, t.ingress, t.send, float64(EngineGbps), 1, 1}[k]
}

// siteRows are the limits of one site's gateways, all of the form: what passes
// is at most what they can do. There is no row where nothing limits.
type siteRows struct {
	row       [kinds]milp.Row
	receiving float64 // what receiving takes of the CPUs, in terms of sending
}

// column is a tree in the program.
type column struct {
	tree
	v   milp.Var
	usd float64 // a GB
}

// total is the number of several sorts of gateways together.
type total struct {
	total milp.Var
	of    []milp.Var
}

// worth is what the objective adds up. Its unit is the problem's own scale, so
// that figures are near 1 whatever the size of the job.
type worth struct {
	usdPerGB float64 // of a Gbit/s on a tree that costs 1 USD/GB
	hop      float64 // of a Gbit/s on each link: of equal trees the shorter
	hours    float64 // of a gateway that costs 1 USD/h
	gateway  float64 // of each gateway: of equal plans that with fewer
	short    float64 // of a Gbit/s that is lacking
}

// machine is what one gateway adds to the objective.
func (w worth) machine(t machine) float64 {
	if t.there {
		return 0
	}
	return w.hours*t.hourly + w.gateway
}

func newMaster(p *problem) *master {
	m := &master{p: p, lp: milp.New(), finder: newFinder(p), known: map[string]bool{}, upper: map[milp.Var]float64{}}
	m.short = m.lp.Variable("short", 0, math.Inf(1), 0, milp.Continuous)
	m.goal = m.lp.Constraint("rate", 0, 0, milp.Term{Var: m.short, Coefficient: 1})
	for v := range p.sites {
		m.addSite(v)
	}
	m.addEnds()
	m.addSums()
	for _, l := range p.links {
		row := none
		if l.total {
			row = m.lp.Constraint(p.name(l), math.Inf(-1), l.gbps)
		}
		m.links = append(m.links, row)
	}
	return m
}

// name names a link, for messages.
func (p *problem) name(l link) string {
	return fmt.Sprintf("%s > %s", p.sites[l.from].region, p.sites[l.to].region)
}

// addSite adds a site's numbers of gateways and the limits that they set.
func (m *master) addSite(v int) {
	s := m.p.sites[v]
	var vars []milp.Var
	for _, t := range s.machines {
		vars = append(vars, m.lp.Variable(fmt.Sprintf("%s %s", s.region, t.name), 0, float64(t.most), 0, milp.Integer))
	}
	for i, n := range vars {
		m.upper[n] = float64(s.machines[i].most)
	}
	m.gateways = append(m.gateways, vars)
	rows := siteRows{}
	for k := range kinds {
		rows.row[k] = none
		if slices.ContainsFunc(s.machines, func(t machine) bool { return math.IsInf(t.can(k), 1) }) || (k == engines && !(s.source && s.isDest())) {
			continue
		}
		var terms []milp.Term
		for i, t := range s.machines {
			terms = append(terms, milp.Term{Var: vars[i], Coefficient: -t.can(k)})
		}
		rows.row[k] = m.lp.Constraint(string(s.region), math.Inf(-1), 0, terms...)
	}
	for _, t := range s.machines {
		if !math.IsInf(t.receive, 1) {
			rows.receiving = max(rows.receiving, t.send/t.receive)
		}
	}
	if len(vars) > 1 {
		m.lp.Constraint(fmt.Sprintf("%s limit", s.region), math.Inf(-1), float64(s.gateways), sum(vars)...)
	}
	m.sites = append(m.sites, rows)
}

// end is the number of gateways at the source or at an end, and the most that
// one of them can send or receive, in Gbit/s; +Inf where that is not limited.
type end struct {
	row  milp.Row
	each float64
}

// addEnds says that the source and each end need gateways.
func (m *master) addEnds() {
	for i, group := range m.p.groups() {
		var vars []milp.Var
		can, link := 0.0, 0.0
		for _, v := range group {
			vars = append(vars, m.gateways[v]...)
			for _, t := range m.p.sites[v].machines {
				if i == 0 {
					can = max(can, min(t.egress, t.send))
				} else {
					can = max(can, min(t.ingress, t.receive))
				}
			}
			for _, l := range m.p.links {
				if (i == 0 && l.from == v) || (i > 0 && l.to == v) {
					link = max(link, 1/l.uses())
				}
			}
			if m.p.sites[v].source && m.p.sites[v].isDest() {
				can, link = math.Inf(1), math.Inf(1) // nothing has to leave or come
			}
		}
		row := m.lp.Constraint("end", 1, math.Inf(1), sum(vars)...)
		m.ends = append(m.ends, end{row, min(can, link)})
	}
}

// addSums adds the numbers of all gateways, of those of each price, and of those
// in a region of several types, which branching decides first: where many relays
// are as good as each other, deciding one changes nothing, and deciding how many
// there are does.
func (m *master) addSums() {
	var all []milp.Var
	var prices []float64
	byPrice := map[float64][]milp.Var{}
	for v, vars := range m.gateways {
		all = append(all, vars...)
		for k, t := range m.p.sites[v].machines {
			if byPrice[t.hourly] == nil {
				prices = append(prices, t.hourly)
			}
			byPrice[t.hourly] = append(byPrice[t.hourly], vars[k])
		}
	}
	m.addSum(all, 3)
	if len(prices) > 1 {
		for _, usd := range prices {
			m.addSum(byPrice[usd], 2)
		}
	}
	for _, vars := range m.gateways {
		m.addSum(vars, 1)
	}
}

// addSum adds a number of several sorts of gateways.
func (m *master) addSum(vars []milp.Var, priority int) {
	if len(vars) < 2 {
		return
	}
	v := m.lp.Variable("sum", 0, float64(len(vars)*m.p.gateways), 0, milp.Integer)
	m.lp.Constraint("sum", 0, 0, append(sum(vars), milp.Term{Var: v, Coefficient: -1})...)
	m.lp.SetPriority(v, priority)
	m.sums = append(m.sums, total{v, vars})
}

func sum(vars []milp.Var) []milp.Term {
	var terms []milp.Term
	for _, v := range vars {
		terms = append(terms, milp.Term{Var: v, Coefficient: 1})
	}
	return terms
}

// add brings a tree into the program, unless it is there.
func (m *master) add(t tree) bool {
	key := t.key()
	if m.known[key] {
		return false
	}
	m.known[key] = true
	c := column{tree: t, usd: m.p.usd(t)}
	use := map[milp.Row]float64{m.goal: 1}
	m.uses(t, func(row milp.Row, amount float64) { use[row] += amount })
	var entries []milp.Entry
	for _, row := range slices.Sorted(maps.Keys(use)) {
		entries = append(entries, milp.Entry{Row: row, Coefficient: use[row]})
	}
	c.v = m.lp.Column("tree", 0, 2*m.p.carries(t), m.cost(c), milp.Continuous, entries...)
	m.columns = append(m.columns, c)
	return true
}

// uses tells what a Gbit/s on a tree takes of each row but the goal's.
func (m *master) uses(t tree, take func(row milp.Row, amount float64)) {
	for _, i := range t.links {
		m.linkUses(i, take)
	}
	for e, v := range t.at {
		if v == t.root && m.p.sites[v].dest[e] {
			take(m.sites[v].row[engines], 1)
		}
	}
}

// linkUses tells what a Gbit/s on a link takes of each row.
func (m *master) linkUses(i int, take func(row milp.Row, amount float64)) {
	l := m.p.links[i]
	from, to := m.sites[l.from], m.sites[l.to]
	for _, use := range [...]struct {
		row    milp.Row
		amount float64
	}{{from.row[egress], 1}, {from.row[cpu], 1}, {from.row[leaving], l.uses()},
		{to.row[ingress], 1}, {to.row[cpu], to.receiving}, {to.row[coming], l.uses()}, {m.links[i], 1}} {
		if use.row != none && use.amount > 0 {
			take(use.row, use.amount)
		}
	}
}

// carries bounds what a tree can carry with all the gateways that there may be.
// In the program it is doubled: a bound that holds would take the dual value
// from the limit that is the reason.
func (p *problem) carries(t tree) float64 {
	n := float64(p.gateways)
	most := math.Inf(1)
	for _, i := range t.links {
		if l := p.links[i]; l.total {
			most = min(most, l.gbps, n/l.uses())
		} else {
			most = min(most, n*l.gbps)
		}
	}
	if len(t.links) == 0 {
		most = n * float64(EngineGbps)
	}
	return most
}
