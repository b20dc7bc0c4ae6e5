package main

import (
	"testing"
)

// BenchmarkOneSmallObject is the whole process, from the command line to its
// end: without gateways, and with three that Terraform starts and destroys.
func BenchmarkOneSmallObject(b *testing.B) {
	for _, c := range []struct{ name, gateways string }{{"inside", "0"}, {"through-gateways", "1"}} {
		b.Run(c.name, func(b *testing.B) {
			w := newWorld(b, worldOptions{})
			w.put("src/k", random(1, 1000))
			for b.Loop() {
				w.succeeded(w.skyctl("cp", "east://data/src/k", "west://data/to", "--gateways", c.gateways, "--yes", "--json"), 1)
			}
			b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/cp")
		})
	}
}
