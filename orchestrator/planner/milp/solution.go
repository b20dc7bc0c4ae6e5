package milp

// DefaultGap is the relative gap within which an answer counts as optimal
// unless Options.Gap says otherwise: 0.1 %.
const DefaultGap = 1e-3

// Options says how good the answer has to be and how much work it may cost. The
// zero value asks for the default gap and sets no limit.
type Options struct {
	// Gap is the relative gap at which the search ends: (objective - bound) /
	// |objective|. 0 means DefaultGap; a very small one (1e-9) asks for the exact optimum.
	Gap float64

	// AbsGap also ends the search, in units of the objective. 0 means none.
	AbsGap float64

	// Nodes limits the relaxations that branching solves, and Pivots the
	// simplex iterations of all; 0 means no limit. Both are measures of time
	// that do not depend on the machine, so the answer stays the same everywhere.
	Nodes, Pivots int

	// Start is a feasible point to begin with, or only its integers: continuous
	// values are found anew. One that is not feasible is of no use and no error.
	Start []float64

	// Cutoff asks only for answers that cost less; nil asks for any.
	Cutoff *float64

	// Round may turn the solution of a relaxation into a better guess than
	// rounding does: it returns a value for each variable, of which the integers
	// are used, or nil for none. It must not keep x and must be deterministic.
	Round func(x []float64) []float64

	// Price makes the search branch and price. It is called with the duals of
	// each relaxation that was solved to its optimum, in the meaning of
	// Solution.Dual, may add columns (Problem.Column), and says whether it did:
	// the relaxation is then solved again. It must add every column that could
	// lower the optimum sooner or later, or the bound is not one. Adding rows or
	// changing anything else in it is wrong. A relaxation that is infeasible is
	// not priced: give rows a dear slack.
	Price func(dual []float64) bool

	// Relax solves the relaxation alone: integers count as continuous.
	Relax bool

	// Proof keeps the tree of branches with the dual values of its leaves, for
	// package certify. It costs memory: one float64 a constraint and leaf.
	Proof bool
}

// Status says what a Solution is.
type Status uint8

const (
	Optimal    Status = iota // X is proven to be within the gap
	Feasible                 // X is feasible; a limit ended the search, Gap says what is proven
	Infeasible               // nothing is feasible, or nothing below the cutoff
	Unbounded                // the relaxation has no least cost
	Unknown                  // a limit ended the search before anything feasible was found
)

func (s Status) String() string {
	return [...]string{"optimal", "feasible", "infeasible", "unbounded", "unknown"}[s]
}

// Solution is the answer. X, Dual and Reduced are nil unless Status is Optimal
// or Feasible.
type Solution struct {
	Status    Status
	X         []float64 // a value for each variable; those of integers are whole
	Objective float64   // cost of X
	Bound     float64   // no feasible point costs less; +Inf if there is none and no cutoff
	Gap       float64   // (Objective - Bound) / |Objective|; 0 for less than 1e-9 of it

	// Dual has a value for each constraint and Reduced for each variable, of the
	// linear program that is left when the integers are fixed at X. They explain
	// the answer: Dual is what the objective rises when the side at which the
	// constraint stands rises by one (0 if it stands at none), and Reduced the
	// same for the value of a variable. For an integer, Reduced is what one more
	// of it costs, negative where it saves, all else adapting. Both hold for
	// small changes; where the answer is degenerate there are several and this
	// is one of them.
	Dual, Reduced []float64

	// Root is the linear relaxation before any branching: its duals are those of
	// a world where machines can be had in fractions.
	Root Relaxation

	Nodes  int // relaxations that branching solved, the root included
	Pivots int // simplex iterations of all of them
	Proof  *Proof
}

// Relaxation is the optimum of the problem without its integrality. It is zero
// if the relaxation has no optimum.
type Relaxation struct {
	Objective     float64
	X             []float64
	Dual, Reduced []float64
}

// Proof is a node of the tree of branches: Solution.Bound holds for all of the
// problem because it holds in each leaf and the leaves leave out no integer.
type Proof struct {
	// Branch is the integer that the node splits: Down has it at most At, Up at
	// least At+1. In a leaf Down and Up are nil.
	Branch   Var
	At       float64
	Down, Up *Proof

	// Dual proves a leaf: a value for each constraint, from which weak duality
	// gives a bound on the cost within the leaf's bounds. If Farkas is set the
	// bound is on a cost of zero: a positive one proves that the leaf is empty.
	// A nil Dual is a leaf that was not solved before a limit ended the search.
	Dual   []float64
	Farkas bool
}
