package modules_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/skyctl/skyctl/agent/port"
)

// gateway is one run of the module's scripts, without Terraform.
type gateway struct {
	name, dir, agent, netns, listen string
}

func newGateway(t *testing.T, name string) gateway {
	t.Helper()
	free, err := port.Hold("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	defer free.Close()
	return gateway{name: name, dir: filepath.Join(t.TempDir(), "state", name), agent: agentPath,
		listen: net.JoinHostPort("127.0.0.1", strconv.Itoa(free.Number))}
}

// start runs start.sh as the module does and returns what it printed.
func (g gateway) start(t *testing.T) (string, error) {
	t.Helper()
	boot, err := json.Marshal(map[string]any{
		"run": "test", "name": g.name, "listen": g.listen, "ca_certificate": "certificate", "token": "s3cret",
		"lifetime_seconds": 60, "not_after": time.Now().Add(time.Hour), "enroll_within_seconds": 60,
	})
	if err != nil {
		t.Fatal(err)
	}
	return g.script(t, "start.sh", "GATEWAY_AGENT="+g.agent, "GATEWAY_NETNS="+g.netns, "GATEWAY_BOOT="+string(boot))
}

func (g gateway) stop(t *testing.T) (string, error) { return g.script(t, "stop.sh") }

// script returns when the script has ended and closed its output: an agent that
// kept it open would hang Terraform.
func (g gateway) script(t *testing.T, name string, env ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", filepath.Join("local-gateway/scripts", name))
	cmd.Env = append(os.Environ(), append(env, "GATEWAY_DIRECTORY="+g.dir)...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// pid returns what start.sh recorded.
func (g gateway) pid() (pid, start int, ok bool) {
	content, err := os.ReadFile(filepath.Join(g.dir, "pid"))
	if err != nil {
		return 0, 0, false
	}
	n, _ := fmt.Sscan(string(content), &pid, &start)
	return pid, start, n == 2
}

func (g gateway) mustStart(t *testing.T) int {
	t.Helper()
	if out, err := g.start(t); err != nil {
		t.Fatalf("start.sh: %v: %s", err, out)
	}
	pid, _, ok := g.pid()
	if !ok || pid <= 1 {
		t.Fatalf("start.sh recorded process %d, %t", pid, ok)
	}
	// By its descriptor, which never means another process.
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0) // it may be gone, as it should
		unix.Close(fd)
	})
	return pid
}

// state is the third field of /proc/PID/stat, 0 if there is no process.
func state(pid int) byte {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, fields, _ := bytes.Cut(stat, []byte(") "))
	return fields[0]
}

func dead(pid int) bool { s := state(pid); return s == 0 || s == 'Z' }

// onlyLog asserts that a failed start, or a stop, left nothing but the log.
func (g gateway) onlyLog(t *testing.T) {
	t.Helper()
	entries, err := os.ReadDir(g.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "agent.log" {
			t.Errorf("%s is left", e.Name())
		}
	}
}

func TestStartAndStop(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
	t.Setenv("SSL_CERT_DIR", "/some certificates")
	g := newGateway(t, "east")
	pid := g.mustStart(t)

	info, err := os.Stat(filepath.Join(g.dir, "boot.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("boot data: %v, %v", info, err)
	}
	if session, err := unix.Getsid(pid); err != nil || session != pid {
		t.Errorf("process %d is in session %d, %v", pid, session, err)
	}
	for _, fd := range []string{"0", "1", "2"} {
		target, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, fd))
		if want := map[bool]string{true: os.DevNull, false: filepath.Join(g.dir, "agent.log")}[fd == "0"]; err != nil || target != want {
			t.Errorf("descriptor %s is %s, %v; want %s", fd, target, err, want)
		}
	}
	// It closes the one that it reported on after it has reported, and so perhaps
	// after the script has ended.
	closed := time.Now().Add(time.Minute)
	for held := deleted(t, pid, g.dir); len(held) > 0; held = deleted(t, pid, g.dir) {
		if time.Now().After(closed) {
			t.Fatalf("held open are %q", held)
		}
		time.Sleep(time.Millisecond)
	}
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil || bytes.Contains(environ, []byte("s3cret")) || !bytes.Contains(environ, []byte("SSL_CERT_DIR=/some certificates\x00")) {
		t.Errorf("the agent's environment is %q, %v", environ, err)
	}
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || bytes.Contains(cmdline, []byte("s3cret")) {
		t.Errorf("the agent's arguments are %q, %v", cmdline, err)
	}
	if conn, err := net.Dial("tcp", g.listen); err != nil {
		t.Errorf("the agent does not listen when start.sh returns: %v", err)
	} else {
		conn.Close()
	}

	for range 2 { // the second time there is nothing to stop
		if out, err := g.stop(t); err != nil {
			t.Fatalf("stop.sh: %v: %s", err, out)
		}
		if !dead(pid) {
			t.Errorf("process %d is in state %c", pid, state(pid))
		}
		g.onlyLog(t)
	}
}

