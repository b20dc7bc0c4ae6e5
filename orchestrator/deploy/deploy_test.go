package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/enroll"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/rundir"
	"github.com/skyctl/skyctl/terraform/engine"
	"github.com/skyctl/skyctl/terraform/engine/supervise"
	"github.com/skyctl/skyctl/terraform/stubprovider/stubtest"
)

var (
	agentPath string // the real skyagent
	scratch   string // for what this process builds
)

// stubConfig has Terraform find the stub alone.
var stubConfig = stubtest.Once(func() string { return scratch })

// TestMain lets the test binary be what skyctl's main is: the supervisor.
func TestMain(m *testing.M) {
	supervise.Main()
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	os.Setenv("GORACE", "atexit_sleep_ms=0") // the supervisor is this binary
	var err error
	if scratch, err = os.MkdirTemp("", "skyctl-deploy-test-*"); err != nil {
		panic(err)
	}
	defer os.RemoveAll(scratch)
	if made := os.Getenv("SKYCTL_BIN"); made != "" { // as make build has just built it
		agentPath = filepath.Join(made, "skyagent")
		return m.Run()
	}
	agentPath = filepath.Join(scratch, "skyagent")
	build := exec.Command("go", "build", "-tags", "disable_grpc_modules", "-o", agentPath, "../../agent/cmd/skyagent")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		panic(err)
	}
	return m.Run()
}

const (
	east route.Gateway = "local-east-0"
	west route.Gateway = "local-west-0"
)

