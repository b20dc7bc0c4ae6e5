package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/skyctl/skyctl/agent/objstore/objstoretest"
	"github.com/skyctl/skyctl/orchestrator/account/accounttest"
	"github.com/skyctl/skyctl/terraform/statetest"
)

// TestTerraformKilledAtRandom kills skyctl, Terraform, or what looks after it,
// at random moments of apply and destroy. Then one skyctl destroy leaves
// nothing: no process of local gateways, no resource in a state, be that a file
// or behind HTTP, and in the
// stub's clouds nothing but what a killed Terraform was just creating. That is
// in no state; it carries the run's name, by which skyctl gc finds it, and ends
// with its lifetime.
//
// SKYCTL_CHAOS_KILLS says how many kills of each kind of region, and
// SKYCTL_CHAOS_SEED repeats them.
func TestTerraformKilledAtRandom(t *testing.T) {
	t.Parallel()
	kills, seed := 2, uint64(time.Now().UnixNano())%100_000
	for name, set := range map[string]func(uint64){
		"SKYCTL_CHAOS_KILLS": func(n uint64) { kills = int(n) },
		"SKYCTL_CHAOS_SEED":  func(n uint64) { seed = n },
	} {
		if v := os.Getenv(name); v != "" {
			n, err := strconv.ParseUint(v, 10, 31)
			if err != nil {
				t.Fatal(err)
			}
			set(n)
		}
	}
	t.Logf("SKYCTL_CHAOS_SEED=%d", seed)
	local := func(t *testing.T, world func(*testing.T) *world, stream uint64) {
		t.Parallel()
		r := &reaper{world: world(t), chance: rand.New(rand.NewPCG(seed, stream))}
		for len(r.killed) < kills {
			r.round(2500 * time.Millisecond)
		}
		t.Log(strings.Join(r.killed, "\n"))
	}
	t.Run("local", func(t *testing.T) { local(t, filesOnly, 1) })
	t.Run("local, states behind HTTP", func(t *testing.T) { local(t, statesElsewhere, 3) })
	t.Run("clouds", func(t *testing.T) {
		t.Parallel()
		w, c := inClouds(t)
		r := &reaper{world: w, chance: rand.New(rand.NewPCG(seed, 2)), cloud: c.exists}
		for len(r.killed) < kills {
			r.round(6 * time.Second)
		}
		t.Logf("%s\nof what Terraform was creating when it was killed, %d resources are in no state", strings.Join(r.killed, "\n"), r.lost)
	})
}

