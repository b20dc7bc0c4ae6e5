package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skyctl/skyctl/orchestrator"
	"github.com/skyctl/skyctl/orchestrator/lab"
	"github.com/skyctl/skyctl/orchestrator/lab/labfile"
)

// degraded is a lab whose only link between the stores carries a fifth of what its
// configuration says, and where the way over mid, which has no gateways in the
// plan, takes two of them.
type degraded struct {
	*scenario
	objects, size int
}

const (
	statedMbit, leftMbit = 20, 4
	adaptMbit            = 15 // that is asked for
)

func newDegraded(t *testing.T, objects int) degraded {
	s := newScenario(t, fmt.Sprintf(`
regions: {east: {}, mid: {no_store: true, hosts: 2, egress_mbit: 8}, west: {}}
links:
  - {from: east, to: west, rtt: 40ms, mbit: %d, usd_per_gb: 0.02}
  - {from: east, to: mid, rtt: 20ms, mbit: 20, usd_per_gb: 0.02}
  - {from: mid, to: west, rtt: 20ms, mbit: 20, usd_per_gb: 0.02}
`, statedMbit))
	d := degraded{s, objects, 1_000_000}
	s.fill("east", d.objects, d.size)
	d.carries(leftMbit)
	return d
}

// carries changes what the link between the stores carries.
func (d degraded) carries(mbit float64) {
	d.t.Helper()
	if err := d.lab.Set(d.t.Context(), lab.Change{From: "east", To: "west", Mbit: &mbit}); err != nil {
		d.t.Fatal(err)
	}
}

// plan plans a copy, which has the direct way alone.
func (d degraded) plan() (run string) {
	d.t.Helper()
	var plan orchestrator.Plan
	d.document(&plan, "plan", "-r", "east://data/src/", "west://data/dst/", "--gateways", "2", "--min-throughput", fmt.Sprintf("%dMbps", adaptMbit))
	if len(plan.Routes) != 1 || len(plan.Regions) != 2 {
		d.t.Fatalf("the plan is %+v before anything is known", plan.Graph)
	}
	return string(plan.Run)
}

// finished checks what must hold of every run, and returns the bytes that came over
// the relays.
func (d degraded) finished(run string, r orchestrator.Result) (relayed int64) {
	d.t.Helper()
	from, to := filepath.Join(d.lab.StoreDir("east"), labfile.Bucket, "src"), filepath.Join(d.lab.StoreDir("west"), labfile.Bucket, "dst")
	if out, err := exec.Command("diff", "-r", from, to).CombinedOutput(); err != nil {
		d.t.Errorf("what arrived differs: %s", out)
	}
	var all int64
	for _, route := range r.Routes {
		if all += route.Bytes; len(route.Path) == 3 {
			relayed += route.Bytes
		}
	}
	if !r.Success || !r.Verified || all != int64(d.objects*d.size) {
		d.t.Errorf("%+v", r)
	}
	if left := agents(d.home); len(left) > 0 {
		d.t.Errorf("left are %v", left)
	}
	var state struct{ Resources []any }
	text, err := os.ReadFile(filepath.Join(d.home, "runs", run, "terraform", "terraform.tfstate"))
	if err == nil {
		err = json.Unmarshal(text, &state)
	}
	if err != nil || len(state.Resources) > 0 {
		d.t.Errorf("%d resources are left in Terraform's state (%v)", len(state.Resources), err)
	}
	d.t.Logf("%.0f s: %q, %+v", r.Transfer, r.Replanned, r.Routes)
	return relayed
}

// TestLabAdaptAddsGateways: a run that is behind its forecast because of a link that nothing
// planned goes around gets the relays that do, and is done sooner than that link
// alone could be.
func TestLabAdaptAddsGateways(t *testing.T) {
	t.Parallel() // it waits most of the time
	d := newDegraded(t, 45)
	run := d.plan()
	var r orchestrator.Result
	d.document(&r, "apply", run, "--adapt", "--yes")
	relayed := d.finished(run, r)
	if alone := float64(8*d.objects*d.size) / (leftMbit * 1e6); r.Transfer > alone || relayed < int64(d.objects*d.size/8) {
		t.Errorf("%d bytes relayed in %.0f s, the link alone takes %.0f s", relayed, r.Transfer, alone)
	}
	if r.Gateways != 4 || !strings.Contains(strings.Join(r.Replanned, "; "), "2 gateways in local:mid added") {
		t.Errorf("%d gateways, %q", r.Gateways, r.Replanned)
	}
}

// TestLabAdaptKilled: of a run that is killed while gateways are added nothing is
// left, and it goes on without them.
func TestLabAdaptKilled(t *testing.T) {
	t.Parallel() // it waits most of the time
	d := newDegraded(t, 36)
	run := d.plan()
	cmd := d.command("apply", run, "--adapt", "--yes")
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for found := false; !found; found = strings.Contains(lines.Text(), "adding 2 gateways in local:mid") {
		if !lines.Scan() {
			t.Fatalf("it ended without adding any: %v, %v", lines.Err(), cmd.Wait())
		}
	}
	(&world{t: t}).eventually("one of them comes up", func() bool { return len(agents(d.home)) > 2 })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	d.carries(statedMbit)
	var r orchestrator.Result
	d.document(&r, "resume", run, "--yes")
	d.finished(run, r)
	if r.Gateways != 2 && r.Gateways != 4 || r.Resumed == 0 {
		t.Errorf("%+v", r)
	}
}