// newRun is a run in a home of its own.
func newRun(t testing.TB) *rundir.Run {
	t.Helper()
	home, err := rundir.At(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	run, err := home.Create(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// newConfig is a run with one gateway in each of two regions.
func newConfig(t testing.TB) Config {
	t.Helper()
	cfg := Config{Run: newRun(t), AgentPath: agentPath, Lifetime: time.Hour,
		Settings: &config.Config{Regions: map[region.Region]config.Region{"local:east": {}, "local:west": {}}},
		Layout:   &layout.Layout{Gateways: []layout.Gateway{{Name: east, Region: "local:east"}, {Name: west, Region: "local:west"}}}}
	t.Cleanup(func() { nothingRuns(t, cfg) })
	return cfg
}

// deployment is what one process of skyctl has of it.
func deployment(t testing.TB, cfg Config) *Deployment {
	t.Helper()
	d, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Destroy(context.Background()); err != nil {
			t.Error(err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// nothingRuns looks at every process of the machine.
func nothingRuns(t testing.TB, cfg Config) {
	t.Helper()
	files, err := filepath.Glob("/proc/[1-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		// A process that ended meanwhile cannot be read, and is none.
		if line, err := os.ReadFile(f); err == nil && strings.Contains(string(line), cfg.Run.Terraform()) {
			t.Errorf("left is %s: %q", f, line)
		}
	}
}

// answer checks that both gateways answer under their names, and returns their
// processes.
func answer(t *testing.T, d *Deployment) map[route.Gateway]string {
	t.Helper()
	pids := map[route.Gateway]string{}
	for _, g := range d.cfg.Layout.Gateways {
		info, err := d.API(g.Name).Info(t.Context())
		if err != nil || info.Name != g.Name {
			t.Fatalf("%s answers %+v, %v", g.Name, info, err)
		}
		pid, err := os.ReadFile(filepath.Join(d.cfg.Run.Terraform(), "gateways", string(g.Name), "pid"))
		if err != nil {
			t.Fatal(err)
		}
		pids[g.Name], _, _ = strings.Cut(string(pid), " ")
	}
	return pids
}

func kill(t *testing.T, pid string) {
	t.Helper()
	var n int
	if _, err := fmt.Sscan(pid, &n); err != nil || n <= 1 {
		t.Fatalf("process id %q: %v", pid, err)
	}
	p, err := os.FindProcess(n)
	if err == nil {
		err = p.Kill()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestLife follows two gateways through three processes of skyctl.
func TestLife(t *testing.T) {
	cfg := newConfig(t)
	first := deployment(t, cfg)
	shown, err := first.Preview(t.Context())
	if err != nil || shown.Changes != (engine.Changes{Add: 2}) {
		t.Fatalf("preview: %+v, %v", shown, err)
	}
	if err := first.Apply(t.Context(), shown); err != nil {
		t.Fatal(err)
	}
	pids, addresses := answer(t, first), first.Addresses()
	tokenIsDead(t, first)

	if err := first.Replace(t.Context(), east); err != nil {
		t.Fatal(err)
	}
	replaced := answer(t, first)
	if replaced[east] == pids[east] || replaced[west] != pids[west] || first.Addresses()[east] != addresses[east] {
		t.Errorf("replacing %s made %v of %v, %v of %v", east, replaced, pids, first.Addresses(), addresses)
	}
	tokenIsDead(t, first)

	second := deployment(t, cfg)
	if err := second.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	if kept := answer(t, second); fmt.Sprint(kept) != fmt.Sprint(replaced) || !second.NotAfter().Equal(first.NotAfter()) {
		t.Errorf("live gateways %v became %v", replaced, kept)
	}

	kill(t, replaced[west])
	third := deployment(t, cfg)
	if err := third.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	if mixed := answer(t, third); mixed[east] != replaced[east] || mixed[west] == replaced[west] {
		t.Errorf("of %v the second was killed, and there are %v", replaced, mixed)
	}

	if err := third.Destroy(t.Context()); err != nil {
		t.Fatal(err)
	}
	nothingRuns(t, cfg)
	if left, err := third.engine.StateList(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("the state has %v, %v", left, err)
	}
	if _, err := third.API(east).Info(t.Context()); err == nil {
		t.Error("a destroyed gateway answers")
	}
	for _, g := range cfg.Layout.Gateways {
		if log, err := os.ReadFile(filepath.Join(cfg.Run.Logs(), string(g.Name)+".log")); err != nil || len(log) == 0 {
			t.Errorf("the log of %s was not kept: %v", g.Name, err)
		}
	}
}

// tokenIsDead tries what somebody could who found the token in the variables.
func tokenIsDead(t *testing.T, d *Deployment) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(d.cfg.Run.Terraform(), "skyctl.auto.tfvars.json"))
	if err != nil {
		t.Fatal(err)
	}
	var variables struct {
		Tokens map[route.Gateway]enroll.Token `json:"enrollment_tokens"`
	}
	if err := json.Unmarshal(raw, &variables); err != nil || variables.Tokens[east] == "" {
		t.Fatalf("no token in %s (%v)", raw, err)
	}
	own, err := enroll.NewAuthority(string(d.cfg.Run.ID), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := enroll.Enroll(ctx, d.Addresses()[east], east, variables.Tokens[east], own); !errors.Is(err, enroll.ErrRefused) {
		t.Errorf("enrolling with a used token: %v", err)
	}
	if _, err := d.API(east).Info(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestEnsureAppliesAnewWhatEndsSoon: gateways that end before much could be
// done with them are not worth keeping.
func TestEnsureAppliesAnewWhatEndsSoon(t *testing.T) {
	cfg := newConfig(t)
	cfg.Lifetime = minRemaining - time.Minute
	first := deployment(t, cfg)
	if err := first.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := answer(t, first)
	cfg.Lifetime = time.Hour
	second := deployment(t, cfg)
	if err := second.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := answer(t, second); after[east] == before[east] || after[west] == before[west] || time.Until(second.NotAfter()) < minRemaining {
		t.Errorf("%v became %v until %v", before, after, second.NotAfter())
	}
}

// TestAnAgentThatDiesBeforeItIsEnrolledIsReplaced starts an agent that dies
// the first time, as soon as Terraform has seen it.
func TestAnAgentThatDiesBeforeItIsEnrolledIsReplaced(t *testing.T) {
	cfg := newConfig(t)
	dir := t.TempDir()
	cfg.AgentPath = filepath.Join(dir, "skyagent")
	script := `#!/bin/sh
if mkdir ` + dir + `/died 2>/dev/null; then
	set -- $(cut -d' ' -f22 /proc/$$/stat)
	echo ready $$ $1 >&3
	exec 3>&-
	until [ -s cmdline ]; do sleep 0.01; done # the last that start.sh wants of it
	exit
fi
exec ` + agentPath + ` "$@"
`
	if err := os.WriteFile(cfg.AgentPath, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	d := deployment(t, cfg)
	if err := d.Apply(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	answer(t, d)
}

// TestDestroyEndsWhatTerraformDoesNotKnow: a Terraform that was killed has left
// an agent that is in no state.
func TestDestroyEndsWhatTerraformDoesNotKnow(t *testing.T) {
	cfg := newConfig(t)
	d := deployment(t, cfg)
	if err := d.Apply(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	answer(t, d)
	if err := os.Remove(filepath.Join(cfg.Run.Terraform(), "terraform.tfstate")); err != nil {
		t.Fatal(err)
	}
	if err := d.Destroy(t.Context()); err != nil {
		t.Fatal(err)
	}
	nothingRuns(t, cfg)
}

func TestApplyRefusesAnotherPlanThanWasShown(t *testing.T) {
	d := deployment(t, newConfig(t))
	if err := d.Apply(t.Context(), &engine.Plan{}); !errors.Is(err, ErrChanged) {
		t.Errorf("got %v", err)
	}
	if left, err := d.engine.StateList(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("the state has %v, %v", left, err)
	}
}

// TestDestroyWantsNothing: neither the agent nor the configuration that the
// gateways were made with has to be there when they go, nor a place for their
// logs.
func TestDestroyWantsNothing(t *testing.T) {
	cfg := newConfig(t)
	first := deployment(t, cfg)
	if err := first.Apply(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	answer(t, first)
	unwritable := filepath.Join(cfg.Run.Logs(), string(east)+".log")
	if err := os.Mkdir(unwritable, 0o700); err != nil {
		t.Fatal(err)
	}
	bare := cfg
	bare.AgentPath, bare.Settings = "", &config.Config{}
	d, err := Existing(t.Context(), bare)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Destroy(t.Context()); err != nil {
		t.Errorf("nothing is left, and yet: %v", err)
	}
	if err := d.Close(); err == nil {
		t.Error("nobody says that a log is lost")
	}
	nothingRuns(t, cfg)
	if err := os.Remove(unwritable); err != nil {
		t.Error(err)
	}
}

func TestNewWantsAnAgent(t *testing.T) {
	cfg := newConfig(t)
	plain := filepath.Join(t.TempDir(), "skyagent")
	if err := os.WriteFile(plain, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"", "/nonexistent/skyagent", plain, t.TempDir()} {
		cfg.AgentPath = path
		if _, err := New(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "SKYCTL_AGENT") || strings.Contains(err.Error(), "\n") {
			t.Errorf("the agent %q: %v", path, err)
		}
	}
}

// TestRunsShareNoState, also where the configuration keeps the states of all in
// one place: what one applies must not be another's end.
func TestRunsShareNoState(t *testing.T) {
	backend := map[string]any{"type": "local", "path": filepath.Join(t.TempDir(), "{run}.tfstate")}
	first, second := newConfig(t), newConfig(t)
	first.Settings.Terraform.Backend, second.Settings.Terraform.Backend = backend, backend
	one := deployment(t, first)
	if err := one.Apply(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	pids := answer(t, one)
	two := deployment(t, second)
	if p, err := two.Preview(t.Context()); err != nil || p.Changes != (engine.Changes{Add: 2}) {
		t.Errorf("another run would do %+v, %v", p, err)
	}
	if err := two.Destroy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if still := answer(t, one); fmt.Sprint(still) != fmt.Sprint(pids) {
		t.Errorf("%v became %v", pids, still)
	}
}
