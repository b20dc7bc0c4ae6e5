package main

import (
	"math"
	"testing"

	"github.com/skyctl/skyctl/orchestrator/lab/labfile"
)

// What each scenario allows, worked out by hand, in Mbit/s of packets.
func TestIdealOfScenarios(t *testing.T) {
	for name, want := range map[string]float64{
		"fast-relay":    32,                  // 7 direct and 25 through the relay
		"vm-caps":       24,                  // two machines of 12
		"lossy-haul":    200,                 // loss takes a thousandth
		"multicast":     32,                  // 20 + 6 + 6 leave the source, and all can reach each
		"small-objects": 40,                  // the one link
		"udp-blocked":   30,                  // the one link
		"degrading":     1 / (.4/40 + .6/24), // 20 + 20, then 4 + 20
		"partition":     1 / (.2/30 + .8/10), // 10 + 20, then 10
	} {
		l, err := labfile.Load("../scenarios/" + name + ".yaml")
		if err != nil {
			t.Error(err)
			continue
		}
		o := outcome{file: l, ideal: ideal(l)}
		if got := o.mbit(o.ideal) / labfile.Goodput; math.Abs(got/want-1) > 1e-6 {
			t.Errorf("%s: %.3f Mbit/s, want %.3f", name, got, want)
		}
	}
}

// A link that comes back counts for the seconds in which it was away.
func TestIdealOfAChangeThatPasses(t *testing.T) {
	l, err := labfile.Parse("a.yaml", []byte(`
regions: {east: {}, west: {}}
links: [{from: east, to: west, mbit: 8}]
job: {from: east, to: [west], objects: 10, size: 1MB, changes: [{at: 0.5, from: east, to: west, mbit: 4, resume: 2}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	// 10 MB at 1 MB/s of packets, and in two seconds at half the rate a second is lost.
	want := 10/labfile.Goodput + 1
	if got := ideal(l).Seconds(); math.Abs(got-want) > 0.001 {
		t.Errorf("%.3f s, want %.3f", got, want)
	}
}