// filesOnly is a world of files in two local regions, without servers.
func filesOnly(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	for _, name := range []string{"east/data", "west/data"} {
		if err := os.MkdirAll(filepath.Join(w.dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	config := fmt.Sprintf("stores:\n  east: {type: file, path: %q, region: local:east}\n  west: {type: file, path: %q, region: local:west}\n"+
		"regions: {local:east: {}, local:west: {}}\nlimits: {memory: 128MiB}\n", filepath.Join(w.dir, "east"), filepath.Join(w.dir, "west"))
	if err := errors.Join(os.WriteFile(filepath.Join(w.dir, "east/data/k"), []byte("k"), 0o644),
		os.WriteFile(filepath.Join(w.dir, "skyctl.yaml"), []byte(config), 0o600)); err != nil {
		t.Fatal(err)
	}
	return w
}

// statesElsewhere is filesOnly with Terraform's states behind HTTP.
func statesElsewhere(t *testing.T) *world {
	t.Helper()
	w := filesOnly(t)
	states := httptest.NewServer(&statetest.Server{})
	t.Cleanup(states.Close)
	at := states.URL + "/{run}"
	w.append(fmt.Sprintf("terraform: {backend: {type: http, address: %q, lock_address: %q, unlock_address: %q}}\n", at, at, at))
	return w
}

// append adds to the end of the configuration, if there is one.
func (w *world) append(text string) {
	w.t.Helper()
	path := filepath.Join(w.dir, "skyctl.yaml")
	config, err := os.ReadFile(path)
	if err == nil || errors.Is(err, os.ErrNotExist) {
		err = os.WriteFile(path, append(config, text...), 0o600)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// inClouds is a world whose regions are of AWS. Its machines are slow to come and
// to go, and never answer.
func inClouds(t *testing.T) (*world, *cloud) {
	t.Helper()
	c := startCloud(t, `[{"on": "create", "type": "aws_instance", "delay_seconds": 1}, {"on": "delete", "type": "aws_instance", "delay_seconds": 1}]`,
		&accounttest.World{Regions: []string{"us-east-1", "eu-west-1"}})
	w := newWorld(t, worldOptions{})
	w.put("k", []byte("k"))
	config := fmt.Sprintf("stores:\n  east: {type: s3, endpoint: %q, region: aws:us-east-1, path_style: true, credentials: {access_key_id: %q, secret_access_key: %q}}\n",
		w.east.Endpoint, w.east.AccessKey, w.east.SecretKey) +
		fmt.Sprintf("  west: {type: gcs, endpoint: %q, region: aws:eu-west-1}\n", objstoretest.StartFakeGCS(t).Config(t, "data").Endpoint)
	if err := os.Remove(filepath.Join(w.dir, "skyctl.yaml")); err != nil {
		t.Fatal(err)
	}
	w.use(c, config)
	return w, c
}

// reaper kills what deploys and destroys.
type reaper struct {
	*world
	chance *rand.Rand
	cloud  string   // where the stub keeps what exists; empty: local gateways
	killed []string // what, and when
	lost   int      // resources of killed Terraforms
}

// round is the life of one run: apply, perhaps destroy, with one process of
// each killed within the given time, and a destroy that nobody disturbs.
func (r *reaper) round(within time.Duration) {
	r.t.Helper()
	planned := r.skyctl("plan", "-r", "east://data/", "west://data/", "--gateways", "2", "--json")
	if planned.exit != 0 {
		r.t.Fatalf("plan: exit %d\n%s\n%s", planned.exit, planned.stdout, planned.stderr)
	}
	run := string(planned.Run)
	before := len(r.killed)
	r.disturbed(within, "apply", run, "--json")
	if r.chance.IntN(2) == 0 {
		r.disturbed(within, "destroy", run, "--json")
	}
	if end := r.skyctl("destroy", run, "--json"); end.exit != 0 {
		r.t.Fatalf("destroy after %v: exit %d\n%s\n%s", r.killed[before:], end.exit, end.stdout, end.stderr)
	}
	if left := r.processes(); len(left) > 0 {
		r.t.Fatalf("left after %v are the processes %v", r.killed[before:], left)
	}
	list := r.skyctl("terraform", run, "--", "state", "list")
	never := strings.Contains(list.stderr, "No state file was found") // it was killed before there was anything to keep
	if list.exit != 0 && !never || strings.TrimSpace(list.stdout) != "" {
		r.t.Fatalf("after %v the state has %q\n%s", r.killed[before:], list.stdout, list.stderr)
	}
	r.clear(run, r.killed[before:])
}

// disturbed runs a command and kills one process at some moment.
func (r *reaper) disturbed(within time.Duration, args ...string) {
	running := r.start(args...)
	begun := time.Now()
	moment := time.Duration(r.chance.Int64N(int64(within)))
	victim, pid := "skyctl", running.cmd.Process.Pid
	if !r.endsWithin(running, moment) {
		found := r.processes()
		names := []string{"skyctl"}
		for name := range found {
			if name == "terraform" || name == "supervisor" {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		if victim = names[r.chance.IntN(len(names))]; victim != "skyctl" {
			pid = found[victim]
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
			r.t.Fatal(err)
		}
		r.killed = append(r.killed, fmt.Sprintf("%s: %s after %v", args[0], victim, time.Since(begun).Round(time.Millisecond)))
		// An apply whose machines never answer does not end by itself.
		if victim != "skyctl" && !r.endsWithin(running, 10*time.Second) {
			if err := running.cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
				r.t.Fatal(err)
			}
		}
	}
	end := r.finish(running)
	if !slices.Contains([]int{-1, 0, 1, 6, 7}, end.exit) {
		r.t.Fatalf("%v: exit %d after %v\n%s\n%s", args, end.exit, r.killed, end.stdout, end.stderr)
	}
}

// endsWithin waits so long, or until the command has ended.
func (r *reaper) endsWithin(running *running, d time.Duration) bool {
	after := time.NewTimer(d)
	defer after.Stop()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		select {
		case <-after.C:
			return r.exited(running)
		case <-poll.C:
			if r.exited(running) {
				return true
			}
		}
	}
}

// partOfTable tells whether a resource is part of a route table: it carries no
// name, and in AWS, other than in the stub, goes with the table.
func partOfTable(record string) bool {
	return strings.HasPrefix(record, "aws_route.") || strings.HasPrefix(record, "aws_route_table_association.")
}

// clear looks at what exists in the stub's clouds, and takes it away.
func (r *reaper) clear(run string, killed []string) {
	r.t.Helper()
	if r.cloud == "" {
		return
	}
	left, err := filepath.Glob(filepath.Join(r.cloud, "*"))
	if err != nil {
		r.t.Fatal(err)
	}
	terraformDied := slices.ContainsFunc(killed, func(k string) bool { return !strings.Contains(k, ": skyctl ") })
	for _, path := range left {
		content, err := os.ReadFile(path)
		if err != nil {
			r.t.Fatal(err)
		}
		if !terraformDied || !strings.Contains(string(content), run) && !partOfTable(filepath.Base(path)) {
			r.t.Errorf("left after %v is %s: %s", killed, filepath.Base(path), content)
		}
		if err := os.Remove(path); err != nil {
			r.t.Fatal(err)
		}
		r.lost++
	}
}
