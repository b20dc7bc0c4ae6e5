package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/skyctl/skyctl/orchestrator"
	"github.com/skyctl/skyctl/orchestrator/lab"
	"github.com/skyctl/skyctl/orchestrator/lab/labfile"
	"github.com/skyctl/skyctl/orchestrator/quote"
)

// tries is how often what else this machine does may hold up what is measured.
const tries = 4

// scenario is a lab that is up, used with the programs as its operator would.
type scenario struct {
	t    *testing.T
	lab  *lab.Lab
	home string
}

// labs numbers those of this process.
var labs atomic.Int32

func newScenario(t *testing.T, text string) *scenario {
	t.Helper()
	// No other lab on this machine has the name.
	path := filepath.Join(t.TempDir(), fmt.Sprintf("e2e-%d-%d.yaml", os.Getpid(), labs.Add(1)))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &scenario{t: t, home: t.TempDir()}
	var up struct{ Lab, Config string }
	s.document(&up, "lab", "up", path)
	l, err := lab.Open(up.Lab)
	if err != nil {
		t.Fatal(err)
	}
	s.lab = l
	t.Cleanup(func() {
		if err := l.Down(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if up.Config != l.Config() {
		t.Errorf("lab up says that the configuration is %s, it is %s", up.Config, l.Config())
	}
	return s
}

// document runs skyctl and reads what --json prints.
func (s *scenario) document(into any, args ...string) {
	s.t.Helper()
	cmd := s.command(args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, into)
	}
	if err != nil {
		s.t.Fatalf("skyctl %v: %v\n%s%s", args, err, out, stderr.String())
	}
}

func (s *scenario) command(args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(bin, "skyctl"), append([]string{"--json"}, args...)...)
	cmd.Env = append(os.Environ(), "SKYCTL_HOME="+s.home)
	if s.lab != nil {
		cmd.Env = append(cmd.Env, "SKYCTL_CONFIG="+s.lab.Config())
	}
	return cmd
}

// fill puts random objects into a region's store.
func (s *scenario) fill(region string, objects, size int) {
	s.t.Helper()
	dir := filepath.Join(s.lab.StoreDir(region), labfile.Bucket, "src")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		s.t.Fatal(err)
	}
	for i := range objects {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), random(uint64(i), size), 0o644); err != nil {
			s.t.Fatal(err)
		}
	}
}

// move plans and applies a copy, compares the bytes on the stores' disks, and
// returns what the plan said that the transfer takes, in seconds, and what became
// of it.
func (s *scenario) move(from, to, prefix string, flags ...string) (forecast float64, r orchestrator.Result) {
	s.t.Helper()
	var plan struct {
		Run  string
		Time struct{ Transfer float64 } `json:"time_s"`
	}
	s.document(&plan, append([]string{"plan", "-r", from + "://data/src/", to + "://data/" + prefix + "/"}, flags...)...)
	s.document(&r, "apply", plan.Run, "--yes")
	sent := filepath.Join(s.lab.StoreDir(from), labfile.Bucket, "src")
	arrived := filepath.Join(s.lab.StoreDir(to), labfile.Bucket, prefix)
	if out, err := exec.Command("diff", "-r", sent, arrived).CombinedOutput(); err != nil {
		s.t.Errorf("what arrived differs: %s", out)
	}
	if !r.Success || !r.Verified {
		s.t.Errorf("%+v", r)
	}
	return plan.Time.Transfer, r
}

