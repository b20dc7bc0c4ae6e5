package planner

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/price"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// figures returns the built-in grid and price book, or those of the files that
// SKYCTL_GRID and SKYCTL_PRICES name, and the regions that they know.
func figures(t testing.TB) (*grid.Grid, *price.Book, []region.Region) {
	t.Helper()
	open := func(name string) *os.File {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	g, b := grid.New(nil, nil).WithModel(), price.New(nil, nil).WithRules()
	if name := os.Getenv("SKYCTL_GRID"); name != "" {
		table, err := grid.Read(name, open(name))
		if err != nil {
			t.Fatal(err)
		}
		g = grid.New(nil, nil).WithTable(table)
	}
	if name := os.Getenv("SKYCTL_PRICES"); name != "" {
		table, err := price.Read(name, open(name))
		if err != nil {
			t.Fatal(err)
		}
		b = b.WithTable(table)
	}
	return g, b, g.Regions()
}

// BenchmarkPlanner plans random pairs of regions at 8 gateways a region and 1 TB
// for each kind of goal, and pairs with six destinations, and reports the CPU
// times and gaps: median, 99th percentile and worst. SKYCTL_PAIRS is the number of
// pairs. A goal that cannot be reached counts for the time.
func BenchmarkPlanner(b *testing.B) {
	g, book, regions := figures(b)
	pairs := 20
	if n, err := strconv.Atoi(os.Getenv("SKYCTL_PAIRS")); err == nil {
		pairs = n
	}
	for _, goal := range []string{"throughput", "time", "cost", "default", "multicast"} {
		b.Run(goal, func(b *testing.B) {
			for b.Loop() {
				rng := rand.New(rand.NewPCG(1, 2))
				var took []time.Duration
				var gaps []float64
				for range pairs {
					from, to := regions[rng.IntN(len(regions))], regions[rng.IntN(len(regions))]
					if from == to {
						continue
					}
					job := Job{Sources: []region.Region{from}, Dests: [][]region.Region{{to}}, Bytes: unit.TB, Gateways: ptr(8)}
					switch goal {
					case "throughput":
						job.MinThroughput = 20
					case "time":
						job.MaxTime = 10 * time.Minute
					case "cost":
						job.MaxCost = ptr(unit.USD(130))
					case "multicast":
						job.MinThroughput = 10
						for len(job.Dests) < 6 {
							if to := regions[rng.IntN(len(regions))]; to != from {
								job.Dests = append(job.Dests, []region.Region{to})
							}
						}
					}
					start := cpuTime(b)
					o, err := Solve(context.Background(), job, g, book, Limits{Relays: regions})
					took = append(took, cpuTime(b)-start)
					var infeasible *Infeasible
					if err == nil {
						gaps = append(gaps, o.Gap)
					} else if !errors.As(err, &infeasible) {
						b.Fatalf("%s > %s: %v", from, to, err)
					}
				}
				report(b, "cpu-ms", took, func(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 })
				report(b, "gap", gaps, func(g float64) float64 { return g })
			}
		})
	}
}

// cpuTime is what the process has used: other processes on the machine do not
// count, the garbage collector does.
func cpuTime(b *testing.B) time.Duration {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func report[T cmp.Ordered](b *testing.B, what string, all []T, in func(T) float64) {
	slices.Sort(all)
	if len(all) == 0 {
		return
	}
	b.ReportMetric(in(all[len(all)/2]), "median-"+what)
	b.ReportMetric(in(all[(len(all)*99)/100]), "p99-"+what)
	b.ReportMetric(in(all[len(all)-1]), "worst-"+what)
}

func ptr[T any](v T) *T { return &v }
