package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/skyctl/skyctl/orchestrator"
	"github.com/skyctl/skyctl/orchestrator/account/accounttest"
)

// measured is the document of grid measure.
func measured(t *testing.T, r result) (doc struct {
	orchestrator.MeasureResult
	Success bool
}) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.stdout), &doc); err != nil {
		t.Fatalf("%v\n%s\n%s", err, r.stdout, r.stderr)
	}
	return doc
}

// working waits for n agents, and returns their processes.
func (w *world) working(n int) map[string]int {
	w.t.Helper()
	var found map[string]int
	w.eventually(fmt.Sprintf("%d agents work", n), func() bool {
		found = w.agents()
		return len(found) == n
	})
	return found
}

// measuredOne waits for the first pair's figures.
func (w *world) measuredOne() {
	w.t.Helper()
	w.eventually("one pair is measured", func() bool {
		_, err := os.Stat(filepath.Join(w.home(), "measured.csv"))
		return err == nil
	})
}

// haveEnded checks that none of the processes lives, whose files may be gone.
func haveEnded(t *testing.T, pids map[string]int) {
	t.Helper()
	for name, pid := range pids {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err == nil && strings.Contains(string(status), "Name:\tskyagent") && !strings.Contains(string(status), "State:\tZ") {
			t.Errorf("agent %s is left as process %d", name, pid)
		}
	}
}

func (w *world) runs() []string {
	w.t.Helper()
	runs, err := filepath.Glob(filepath.Join(w.home(), "runs", "*"))
	if err != nil {
		w.t.Fatal(err)
	}
	return runs
}

// TestMeasure: with real agents, several of a region, from nothing to nothing;
// then plans say what they rest on.
func TestMeasure(t *testing.T) {
	t.Parallel()
	w := filesOnly(t)
	r := w.start("grid", "measure", "local:east", "local:west", "--gateways", "2", "--duration", "2s", "--yes", "--json")
	pids := w.working(4)
	done := w.finish(r)
	doc := measured(t, done)
	if done.exit != 0 || !doc.Success || len(doc.Links) != 2 || len(doc.Errors) != 0 || doc.Run != "" {
		t.Fatalf("exit %d\n%s\n%s", done.exit, done.stdout, done.stderr)
	}
	haveEnded(t, pids)
	if left := w.runs(); len(left) > 0 {
		t.Errorf("runs are left: %v", left)
	}
	for _, l := range doc.Links {
		if l.Gbits <= 0 || l.Spread <= 0 || l.RTTMs <= 0 || l.Connections != 8 || l.Transport != "tls" || l.Measured.IsZero() || l.Stated {
			t.Errorf("%+v", l)
		}
	}
	plan := w.plan(nil, "east://data/k", "west://data/k", "--gateways", "1")
	i := slices.IndexFunc(doc.Links, func(l orchestrator.MeasuredLink) bool { return l.From == "local:east" })
	if e := plan.Edges[0]; len(plan.Edges) != 1 || e.Source != "measured" || !e.Measured.Equal(doc.Links[i].Measured) || e.Spread != doc.Links[i].Spread || e.Assumed {
		t.Errorf("the plan rests on %+v, measured was %+v", plan.Edges, doc.Links)
	}
	if text := w.skyctl("grid", "show", "local:east", "local:west").stdout; !strings.Contains(text, "measured ") || !strings.Contains(text, " ago, ± ") {
		t.Errorf("grid show says\n%s", text)
	}
	if text := w.skyctl("plan", "east://data/k", "west://data/k", "--gateways", "1").stdout; !strings.Contains(text, "local:east > local:west, measured ") || strings.Contains(text, "assumed") {
		t.Errorf("plan says\n%s", text)
	}
}

// TestMeasureWithoutAGateway: what was measured before one died is kept, the
// other pairs are errors, and the rest is destroyed.
func TestMeasureWithoutAGateway(t *testing.T) {
	t.Parallel()
	w := filesOnly(t)
	r := w.start("grid", "measure", "local:east", "local:west", "--duration", "5s", "--yes", "--json")
	pids := w.working(2)
	w.measuredOne()
	w.kill("local-east-0") // which the other pair sends to
	done := w.finish(r)
	doc := measured(t, done)
	if done.exit != 3 || done.Fault == nil || done.Fault.Code != "failed" || len(doc.Links) != 1 || len(doc.Errors) != 1 || doc.Errors[0].From != "local:west" {
		t.Fatalf("exit %d\n%s\n%s", done.exit, done.stdout, done.stderr)
	}
	haveEnded(t, pids)
	w.nothingIsLeftButUploads()
	// The run is there for its logs, and is no transfer.
	if got := w.skyctl("resume", string(doc.Run)); got.exit != 2 {
		t.Errorf("resume: exit %d, %s", got.exit, got.stderr)
	}
	if got := w.skyctl("destroy", string(doc.Run)); got.exit != 0 {
		t.Errorf("destroy: exit %d, %s", got.exit, got.stderr)
	}
}

// TestMeasureStops: ^C destroys, and says nothing of going on.
func TestMeasureStops(t *testing.T) {
	t.Parallel()
	w := filesOnly(t)
	r := w.start("grid", "measure", "local:east", "local:west", "local:workstation", "--duration", "3s", "--yes", "--json")
	pids := w.working(3)
	w.measuredOne()
	if err := r.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	done := w.finish(r)
	if done.exit != 1 || done.Fault == nil || done.Fault.Code != "cancelled" {
		t.Errorf("exit %d\n%s\n%s", done.exit, done.stdout, done.stderr)
	}
	haveEnded(t, pids)
	w.nothingIsLeftButUploads()
}

// TestMeasureKilled: what a killed measurement leaves, destroy takes down.
func TestMeasureKilled(t *testing.T) {
	t.Parallel()
	w := filesOnly(t)
	r := w.start("grid", "measure", "local:east", "local:west", "--duration", "60s", "--yes")
	pids := w.working(2)
	if err := r.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	w.finish(r)
	if got := w.skyctl("destroy", "--all"); got.exit != 0 {
		t.Errorf("exit %d, %s", got.exit, got.stderr)
	}
	haveEnded(t, pids)
	w.nothingIsLeftButUploads()
}

// TestMeasureLeavesMachines: a cloud that neither makes nor takes machines ends
// it with 7, and with the command that destroys.
func TestMeasureLeavesMachines(t *testing.T) {
	t.Parallel()
	w := &world{t: t, dir: t.TempDir()}
	c := startCloud(t, `[{"on": "create", "type": "aws_instance", "error": "no capacity"}, {"on": "delete", "type": "aws_security_group", "error": "in use"}]`,
		&accounttest.World{Regions: []string{"us-east-1", "eu-west-1"}})
	w.use(c, "")
	done := w.skyctl("grid", "measure", "aws:us-east-1", "aws:eu-west-1", "--yes", "--json")
	command := "skyctl destroy " + w.run()
	if done.exit != 7 || done.Fault == nil || done.Fault.Code != "leftover" || !strings.HasSuffix(done.stderr, command+"\n") {
		t.Errorf("exit %d, want the last line %q\n%s\n%s", done.exit, command, done.stdout, done.stderr)
	}
	c.suffers(t, "[]")
	if got := w.skyctl("destroy", w.run()); got.exit != 0 {
		t.Errorf("exit %d, %s", got.exit, got.stderr)
	}
}
