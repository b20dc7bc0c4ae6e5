package milp

import (
	"fmt"
	"math"

	"github.com/skyctl/skyctl/orchestrator/planner/milp/internal/simplex"
)

// Var names a variable of one Problem.
type Var int

// Row names a constraint of one Problem.
type Row int

// Kind says which values a variable may take between its bounds.
type Kind uint8

const (
	Continuous Kind = iota // any
	Integer                // whole numbers
)

// Term is one summand of a constraint.
type Term struct {
	Var         Var
	Coefficient float64
}

// Problem is a mixed-integer linear program to minimise. Build it with Variable
// and Constraint, solve it, change it with the Set methods, solve it again. It
// is for one goroutine at a time.
//
// Wrong figures (NaN, a variable of another problem) are reported by Solve, so
// that building a model needs no error handling at each line.
type Problem struct {
	variables []Variable
	rows      []Constraint
	err       error // the first wrong figure

	// What the last solve leaves to the next.
	lp      *simplex.LP
	fresh   [][]simplex.Entry // columns of the variables that lp does not have
	changed bool              // lp's rows are not those of the problem any more
}

// Variable is a variable as the problem has it.
type Variable struct {
	Name         string
	Lower, Upper float64 // may be infinite
	Cost         float64 // of one unit
	Kind         Kind
	Priority     int // integers of a higher one are branched on first
}

// Entry is a coefficient of a new variable in a constraint there is.
type Entry struct {
	Row         Row
	Coefficient float64
}

// Constraint is a row as the problem has it: Lower <= sum of Terms <= Upper.
type Constraint struct {
	Name         string
	Lower, Upper float64 // may be infinite
	Terms        []Term  // each variable at most once
}

// New returns a problem without variables and constraints.
func New() *Problem { return &Problem{} }

// Variable adds a variable between lower and upper, which may be infinite, at
// cost a unit. The name is for messages and need not be unique.
func (p *Problem) Variable(name string, lower, upper, cost float64, kind Kind) Var {
	v := Var(len(p.variables))
	p.variables = append(p.variables, Variable{Name: name, Kind: kind})
	p.fresh = append(p.fresh, nil)
	p.SetBounds(v, lower, upper)
	p.SetCost(v, cost)
	return v
}

// Column adds a variable with its coefficients in constraints that exist, which
// are distinct. It is what column generation needs: the next solve takes the new
// variable into its basis and keeps everything else.
func (p *Problem) Column(name string, lower, upper, cost float64, kind Kind, entries ...Entry) Var {
	v := p.Variable(name, lower, upper, cost, kind)
	column := make([]simplex.Entry, 0, len(entries))
	for _, e := range entries {
		if !p.has(e.Row) {
			continue
		}
		if !finite(e.Coefficient) {
			p.wrong("constraint %q: coefficient of %q is %v", p.rows[e.Row].Name, name, e.Coefficient)
			continue
		}
		row := &p.rows[e.Row]
		row.Terms = append(row.Terms, Term{v, e.Coefficient})
		column = append(column, simplex.Entry{Row: int(e.Row), Value: e.Coefficient})
	}
	p.fresh[len(p.fresh)-1] = column
	return v
}

// SetPriority makes branching prefer v to integers of a lower priority; it is 0
// where nobody says otherwise.
func (p *Problem) SetPriority(v Var, priority int) {
	if p.known(v) {
		p.variables[v].Priority = priority
	}
}

// Constraint adds lower <= sum of terms <= upper. Either side may be infinite,
// and equal sides make an equation. Terms of the same variable are added up.
func (p *Problem) Constraint(name string, lower, upper float64, terms ...Term) Row {
	r := Row(len(p.rows))
	p.rows = append(p.rows, Constraint{Name: name})
	p.changed = true
	p.SetSides(r, lower, upper)
	row := &p.rows[r]
	row.Terms = make([]Term, 0, len(terms))
	seen := make(map[Var]int, len(terms))
	for _, t := range terms {
		if !p.known(t.Var) {
			continue
		}
		if !finite(t.Coefficient) {
			p.wrong("constraint %q: coefficient of %q is %v", name, p.variables[t.Var].Name, t.Coefficient)
			continue
		}
		if k, ok := seen[t.Var]; ok {
			row.Terms[k].Coefficient += t.Coefficient
			continue
		}
		seen[t.Var] = len(row.Terms)
		row.Terms = append(row.Terms, t)
	}
	return r
}

// SetCost changes what one unit of v costs.
func (p *Problem) SetCost(v Var, cost float64) {
	if !p.known(v) {
		return
	}
	if !finite(cost) {
		p.wrong("variable %q: cost is %v", p.variables[v].Name, cost)
		return
	}
	p.variables[v].Cost = cost
}

// SetBounds changes the bounds of v. Bounds that exclude each other make the
// problem infeasible, which is no error.
func (p *Problem) SetBounds(v Var, lower, upper float64) {
	if !p.known(v) {
		return
	}
	if !sides(lower, upper) {
		p.wrong("variable %q: bounds are %v and %v", p.variables[v].Name, lower, upper)
		return
	}
	p.variables[v].Lower, p.variables[v].Upper = lower, upper
}

// SetSides changes the sides of r.
func (p *Problem) SetSides(r Row, lower, upper float64) {
	if !p.has(r) {
		return
	}
	if !sides(lower, upper) {
		p.wrong("constraint %q: sides are %v and %v", p.rows[r].Name, lower, upper)
		return
	}
	p.rows[r].Lower, p.rows[r].Upper = lower, upper
}

// SetCoefficient changes the coefficient of v in r, or adds it. The next solve
// still starts from the last basis, but has to factorise it anew: prefer
// SetCost, SetBounds and SetSides where the model allows.
func (p *Problem) SetCoefficient(r Row, v Var, coefficient float64) {
	if !p.known(v) {
		return
	}
	if !p.has(r) {
		return
	}
	if !finite(coefficient) {
		p.wrong("constraint %q: coefficient of %q is %v", p.rows[r].Name, p.variables[v].Name, coefficient)
		return
	}
	row := &p.rows[r]
	for k := range row.Terms {
		if row.Terms[k].Var == v {
			p.changed = p.changed || row.Terms[k].Coefficient != coefficient
			row.Terms[k].Coefficient = coefficient
			return
		}
	}
	row.Terms = append(row.Terms, Term{v, coefficient})
	p.changed = true
}

// Variables returns the number of variables; they are 0 to it.
func (p *Problem) Variables() int { return len(p.variables) }

// Constraints returns the number of constraints; they are 0 to it.
func (p *Problem) Constraints() int { return len(p.rows) }

// VariableAt returns variable v as it is now.
func (p *Problem) VariableAt(v Var) Variable { return p.variables[v] }

// ConstraintAt returns constraint r as it is now. Its terms are the problem's
// own: read them only.
func (p *Problem) ConstraintAt(r Row) Constraint { return p.rows[r] }

func (p *Problem) known(v Var) bool {
	if v < 0 || int(v) >= len(p.variables) {
		p.wrong("no variable %d in this problem", v)
		return false
	}
	return true
}

func (p *Problem) has(r Row) bool {
	if r < 0 || int(r) >= len(p.rows) {
		p.wrong("no constraint %d in this problem", r)
		return false
	}
	return true
}

func (p *Problem) wrong(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf("milp: "+format, args...)
	}
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// sides reports whether lower and upper can be bounds at all.
func sides(lower, upper float64) bool {
	return !math.IsNaN(lower) && !math.IsNaN(upper) && !math.IsInf(lower, 1) && !math.IsInf(upper, -1)
}