func TestStartFails(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		change func(*gateway)
		want   string
	}{
		"port taken":   {func(g *gateway) { g.listen = taken.Addr().String() }, "skyagent: listen tcp " + taken.Addr().String() + ": bind: address already in use"},
		"dies":         {func(g *gateway) { g.name = "dies" }, "skyagent did not start: fakeagent: asked to die"},
		"impostor":     {func(g *gateway) { g.name = "impostor" }, "skyagent reported process 1 and is not running"},
		"no agent":     {func(g *gateway) { g.agent = "/nowhere/skyagent" }, "/nowhere"},
		"not an agent": {func(g *gateway) { g.agent = plain }, "Permission denied"},
		"no namespace": {func(g *gateway) { g.netns = "skyctl-test-none" }, "skyagent did not start: nsenter: "},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t, "west")
			tc.change(&g)
			out, err := g.start(t)
			if err == nil || !strings.Contains(out, tc.want) {
				t.Errorf("start.sh: %v: %s\nwant %q", err, out, tc.want)
			}
			if _, err := os.Stat(g.dir); err == nil {
				g.onlyLog(t)
			}
			if strings.Contains(out, "s3cret") {
				t.Errorf("start.sh shows the token: %s", out)
			}
		})
	}
}

// TestStartReplacesALeftOver is what happens after a Terraform that was killed
// before it had the agent in its state.
func TestStartReplacesALeftOver(t *testing.T) {
	g := newGateway(t, "east")
	first := g.mustStart(t)
	second := g.mustStart(t)
	if !dead(first) || dead(second) {
		t.Errorf("process %d is in state %c, its successor %d in %c", first, state(first), second, state(second))
	}
	if out, err := g.stop(t); err != nil {
		t.Fatalf("stop.sh: %v: %s", err, out)
	}
}

func TestStopKillsTheStubborn(t *testing.T) {
	g := newGateway(t, "stubborn")
	pid := g.mustStart(t)
	if out, err := g.stop(t); err != nil {
		t.Fatalf("stop.sh: %v: %s", err, out)
	}
	if !dead(pid) {
		t.Errorf("process %d is in state %c", pid, state(pid))
	}
}

// TestStopTakesAZombieForDead has this process be the agent's parent, and not
// reap it.
func TestStopTakesAZombieForDead(t *testing.T) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	g := newGateway(t, "east")
	pid := g.mustStart(t)
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	out, err := g.stop(t) // which fails where it does not see the process end
	if state(pid) != 'Z' {
		t.Errorf("process %d is in state %c: this test tests nothing", pid, state(pid))
	}
	if err != nil {
		t.Errorf("stop.sh: %v: %s", err, out)
	}
	if _, err := unix.Wait4(pid, nil, 0, nil); err != nil {
		t.Error(err)
	}
}

// TestStopSparesAStranger has another process with the agent's number: only the
// start time tells.
func TestStopSparesAStranger(t *testing.T) {
	g := newGateway(t, "east")
	pid := g.mustStart(t)
	_, start, _ := g.pid()
	record := func(start int) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(g.dir, "pid"), fmt.Appendf(nil, "%d %d\n", pid, start), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	record(start + 1)
	if out, err := g.stop(t); err != nil {
		t.Fatalf("stop.sh: %v: %s", err, out)
	}
	if dead(pid) {
		t.Fatal("stop.sh killed a process that it had not started")
	}
	record(start)
	if out, err := g.stop(t); err != nil || !dead(pid) {
		t.Fatalf("stop.sh: %v: %s", err, out)
	}
}

func TestStopRefusesAGarbledRecord(t *testing.T) {
	g := newGateway(t, "east")
	if err := os.MkdirAll(g.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, content := range []string{"", "\n", "-1 5\n", "0 5\n", "1 5\n", "12\n", " 12\n", "1 x\n", "1 2 3\n"} {
		if err := os.WriteFile(filepath.Join(g.dir, "pid"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := g.stop(t); err == nil {
			t.Errorf("stop.sh takes %q for success: %s", content, out)
		}
	}
}

// TestNetworkNamespace needs root, as the namespaces of skyctl lab do.
func TestNetworkNamespace(t *testing.T) {
	netns := fmt.Sprintf("skyctl-test-%d", os.Getpid())
	ip := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
		}
	}
	ip("netns", "add", netns)
	t.Cleanup(func() { ip("netns", "del", netns) })
	ip("-n", netns, "link", "set", "lo", "up")

	g := newGateway(t, "east")
	g.netns = netns
	pid := g.mustStart(t)
	var inside, named unix.Stat_t
	if err := unix.Stat(fmt.Sprintf("/proc/%d/ns/net", pid), &inside); err != nil {
		t.Fatal(err)
	}
	if err := unix.Stat("/run/netns/"+netns, &named); err != nil {
		t.Fatal(err)
	}
	if inside.Ino != named.Ino {
		t.Error("the agent runs in another network namespace")
	}
	if conn, err := net.Dial("tcp", g.listen); err == nil {
		conn.Close()
		t.Error("the agent listens outside of its namespace")
	}
	if out, err := g.stop(t); err != nil || !dead(pid) {
		t.Errorf("stop.sh: %v: %s", err, out)
	}
}

// deleted are the files below a directory that a process holds open and that are
// there no more.
func deleted(t *testing.T, pid int, dir string) (held []string) {
	t.Helper()
	descriptors, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range descriptors {
		target, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, d.Name()))
		if strings.HasPrefix(target, dir) && strings.HasSuffix(target, "(deleted)") {
			held = append(held, target)
		}
	}
	return held
}
