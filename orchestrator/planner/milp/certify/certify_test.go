package certify_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/skyctl/skyctl/orchestrator/planner/milp"
	"github.com/skyctl/skyctl/orchestrator/planner/milp/certify"
)

// purchase needs 7 units; a machine carries 5, at most 3 can be had, at 2 each.
func purchase() *milp.Problem {
	p := milp.New()
	flow := p.Variable("flow", 0, math.Inf(1), 1, milp.Continuous)
	machines := p.Variable("machines", 0, 3, 2, milp.Integer)
	p.Constraint("goal", 7, math.Inf(1), milp.Term{Var: flow, Coefficient: 1})
	p.Constraint("room", math.Inf(-1), 0, milp.Term{Var: flow, Coefficient: 1}, milp.Term{Var: machines, Coefficient: -5})
	return p
}

func TestPoint(t *testing.T) {
	for _, c := range []struct {
		name string
		x    []float64
		want string
	}{
		{"feasible", []float64{7, 2}, ""},
		{"within the tolerance", []float64{7 - 1e-9, 2}, ""},
		{"short of the goal", []float64{6.9, 2}, `constraint "goal"`},
		{"too few machines", []float64{7, 1}, `constraint "room"`},
		{"too many machines", []float64{7, 4}, `variable "machines"`},
		{"part of a machine", []float64{7, 1.5}, `integer "machines"`},
		{"nearly whole", []float64{7, 2 + 1e-12}, `integer "machines"`},
		{"a value missing", []float64{7}, "1 values for 2"},
		{"not a number", []float64{7, math.NaN()}, "NaN"},
	} {
		cost, err := certify.Point(purchase(), c.x, 1e-6)
		if c.want == "" {
			if v, _ := cost.Float64(); err != nil || math.Abs(v-11) > 1e-6 {
				t.Errorf("%s: cost %v, %v; want 11", c.name, v, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %s", c.name, err, c.want)
		}
	}
}

func TestRelaxation(t *testing.T) {
	for _, c := range []struct {
		name string
		dual []float64
		want float64
	}{
		{"optimal", []float64{1.4, -0.4}, 9.8},
		{"valid and weak", []float64{0.5, 0}, 3.5},
		{"nothing", []float64{0, 0}, 0},
		{"dearer than the machines it pays", []float64{2, -1}, 5}, // 14 - 3 x 3
		{"a flow without upper bound that would pay", []float64{5, 0}, 7},
		{"a sign that the constraint does not have", []float64{1, 5}, 7},
	} {
		bound, err := certify.Relaxation(purchase(), c.dual)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if v, _ := bound.Float64(); math.Abs(v-c.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", c.name, v, c.want)
		}
	}
	p := milp.New()
	x := p.Variable("x", math.Inf(-1), math.Inf(1), 1, milp.Continuous)
	p.Constraint("r", 6, math.Inf(1), milp.Term{Var: x, Coefficient: 3})
	if _, err := certify.Relaxation(p, []float64{0}); !errors.Is(err, certify.ErrUnproven) {
		t.Errorf("a cost that falls forever: %v", err)
	}
}

// TestRoundingIsRepaired: a third is no float64, so that the reduced cost of an
// unbounded variable is off zero by rounding, and exactly zero once repaired.
func TestRoundingIsRepaired(t *testing.T) {
	p := milp.New()
	x := p.Variable("x", math.Inf(-1), math.Inf(1), 1, milp.Continuous)
	p.Constraint("r", 6, math.Inf(1), milp.Term{Var: x, Coefficient: 3})
	bound, err := certify.Relaxation(p, []float64{1.0 / 3})
	if err != nil || bound.FloatString(9) != "2.000000000" {
		t.Errorf("%v, %v; want exactly 2", bound, err)
	}
}

func TestTree(t *testing.T) {
	leaf := func(dual ...float64) *milp.Proof { return &milp.Proof{Dual: dual} }
	empty := func(dual ...float64) *milp.Proof { return &milp.Proof{Dual: dual, Farkas: true} }
	branch := func(v milp.Var, at float64, down, up *milp.Proof) *milp.Proof {
		return &milp.Proof{Branch: v, At: at, Down: down, Up: up}
	}
	for _, c := range []struct {
		name  string
		proof *milp.Proof
		bound float64
		err   string
	}{
		{"the root alone", leaf(1.4, -0.4), 9.8, ""},
		{"the branch that closes the gap", branch(1, 1, empty(1, -1), leaf(1, 0)), 11, ""},
		{"a half of no number", branch(1, 3, leaf(1, 0), leaf(0, 0)), 7, ""},
		{"a half left out", branch(1, 1, nil, leaf(1, 0)), 0, "one half only"},
		{"a branch on a flow", branch(0, 1, leaf(1, 0), leaf(1, 0)), 0, "leaves out something"},
		{"a branch between whole numbers", branch(1, 1.5, leaf(1, 0), leaf(1, 0)), 0, "leaves out something"},
		{"a leaf called empty that is not", branch(1, 1, leaf(1, 0), empty(1, -1)), 0, "not proven"},
		{"a leaf without proof", branch(1, 1, &milp.Proof{}, leaf(1, 0)), 0, "0 dual values"},
		{"a dual that is no number", leaf(math.NaN(), 0), 0, "NaN"},
		{"no proof", nil, 0, "Options.Proof"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bound, _, err := certify.Tree(purchase(), c.proof)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error %v, want %s", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if v, _ := bound.Float64(); math.Abs(v-c.bound) > 1e-12 {
				t.Errorf("bound %v, want %v", v, c.bound)
			}
		})
	}
}
