package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// chaosKills is how many processes are killed in a round.
const chaosKills = 4

// TestKilledAtRandom kills processes of a run, whichever and whenever chance
// says: skyctl, agents, Terraform, what looks after Terraform, and the scripts
// that start agents. Whatever that does, the run can be resumed to its end, the
// journal adds up at every stop, and nothing is left.
//
// SKYCTL_CHAOS_SEED repeats a round, SKYCTL_CHAOS_ROUNDS asks for more of them.
func TestKilledAtRandom(t *testing.T) {
	t.Parallel()
	rounds, seed := 2, uint64(time.Now().UnixNano())%100_000
	if v := os.Getenv("SKYCTL_CHAOS_ROUNDS"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			t.Fatal(err)
		}
		rounds = n
	}
	if v := os.Getenv("SKYCTL_CHAOS_SEED"); v != "" {
		n, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		rounds, seed = 1, n
	}
	for i := range rounds {
		seed := seed + uint64(i)
		t.Run(fmt.Sprintf("SKYCTL_CHAOS_SEED=%d", seed), func(t *testing.T) {
			t.Parallel()
			m := &monkey{world: newWorld(t, worldOptions{}), chance: rand.New(rand.NewPCG(seed, 0))}
			m.play()
		})
	}
}

// monkey kills.
type monkey struct {
	*world
	chance *rand.Rand
	killed []string // what, and when
}

func (m *monkey) play() {
	objects := map[string][]byte{}
	for i := range 3 {
		objects[fmt.Sprintf("big/%d", i)] = random(uint64(i), 22<<20+i)
	}
	for i := range 200 {
		objects[fmt.Sprintf("small/%03d", i)] = random(uint64(100+i), 100*i)
	}
	for key, data := range objects {
		m.put("src/"+key, data)
	}
	for undisturbed := false; ; undisturbed = len(m.killed) == chaosKills {
		r := m.start(m.next()...)
		for len(m.killed) < chaosKills && m.killSomething(r) {
		}
		end := m.finish(r)
		m.addsUp(end, int64(len(objects)))
		if end.exit == 0 {
			break
		}
		// Killed, interrupted, its gateways not up, or not down.
		if undisturbed || !slices.Contains([]int{-1, 1, 6, 7}, end.exit) {
			m.t.Fatalf("exit %d after %v\n%s\n%s", end.exit, m.killed, end.stdout, end.stderr)
		}
	}
	m.sameBytes("", objects)
	if left := m.processes(); len(left) > 0 {
		m.t.Errorf("left after %v are the processes %v", m.killed, left)
	}
	m.t.Log(m.killed)
}

// next is the command that starts the run, or goes on with it.
func (m *monkey) next() []string {
	ids, _ := filepath.Glob(filepath.Join(m.home(), "runs", "*"))
	for _, dir := range ids {
		if s, ok := m.status(filepath.Base(dir)); ok && s.State == "planned" {
			return []string{"apply", filepath.Base(dir), "--json"}
		} else if ok {
			return []string{"resume", filepath.Base(dir), "--json"}
		}
	}
	return []string{"cp", "-r", "east://data/src", "west://data/", "--gateways", "1", "--chunk-size", "5MiB", "--yes", "--json"}
}

type chaosStatus struct {
	State                                   string
	Objects, Done, Skipped, Failed, Pending int64
}

// status is false for a run whose planning was killed.
func (m *monkey) status(id string) (s chaosStatus, ok bool) {
	r := m.skyctl("status", id, "--json")
	if err := json.Unmarshal([]byte(r.stdout), &s); err != nil {
		m.t.Fatalf("status: %v in %s", err, r.stdout)
	}
	return s, r.exit == 0
}

// addsUp checks what the journal says after a process has ended.
func (m *monkey) addsUp(end result, objects int64) {
	m.t.Helper()
	ids, _ := filepath.Glob(filepath.Join(m.home(), "runs", "*"))
	for _, dir := range ids {
		s, ok := m.status(filepath.Base(dir))
		if ok && (s.Objects != objects || s.Objects != s.Done+s.Skipped+s.Failed+s.Pending || s.Failed != 0) {
			m.t.Errorf("after %v: %+v of %d objects", m.killed, s, objects)
		}
	}
	if end.exit == 0 && (!end.Success || !end.Verified || end.Objects != objects || end.Done != objects) {
		m.t.Errorf("after %v: %s", m.killed, end.stdout)
	}
}

// killSomething waits for a moment and kills one process. It is false when
// skyctl has ended, or was what it killed.
func (m *monkey) killSomething(r *running) bool {
	begun := time.Now()
	moment := time.NewTimer(time.Duration(m.chance.Int64N(int64(3 * time.Second))))
	defer moment.Stop()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for waiting := true; waiting; {
		select {
		case <-moment.C:
			waiting = false
		case <-poll.C:
		}
		if m.exited(r) {
			return false
		}
	}
	names := []string{"skyctl"}
	found := m.processes()
	for name := range found {
		names = append(names, name)
	}
	slices.Sort(names[1:])
	victim := names[m.chance.IntN(len(names))]
	pid := found[victim]
	if victim == "skyctl" {
		pid = r.cmd.Process.Pid
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
		m.t.Fatal(err)
	}
	m.killed = append(m.killed, fmt.Sprintf("%s %s after %v", r.cmd.Args[1], victim, time.Since(begun).Round(time.Millisecond)))
	return victim != "skyctl"
}

// processes are those that work for a run of this world: what works in its
// directory, by what it is. skyctl itself works elsewhere.
func (w *world) processes() map[string]int {
	found := map[string]int{}
	dirs, _ := filepath.Glob("/proc/[1-9]*")
	for _, dir := range dirs {
		cwd, err := os.Readlink(dir + "/cwd")
		if err != nil || !strings.HasPrefix(cwd, filepath.Join(w.home(), "runs")+"/") {
			continue
		}
		comm, err := os.ReadFile(dir + "/comm")
		pid, perr := strconv.Atoi(filepath.Base(dir))
		if err != nil || perr != nil || pid <= 1 {
			continue
		}
		name := strings.TrimSpace(string(comm))
		switch {
		case name == "skyctl":
			name = "supervisor"
		case strings.HasPrefix(filepath.Base(filepath.Dir(cwd)), "gateways"):
			name += " " + filepath.Base(cwd)
		}
		found[name] = pid
	}
	return found
}
