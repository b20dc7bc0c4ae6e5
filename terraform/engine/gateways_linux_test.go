package engine

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/skyctl/skyctl/agent/port"
	"github.com/skyctl/skyctl/terraform/render"
)

// deployment is one gateway in each of the regions, on free ports.
func deployment(t *testing.T, regions ...string) render.Deployment {
	t.Helper()
	d := render.Deployment{
		Run: "test", Owner: "tester", AgentPath: agentPath, CACertificate: "certificate", Tokens: map[string]string{},
		Lifetime: 5 * time.Minute, EnrollWithin: time.Minute, NotAfter: time.Now().Add(time.Hour),
	}
	for _, name := range regions {
		slug := "local-" + name
		d.Tokens[slug+"-0"] = "token-1"
		d.Regions = append(d.Regions, render.Region{
			Name: "local:" + name, Slug: slug,
			Gateways: []render.Gateway{{Name: slug + "-0", Host: render.Host{Address: "127.0.0.1", Port: freePort(t)}}},
		})
	}
	for i := range d.Regions {
		for _, other := range d.Regions {
			if other.Name != d.Regions[i].Name {
				d.Regions[i].Peers = append(d.Regions[i].Peers, other.Gateways[0].Name)
			}
		}
	}
	return d
}

func freePort(t *testing.T) int {
	t.Helper()
	free, err := port.Hold("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	defer free.Close()
	return free.Number
}

func write(t *testing.T, dir string, d render.Deployment) {
	t.Helper()
	files, err := render.Render(d)
	if err != nil {
		t.Fatal(err)
	}
	if err := render.Write(dir, files); err != nil {
		t.Fatal(err)
	}
}

// pidOf returns the process id of a gateway, as its module recorded it.
func pidOf(t *testing.T, dir, gateway string) int {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, "gateways", gateway, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	var pid, start int
	if _, err := fmt.Sscan(string(content), &pid, &start); err != nil {
		t.Fatalf("pid file %q: %v", content, err)
	}
	return pid
}

// runs tells whether the process is there and no zombie.
func runs(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, fields, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(fields, "Z")
}

// kill kills the process and returns when it is dead.
func kill(t *testing.T, pid int) {
	t.Helper()
	fd := pidfd(t, pid)
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil {
		t.Fatal(err)
	}
	waitPidfd(t, fd)
}

var eastAddress = render.GatewayAddress(render.Region{Name: "local:east", Slug: "local-east"}, "local-east-0")

// TestGateways follows two gateways from plan to destroy, one being killed and
// replaced between.
func TestGateways(t *testing.T) {
	// Nothing of these may reach Terraform.
	t.Setenv("TF_DATA_DIR", t.TempDir())
	t.Setenv("TF_CLI_ARGS", "-no-such-flag")
	t.Setenv("TF_VAR_run", "another")
	t.Setenv("TF_WORKSPACE", "another")

	dir := t.TempDir()
	d := deployment(t, "east", "west")
	write(t, dir, d)
	e, log := newEngine(t, dir)
	ctx := t.Context()

	preview, err := e.Plan(ctx, PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if want := (Changes{Add: 2}); preview.Changes != want {
		t.Errorf("changes of the first plan are %+v, want %+v", preview.Changes, want)
	}
	for _, c := range preview.Checks {
		if c.Status == StatusFail || c.Status == StatusError {
			t.Errorf("check %s is %s before there is a gateway", c.Address, c.Status)
		}
	}
	info, err := os.Stat(filepath.Join(dir, planFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("plan file: %v, %v", info.Mode(), err)
	}

	// Tokens minted after the preview are no difference; a new region is.
	d.Tokens["local-east-0"], d.Tokens["local-west-0"] = "token-2", "token-2"
	write(t, dir, d)
	plan, err := e.Plan(ctx, PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !Equivalent(preview, plan) {
		t.Errorf("plans differ:\n%v\n%v", preview.Actions, plan.Actions)
	}
	if err := e.Apply(ctx, preview); err == nil {
		t.Error("a plan that another replaced was applied")
	}
	if err := e.Apply(ctx, plan); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, planFile)); !os.IsNotExist(err) {
		t.Errorf("the plan file is left after apply: %v", err)
	}
	checkOutputs(t, e, d)
	if list, err := e.StateList(ctx); err != nil || len(list) != 2 || list[0] != eastAddress {
		t.Errorf("state list is %q, %v", list, err)
	}

	// Nobody's opinion but plain Terraform's, as a person would ask for it.
	if out, err := plainTerraform(dir, "plan", "-detailed-exitcode", "-input=false").CombinedOutput(); err != nil {
		t.Errorf("terraform plan right after apply: %v\n%s", err, out)
	}
	again, err := e.Plan(ctx, PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !again.Empty() || Equivalent(preview, again) {
		t.Errorf("second plan is %v", again.Actions)
	}
	checkAgents(t, again, StatusPass, StatusPass)

	testReplace(t, e, dir, d)

	// No secret went where it stays: not into the state, not into the log.
	state, err := os.ReadFile(filepath.Join(dir, "terraform.tfstate"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(state), "token-") || strings.Contains(log.String(), "token-") {
		t.Error("a token is in the state or in the log")
	}

	pids := []int{pidOf(t, dir, "local-east-0"), pidOf(t, dir, "local-west-0")}
	if err := e.Destroy(ctx); err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(pids, runs) {
		t.Errorf("agents %v survive destroy", pids)
	}
	if list, err := e.StateList(ctx); err != nil || len(list) != 0 {
		t.Errorf("state after destroy is %q, %v", list, err)
	}
	if outputs, err := e.Outputs(ctx); err != nil || len(outputs) != 0 {
		t.Errorf("outputs after destroy are %v, %v", outputs, err)
	}
	for _, file := range []string{"boot.json", "pid"} {
		if left, _ := filepath.Glob(filepath.Join(dir, "gateways", "*", file)); len(left) != 0 {
			t.Errorf("%q are left after destroy", left)
		}
	}
}

// testReplace kills an agent, sees it in a plan, and replaces it.
func testReplace(t *testing.T, e *Engine, dir string, d render.Deployment) {
	t.Helper()
	ctx := t.Context()
	east, west := pidOf(t, dir, "local-east-0"), pidOf(t, dir, "local-west-0")
	kill(t, east)
	plan, err := e.Plan(ctx, PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !plan.Empty() {
		t.Errorf("a dead agent changes %v by itself", plan.Actions)
	}
	checkAgents(t, plan, StatusFail, StatusPass)
	if problems := plan.Checks[0].Problems; len(problems) != 1 || !strings.Contains(problems[0], "local-east-0") {
		t.Errorf("the check says %q", problems)
	}
	if err := e.Discard(ctx, plan); err != nil {
		t.Fatal(err)
	}

	d.Tokens["local-east-0"] = "token-3"
	write(t, dir, d)
	plan, err = e.Plan(ctx, PlanOptions{Replace: []string{eastAddress}})
	if err != nil {
		t.Fatal(err)
	}
	if want := []Action{{eastAddress, "delete+create"}}; !slices.Equal(plan.Actions, want) || plan.Changes != (Changes{Add: 1, Destroy: 1}) {
		t.Errorf("replacing plans %v, %+v", plan.Actions, plan.Changes)
	}
	if err := e.Apply(ctx, plan); err != nil {
		t.Fatal(err)
	}
	fresh := pidOf(t, dir, "local-east-0")
	if fresh == east || !runs(fresh) || pidOf(t, dir, "local-west-0") != west || !runs(west) {
		t.Errorf("processes %d and %d became %d and %d", east, west, fresh, pidOf(t, dir, "local-west-0"))
	}
	content, err := os.ReadFile(filepath.Join(dir, "gateways/local-east-0/boot.json"))
	if err != nil {
		t.Fatal(err)
	}
	var boot struct{ Token string }
	if err := json.Unmarshal(content, &boot); err != nil || boot.Token != "token-3" {
		t.Errorf("the fresh agent has token %q, %v", boot.Token, err)
	}
	if plan, err = e.Plan(ctx, PlanOptions{}); err != nil || !plan.Empty() {
		t.Fatalf("plan after replacing: %v", err)
	}
	checkAgents(t, plan, StatusPass, StatusPass)
}

// checkAgents compares the checks of east and west.
func checkAgents(t *testing.T, plan *Plan, want ...Status) {
	t.Helper()
	var got []Status
	for _, c := range plan.Checks {
		if c.Name == "agents" {
			got = append(got, c.Status)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("checks are %v, want %v: %+v", got, want, plan.Checks)
	}
}

func checkOutputs(t *testing.T, e *Engine, d render.Deployment) {
	t.Helper()
	got, err := e.Outputs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Gateway{}
	for _, r := range d.Regions {
		g := r.Gateways[0]
		address := fmt.Sprintf("%s:%d", g.Host.Address, g.Host.Port)
		if got[g.Name].ID == "" {
			t.Errorf("%s has no id", g.Name)
		}
		want[g.Name] = Gateway{Address: address, PrivateAddress: address, ID: got[g.Name].ID, Region: r.Name}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("outputs are\n%+v, want\n%+v", got, want)
	}
}

// TestRegionLeavesThePlan destroys the gateways of a region by rendering a plan
// without it.
func TestRegionLeavesThePlan(t *testing.T) {
	dir := t.TempDir()
	d := deployment(t, "east", "west")
	write(t, dir, d)
	e, _ := newEngine(t, dir)
	apply(t, e, PlanOptions{})
	east, west := pidOf(t, dir, "local-east-0"), pidOf(t, dir, "local-west-0")

	d.Regions = d.Regions[:1]
	d.Regions[0].Peers = nil
	write(t, dir, d)
	apply(t, e, PlanOptions{})
	if !runs(east) || runs(west) {
		t.Errorf("east runs: %t, west runs: %t", runs(east), runs(west))
	}
	if err := e.Destroy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if runs(east) {
		t.Error("east survives destroy")
	}
}

// TestApplyTellsWhy takes a gateway's port and looks at the error, and at what
// is left.
func TestApplyTellsWhy(t *testing.T) {
	dir := t.TempDir()
	d := deployment(t, "east", "west")
	write(t, dir, d)
	taken, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", d.Regions[1].Gateways[0].Host.Port))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	e, _ := newEngine(t, dir)
	plan, err := e.Plan(t.Context(), PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	err = e.Apply(t.Context(), plan)
	if err == nil {
		t.Fatal("apply succeeded on a port that is taken")
	}
	for _, want := range []string{"terraform apply: ", "address already in use", `terraform_data.gateway["local-west-0"]`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "token-1") {
		t.Errorf("the error has several lines, or a token: %v", err)
	}
	if err := e.Destroy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list, err := e.StateList(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("state after destroy is %q, %v", list, err)
	}
}
