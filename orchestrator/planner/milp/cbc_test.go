package milp_test

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/skyctl/skyctl/orchestrator/planner/milp"
	"github.com/skyctl/skyctl/orchestrator/planner/milp/certify"
)

// writeLP writes p in the LP format that most solvers read. Names are numbers,
// so that nothing needs quoting.
func writeLP(w io.Writer, p *milp.Problem) {
	term := func(c float64, j milp.Var) string { return fmt.Sprintf(" %+.17g x%d\n", c, j) }
	fmt.Fprint(w, "Minimize\n obj: 0 zero\n")
	for j := range p.Variables() {
		if v := p.VariableAt(milp.Var(j)); v.Cost != 0 {
			fmt.Fprint(w, term(v.Cost, milp.Var(j)))
		}
	}
	fmt.Fprint(w, "Subject To\n")
	for i := range p.Constraints() {
		r := p.ConstraintAt(milp.Row(i))
		row := fmt.Sprintf("r%d", i)
		body := " 0 zero\n"
		for _, t := range r.Terms {
			body += term(t.Coefficient, t.Var)
		}
		switch {
		case r.Lower == r.Upper:
			fmt.Fprintf(w, "%s:%s = %.17g\n", row, body, r.Lower)
			continue
		case !math.IsInf(r.Lower, 0):
			fmt.Fprintf(w, "%sl:%s >= %.17g\n", row, body, r.Lower)
		}
		if !math.IsInf(r.Upper, 0) {
			fmt.Fprintf(w, "%su:%s <= %.17g\n", row, body, r.Upper)
		}
	}
	fmt.Fprint(w, "Bounds\n zero = 0\n")
	for j := range p.Variables() {
		v := p.VariableAt(milp.Var(j))
		switch lower, upper := math.IsInf(v.Lower, 0), math.IsInf(v.Upper, 0); {
		case lower && upper:
			fmt.Fprintf(w, " x%d free\n", j)
		case lower:
			fmt.Fprintf(w, " -inf <= x%d <= %.17g\n", j, v.Upper)
		case upper:
			fmt.Fprintf(w, " x%d >= %.17g\n", j, v.Lower)
		default:
			fmt.Fprintf(w, " %.17g <= x%d <= %.17g\n", v.Lower, j, v.Upper)
		}
	}
	fmt.Fprint(w, "Generals\n")
	for j := range p.Variables() {
		if p.VariableAt(milp.Var(j)).Kind == milp.Integer {
			fmt.Fprintf(w, " x%d\n", j)
		}
	}
	fmt.Fprint(w, "End\n")
}

func TestLPFormat(t *testing.T) {
	p := milp.New()
	x := p.Variable("x", 0, inf, 1.5, milp.Continuous)
	y := p.Variable("y", -inf, inf, 0, milp.Continuous)
	n := p.Variable("n", -1, 8, -2, milp.Integer)
	p.Constraint("both", 1, 2, milp.Term{Var: x, Coefficient: 1}, milp.Term{Var: n, Coefficient: -0.5})
	p.Constraint("equal", 3, 3, milp.Term{Var: y, Coefficient: 1})
	var got bytes.Buffer
	writeLP(&got, p)
	want := "Minimize\n obj: 0 zero\n +1.5 x0\n -2 x2\nSubject To\n" +
		"r0l: 0 zero\n +1 x0\n -0.5 x2\n >= 1\nr0u: 0 zero\n +1 x0\n -0.5 x2\n <= 2\nr1: 0 zero\n +1 x1\n = 3\n" +
		"Bounds\n zero = 0\n x0 >= 0\n x1 free\n -1 <= x2 <= 8\nGenerals\n x2\nEnd\n"
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
}

// cbc solves p with COIN-OR's solver, to a gap of nothing.
func cbc(t *testing.T, p *milp.Problem) (status string, objective float64) {
	t.Helper()
	dir := t.TempDir()
	model, solution := filepath.Join(dir, "model.lp"), filepath.Join(dir, "solution")
	f, err := os.Create(model)
	if err != nil {
		t.Fatal(err)
	}
	writeLP(f, p)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "cbc", model, "ratioGap", "0", "allowableGap", "0", "primalT", "1e-9", "solve", "solution", solution).CombinedOutput()
	if err != nil {
		t.Fatalf("cbc: %v\n%s", err, out)
	}
	data, err := os.ReadFile(solution)
	if err != nil {
		t.Fatalf("cbc: %v\n%s", err, out)
	}
	first, _, _ := strings.Cut(string(data), "\n")
	status, value, _ := strings.Cut(first, " - objective value ")
	objective, err = strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil {
		t.Fatalf("cbc says %q", first)
	}
	return status, objective
}

// feasible reports whether there is a point of p that the exact checker accepts,
// within a thousandth of what is allowed elsewhere. cbc 2.10 calls some problems
// infeasible that are not: its preprocessing errs with free variables and with
// equations between integers.
func feasible(t *testing.T, p *milp.Problem) bool {
	p = clone(p)
	for j := range p.Variables() {
		p.SetCost(milp.Var(j), 0)
	}
	s, err := p.Solve(t.Context(), milp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if s.X == nil {
		return false
	}
	_, err = certify.Point(p, s.X, tolerance/1000)
	return err == nil
}

// TestAgreesWithCBC solves instances of every family with coinor-cbc as well.
// SKYCTL_MILP_CBC says how many of each; without it there are none, as cbc is
// not among the tools that every machine has.
func TestAgreesWithCBC(t *testing.T) {
	count := 0
	if v := os.Getenv("SKYCTL_MILP_CBC"); v != "" {
		var err error
		if count, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range families {
		agreed := map[string]int{}
		for seed := range uint64(count) {
			p := f.make(rand.New(rand.NewPCG(seed, 17)))
			if p.Constraints() == 0 {
				continue // cbc does not read such a file
			}
			s, err := p.Solve(t.Context(), milp.Options{Gap: 1e-9})
			if err != nil {
				t.Fatalf("%s, seed %d: %v", f.name, seed, err)
			}
			status, objective := cbc(t, p)
			ours := map[milp.Status]string{milp.Optimal: "Optimal", milp.Infeasible: "Infeasible", milp.Unbounded: "Unbounded"}[s.Status]
			if strings.HasSuffix(strings.ToLower(status), "infeasible") && feasible(t, p) {
				agreed["refuted"]++ // cbc is wrong: here is a point
				continue
			}
			if !strings.HasPrefix(strings.Replace(status, "Integer infeasible", "Infeasible", 1), ours) {
				t.Errorf("%s, seed %d: %s, cbc: %s", f.name, seed, s.Status, status)
				continue
			}
			if s.Status == milp.Optimal && !close(s.Objective, objective) {
				if _, err := certify.Point(p, s.X, tolerance/1000); err == nil && s.Objective < objective {
					agreed["refuted"]++ // cbc is wrong: this point is better
					continue
				}
				t.Errorf("%s, seed %d: %v, cbc: %v", f.name, seed, s.Objective, objective)
				continue
			}
			agreed[ours]++
		}
		t.Logf("%s: agreed %v", f.name, agreed)
	}
}
