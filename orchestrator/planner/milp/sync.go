package milp

import (
	"math"

	"github.com/skyctl/skyctl/orchestrator/planner/milp/internal/simplex"
)

// sync brings p.lp to what the problem is now and keeps its basis: what was
// there stays where it stood, new variables start at a bound and new rows with
// their logicals.
func (p *Problem) sync() {
	if p.lp == nil || p.changed {
		p.rebuild()
	}
	p.extend()
	for i, r := range p.rows {
		p.lp.SetSides(i, r.Lower, r.Upper)
	}
	for j, v := range p.variables {
		p.lp.SetBounds(j, v.Lower, v.Upper)
		p.lp.SetCost(j, v.Cost)
	}
	p.lp.SetCosts()
}

// extend adds the variables to p.lp that it does not have.
func (p *Problem) extend() {
	for _, column := range p.fresh {
		p.lp.Column(column)
	}
	p.fresh = p.fresh[:0]
}

// rebuild makes p.lp anew, scaled, and takes the old one's basis along.
func (p *Problem) rebuild() {
	columns := make([][]simplex.Entry, len(p.variables))
	for i, r := range p.rows {
		for _, t := range r.Terms {
			columns[t.Var] = append(columns[t.Var], simplex.Entry{Row: i, Value: t.Coefficient})
		}
	}
	old := p.lp
	p.lp = simplex.New(len(p.rows))
	p.lp.Scale(columns)
	for _, column := range columns {
		p.lp.Column(column)
	}
	p.fresh, p.changed = p.fresh[:0], false
	if old == nil {
		return
	}
	from := old.Basis()
	rows := old.Rows()
	basis := p.lp.Basis() // logicals basic, variables not
	copy(basis, from[:rows])
	copy(basis[len(p.rows):], from[rows:])
	p.lp.SetBasis(basis)
}

// whole returns the bounds of an integer without the fractions they leave out.
// Bounds that miss a whole number by rounding count as that number.
func whole(lower, upper float64) (float64, float64) {
	return math.Ceil(lower - integral), math.Floor(upper + integral)
}