// TestLab is what measures rates: on links so slow that labs do not disturb each
// other, but beside nothing else.
func TestLab(t *testing.T) {
	for name, test := range map[string]func(*testing.T){"fast relay": testLabFastRelay, "two gateways": testLabTwoGateways, "measure": testLabMeasure} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

// A slow direct link and a fast relay: the plan has both, the run uses both, and
// is quicker by far than anything that has the direct link alone.
func testLabFastRelay(t *testing.T) {
	const direct, relayed = 7, 25 // Mbit/s
	s := newScenario(t, fmt.Sprintf(`
regions: {canada: {}, japan: {no_store: true}, tokyo: {}}
links:
  - {from: canada, to: tokyo, rtt: 150ms, mbit: %d, usd_per_gb: 0.087}
  - {from: canada, to: japan, rtt: 140ms, mbit: %d, usd_per_gb: 0.05}
  - {from: japan, to: tokyo, rtt: 4ms, mbit: 40, usd_per_gb: 0.12}
`, direct, relayed))
	s.fill("canada", 30, 2_500_000)
	forecast, r := s.move("canada", "tokyo", "0", "--gateways", "1")
	for try := 1; try < tries && r.Transfer > 1.25*forecast; try++ {
		t.Logf("%.1f s, the plan says %.1f s; once more", r.Transfer, forecast)
		forecast, r = s.move("canada", "tokyo", fmt.Sprint(try), "--gateways", "1")
	}
	if mbit := r.Gbits * 1000; mbit < 2.5*direct {
		t.Errorf("%.1f Mbit/s, the direct link alone carries %d", mbit, direct)
	}
	if off := r.Transfer/forecast - 1; math.Abs(off) > 0.25 {
		t.Errorf("the transfer took %.1f s, %+.0f %% off the plan's %.1f s", r.Transfer, 100*off, forecast)
	}
	delivered := map[int]int64{} // by the length of the route
	for _, route := range r.Routes {
		delivered[len(route.Path)] += route.Bytes
	}
	if delivered[2] == 0 || delivered[3] <= delivered[2] {
		t.Errorf("routes %+v, want the relay's to carry most and the direct one something", r.Routes)
	}
}

// A machine may send 12 Mbit/s, whatever the link carries: two send more.
func testLabTwoGateways(t *testing.T) {
	const one = 12 // Mbit/s
	s := newScenario(t, fmt.Sprintf(`
regions: {east: {hosts: 2, egress_mbit: %d}, west: {hosts: 2}}
links: [{from: east, to: west, rtt: 60ms, mbit: 60}]
`, one))
	s.fill("east", 12, 2_500_000)
	_, r := s.move("east", "west", "0", "--gateways", "2")
	for try := 1; try < tries && r.Gbits*1000 < 1.5*one; try++ {
		_, r = s.move("east", "west", fmt.Sprint(try), "--gateways", "2")
	}
	if mbit := r.Gbits * 1000; mbit < 1.5*one {
		t.Errorf("%.1f Mbit/s, one machine sends %d", mbit, one)
	}
}

// What is measured between hosts in network namespaces is what their link
// carries, and what plans then rest on.
func testLabMeasure(t *testing.T) {
	const mbit = 40
	s := newScenario(t, fmt.Sprintf(`
regions: {east: {}, west: {}}
links: [{from: east, to: west, rtt: 60ms, mbit: %d}]
`, mbit))
	// As the lab's configuration, which states its links, is not believed by one
	// who has none.
	config, err := os.ReadFile(s.lab.Config())
	if err != nil {
		t.Fatal(err)
	}
	before, _, found := strings.Cut(string(config), "\nlinks:")
	if !found {
		t.Fatalf("no links in\n%s", config)
	}
	unstated := filepath.Join(t.TempDir(), "skyctl.yaml")
	if err := os.WriteFile(unstated, []byte(before+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var doc orchestrator.MeasureResult
	for try, slowest := 0, 0.0; try < tries && slowest < 0.6*mbit; try++ {
		doc = orchestrator.MeasureResult{}
		s.document(&doc, "grid", "measure", "local:east", "local:west", "--duration", "4s", "--yes", "--config", unstated)
		if len(doc.Links) != 2 {
			t.Fatalf("%+v", doc)
		}
		slowest = 1000 * float64(min(doc.Links[0].Gbits, doc.Links[1].Gbits))
	}
	for _, l := range doc.Links {
		if got := float64(l.Gbits) * 1000; got < 0.6*mbit || got > 1.05*mbit {
			t.Errorf("%s > %s: %.1f Mbit/s, the link has %d", l.From, l.To, got, mbit)
		}
		if l.RTTMs < 60 || l.RTTMs > 1000 {
			t.Errorf("%s > %s: %v ms, the link has 60", l.From, l.To, l.RTTMs)
		}
	}
	var estimate quote.Estimate
	s.document(&estimate, "estimate", "--from", "local:east", "--to", "local:west", "--size", "1GB", "--gateways", "1", "--config", unstated)
	if e := estimate.Edges[0]; e.Source != "measured" || e.Assumed || math.Abs(float64(e.Gbits-doc.Links[0].Gbits)) > 1e-9 && math.Abs(float64(e.Gbits-doc.Links[1].Gbits)) > 1e-9 {
		t.Errorf("%+v", e)
	}
}

// A link that carries a fifth of what its configuration says holds a run to two
// destinations back, as one tree reaches both. What was measured of it has the
// rest go the other way round, between two regions that had nothing to say to
// each other. A run that was killed then is resumed with all of its routes.
func TestLabPlansAnewOnTheWay(t *testing.T) {
	t.Parallel()               // it waits most of the time
	const stated, slow = 20, 4 // Mbit/s
	const objects, size = 60, 1_000_000
	s := newScenario(t, fmt.Sprintf(`
regions: {east: {}, mid: {}, west: {}}
links:
  - {from: east, to: west, rtt: 40ms, mbit: %d, usd_per_gb: 0.02}
  - {from: east, to: mid, rtt: 20ms, mbit: 20, usd_per_gb: 0.02}
  - {from: mid, to: west, rtt: 20ms, mbit: 20, usd_per_gb: 0.05}
`, stated))
	s.fill("east", objects, size)
	mbit := float64(slow)
	if err := s.lab.Set(t.Context(), lab.Change{From: "east", To: "west", Mbit: &mbit}); err != nil {
		t.Fatal(err)
	}
	const how = "local:east > local:mid > local:west"
	copy := func(t *testing.T, prefix string, apply func(run string) orchestrator.Result) (took float64, relayed int64) {
		s.t = t
		var plan orchestrator.Plan
		s.document(&plan, "plan", "-r", "east://data/src/", "west://data/"+prefix+"/", "mid://data/"+prefix+"/", "--gateways", "1", "--min-throughput", "18Mbps")
		for _, r := range plan.Routes {
			if len(r.Path) > 2 {
				t.Fatalf("the plan has %s before anything is known: %+v", r, plan.Graph)
			}
		}
		r := apply(string(plan.Run))
		for _, to := range []string{"west", "mid"} {
			arrived := filepath.Join(s.lab.StoreDir(to), labfile.Bucket, prefix)
			if out, err := exec.Command("diff", "-r", filepath.Join(s.lab.StoreDir("east"), labfile.Bucket, "src"), arrived).CombinedOutput(); err != nil {
				t.Errorf("what arrived in %s differs: %s", to, out)
			}
		}
		var all int64
		for _, route := range r.Routes {
			if all += route.Bytes; len(route.Path) == 3 {
				relayed += route.Bytes
			}
		}
		if !r.Success || !r.Verified || all != 2*objects*size || relayed == 0 {
			t.Errorf("%d bytes of %d came by the new route: %+v", relayed, all, r)
		}
		t.Logf("%.0f s: %q, %+v", r.Transfer, r.Replanned, r.Routes)
		return r.Transfer, relayed
	}
	t.Run("in one go", func(t *testing.T) {
		took, relayed := copy(t, "first", func(run string) (r orchestrator.Result) {
			s.document(&r, "apply", run, "--yes")
			if len(r.Replanned) == 0 || !strings.Contains(r.Replanned[0], "local:east > local:west carries") || !strings.Contains(r.Replanned[0], how) {
				t.Errorf("planned anew: %q", r.Replanned)
			}
			return r
		})
		if alone := 8 * objects * size / (slow * 1e6); relayed < objects*size/4 || took > 0.8*alone {
			t.Errorf("%d bytes relayed in %.0f s, the slow link alone would have taken %.0f s", relayed, took, alone)
		}
	})
	t.Run("killed and resumed", func(t *testing.T) {
		_, relayed := copy(t, "second", func(run string) (r orchestrator.Result) {
			cmd := s.command("apply", run, "--yes")
			out, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			for found := false; !found; found = strings.Contains(lines.Text(), how) {
				if !lines.Scan() {
					t.Fatalf("it ended without planning anew: %v, %v", lines.Err(), cmd.Wait())
				}
			}
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // it was killed
			s.document(&r, "resume", run, "--yes")
			return r
		})
		// It knows what the slow link carries.
		if relayed < objects*size/6 {
			t.Errorf("%d bytes relayed of %d", relayed, objects*size)
		}
	})
}
