package planner

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// TestAgreesWithCBC writes the model in terms of links, from the figures alone,
// for coinor-cbc, and compares what both say plans cost: pairs of regions of the
// built-in grid or of SKYCTL_GRID, at three throughputs each. SKYCTL_PLANNER_CBC
// is the number of pairs; without it there are none, as cbc is not among the
// tools that every machine has.
func TestAgreesWithCBC(t *testing.T) {
	pairs := 0
	if v := os.Getenv("SKYCTL_PLANNER_CBC"); v != "" {
		var err error
		if pairs, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
	}
	g, book, regions := figures(t)
	rng := rand.New(rand.NewPCG(7, 7))
	compared := 0
	for compared < 3*pairs {
		from, to := regions[rng.IntN(len(regions))], regions[rng.IntN(len(regions))]
		if from == to {
			continue
		}
		job := Job{Sources: []region.Region{from}, Dests: [][]region.Region{{to}}, Bytes: unit.TB, Gateways: ptr(1 + rng.IntN(8))}
		s, err := prepare(t.Context(), job, g, book, Limits{Relays: regions})
		if err != nil {
			t.Fatalf("%s > %s: %v", from, to, err)
		}
		for _, part := range []float64{0.3, 0.6, 0.95} {
			rate := math.Floor(s.most*part*1e3) / 1e3
			c, err := s.at(rate)
			if err != nil {
				t.Fatal(err)
			}
			want := cbc(t, linkModel(t, g, book, regions, job, rate))
			if got := s.usd(c); math.Abs(got-want) > tolerance*want {
				t.Errorf("%s > %s at %v Gbit/s, %d gateways: %v USD, cbc says %v", from, to, rate, *job.Gateways, got, want)
			}
			compared++
		}
	}
	if pairs > 0 {
		t.Logf("%d plans compared", compared)
	}
}

// linkModel writes the program over links in the LP format.
func linkModel(t *testing.T, g Grid, book Prices, regions []region.Region, job Job, rate float64) string {
	t.Helper()
	var cost, rows, bounds, integers strings.Builder
	from, to := job.Sources[0], job.Dests[0][0]
	gb := float64(job.Bytes) / 1e9
	name := map[region.Region]int{}
	leaving, coming := map[region.Region][]string{}, map[region.Region][]string{}
	out, in := map[region.Region][]string{}, map[region.Region][]string{}
	for i, r := range regions {
		name[r] = i
	}
	for _, u := range regions {
		for _, v := range regions {
			l, err := g.Link(u, v)
			usd, err2 := book.Egress(u, v)
			if u == v || v == from || u == to || err != nil || err2 != nil || len(g.Machines(u)) == 0 || len(g.Machines(v)) == 0 || l.Gbps == 0 {
				continue
			}
			f := fmt.Sprintf("f_%d_%d", name[u], name[v])
			fmt.Fprintf(&cost, " + %.12g %s\n", gb/rate*float64(usd.Average(job.Bytes)), f)
			leaving[u] = append(leaving[u], fmt.Sprintf("%.12g %s", 1/float64(l.Gbps), f))
			coming[v] = append(coming[v], fmt.Sprintf("%.12g %s", 1/float64(l.Gbps), f))
			out[u], in[v] = append(out[u], f), append(in[v], f)
		}
	}
	row := func(left []string, sign, right string) {
		if len(left) > 0 {
			fmt.Fprintf(&rows, " + %s %s %s\n", strings.Join(left, "\n + "), sign, right)
		}
	}
	for i, r := range regions {
		switch r {
		case from:
			row(out[r], "=", strconv.FormatFloat(rate, 'g', 12, 64))
		case to:
			row(in[r], "=", strconv.FormatFloat(rate, 'g', 12, 64))
		default:
			var back []string
			for _, f := range out[r] {
				back = append(back, "-1 "+f)
			}
			row(append(back, in[r]...), "=", "0")
		}
		var all []string
		less := map[string]string{}
		for k, m := range g.Machines(r) {
			usd, err := book.Machine(r, m.Type)
			if err != nil {
				continue
			}
			n := fmt.Sprintf("n_%d_%d", i, k)
			fmt.Fprintf(&cost, " + %.12g %s\n", float64(usd.USD)*8*gb/rate/3600, n)
			fmt.Fprintf(&bounds, " 0 <= %s <= %d\n", n, *job.Gateways)
			fmt.Fprintf(&integers, " %s\n", n)
			all = append(all, n)
			for what, can := range map[string]float64{"out": limit(m.Egress), "in": limit(m.Ingress), "cpu": limit(m.Send)} {
				if !math.IsInf(can, 1) {
					less[what] += fmt.Sprintf(" - %.12g %s\n", can, n)
				}
			}
		}
		sum := strings.Join(all, " - ")
		row(leaving[r], "", "- "+sum+" <= 0")
		row(coming[r], "", "- "+sum+" <= 0")
		row(all, "<=", strconv.Itoa(*job.Gateways))
		if less["out"] != "" {
			row(out[r], "", less["out"]+" <= 0")
		}
		if less["in"] != "" {
			row(in[r], "", less["in"]+" <= 0")
		}
		if less["cpu"] != "" {
			busy := append([]string{}, out[r]...)
			for _, f := range in[r] {
				busy = append(busy, fmt.Sprintf("%.12g %s", receiving(g.Machines(r)), f))
			}
			row(busy, "", less["cpu"]+" <= 0")
		}
	}
	return "Minimize\n" + cost.String() + "Subject To\n" + rows.String() + "Bounds\n" + bounds.String() + "Integers\n" + integers.String() + "End\n"
}

// receiving is what a received Gbit/s takes of CPUs, in Gbit/s sent.
func receiving(machines []grid.Machine) (most float64) {
	for _, m := range machines {
		if m.Receive > 0 {
			most = max(most, float64(m.Send/m.Receive))
		}
	}
	return most
}

// cbc solves a model in the LP format and returns the optimum.
func cbc(t *testing.T, model string) float64 {
	t.Helper()
	file, solution := filepath.Join(t.TempDir(), "model.lp"), filepath.Join(t.TempDir(), "solution")
	if err := os.WriteFile(file, []byte(model), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "cbc", file, "ratioGap", "0.0001", "solve", "solution", solution).CombinedOutput()
	if err != nil {
		t.Fatalf("cbc: %v\n%s", err, out)
	}
	data, err := os.ReadFile(solution)
	first, _, _ := strings.Cut(string(data), "\n")
	status, value, _ := strings.Cut(first, " - objective value ")
	usd, err2 := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil || err2 != nil || !strings.HasPrefix(status, "Optimal") {
		t.Fatalf("cbc says %q\n%s", first, out)
	}
	return usd
}
