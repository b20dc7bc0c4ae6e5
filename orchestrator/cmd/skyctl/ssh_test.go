//go:build sshd

package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// host is a network namespace with a home of its own and a real sshd in it. The
// rest of the files it shares with this machine, so that skyctl can list what
// its stores hold.
type host struct{ netns, address, home string }

// hosts makes n of them on one bridge. It needs root, ip and openssh-server:
// make test-ssh.
func hosts(t *testing.T, dir string, n int) []host {
	t.Helper()
	run := func(name string, args ...string) {
		t.Helper()
		if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
		}
	}
	bridge := fmt.Sprintf("sky%d", os.Getpid())
	run("ip", "link", "add", bridge, "type", "bridge")
	t.Cleanup(func() { run("ip", "link", "del", bridge) })
	run("ip", "addr", "add", "198.18.77.1/24", "dev", bridge)
	run("ip", "link", "set", bridge, "up")
	run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, "key"))
	run("mkdir", "-p", "/run/sshd") // where sshd separates its privileges
	var all []host
	for i := range n {
		h := host{netns: fmt.Sprintf("%s-%d", bridge, i), address: fmt.Sprintf("198.18.77.%d", 11+i), home: filepath.Join(dir, fmt.Sprint("home", i))}
		run("ip", "netns", "add", h.netns)
		t.Cleanup(func() { run("ip", "netns", "del", h.netns) })
		outer := fmt.Sprintf("%sv%d", bridge, i)
		run("ip", "link", "add", outer, "type", "veth", "peer", "name", "eth0", "netns", h.netns)
		run("ip", "link", "set", outer, "master", bridge, "up")
		run("ip", "-n", h.netns, "addr", "add", h.address+"/24", "dev", "eth0")
		run("ip", "-n", h.netns, "link", "set", "eth0", "up")
		run("ip", "-n", h.netns, "link", "set", "lo", "up")
		h.serve(t, dir, run)
		all = append(all, h)
	}
	return all
}

// serve starts the host's sshd and waits until it answers.
func (h host) serve(t *testing.T, dir string, run func(string, ...string)) {
	t.Helper()
	run("mkdir", "-p", filepath.Join(h.home, ".ssh"))
	run("cp", filepath.Join(dir, "key.pub"), filepath.Join(h.home, ".ssh/authorized_keys"))
	run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(h.home, "hostkey"))
	config := filepath.Join(h.home, "sshd_config")
	lines := fmt.Sprintf("ListenAddress %s\nHostKey %s/hostkey\nPidFile none\nUsePAM no\nStrictModes no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\n", h.address, h.home)
	if err := os.WriteFile(config, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	sshd := exec.Command("ip", "netns", "exec", h.netns, "sh", "-c", `mount --bind "$1" /root && exec /usr/sbin/sshd -D -e -f "$2"`, "sh", h.home, config)
	var log bytes.Buffer
	sshd.Stderr = &log
	if err := sshd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sshd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = sshd.Wait() // it was killed
		if t.Failed() {
			t.Logf("sshd of %s:\n%s", h.address, log.Bytes())
		}
	})
	for deadline := time.Now().Add(10 * time.Second); ; {
		conn, err := net.DialTimeout("tcp", h.address+":22", time.Second)
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// agents are the command lines of the host's processes that are agents.
func (h host) agents(t *testing.T) (found []string) {
	t.Helper()
	pids, err := exec.Command("ip", "netns", "pids", h.netns).Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range strings.Fields(string(pids)) {
		// One that ended meanwhile cannot be read, and is none.
		if line, err := os.ReadFile("/proc/" + pid + "/cmdline"); err == nil && bytes.Contains(line, []byte("--boot")) {
			found = append(found, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}

// TestHostsBySSH moves files between two hosts that Terraform logs in to: it
// brings the agents, and takes them away again.
func TestHostsBySSH(t *testing.T) {
	w := &world{t: t, dir: t.TempDir()}
	two := hosts(t, w.dir, 2)
	config := "stores:\n"
	for _, name := range []string{"east", "west"} {
		config += fmt.Sprintf("  %s: {type: file, path: %q, region: \"ssh:%s\"}\n", name, filepath.Join(w.dir, name), name)
		if err := os.MkdirAll(filepath.Join(w.dir, name, "data"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	config += fmt.Sprintf("regions:\n  ssh:east: {hosts: [{address: %s, user: root, identity_file: %q}]}\n  ssh:west: {hosts: [{address: %s, user: root, identity_file: %q}]}\n",
		two[0].address, filepath.Join(w.dir, "key"), two[1].address, filepath.Join(w.dir, "key"))
	config += "links: [{from: ssh:east, to: ssh:west, gbps: 1}]\nlimits: {memory: 128MiB}\n"
	if err := os.WriteFile(filepath.Join(w.dir, "skyctl.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	objects := map[string][]byte{"empty": {}, "one": {1}, "dir/big": random(1, 60<<20+7)}
	for i := range 20 {
		objects[fmt.Sprintf("many/%02d", i)] = random(uint64(i), 4096)
	}
	for key, data := range objects {
		path := filepath.Join(w.dir, "east/data", key)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}

	r := w.skyctl("cp", "-r", "east://data/", "west://data/", "--gateways", "1", "--yes", "--json", "--keep")
	if r.exit != 0 || !r.Success || r.Done != int64(len(objects)) || r.Gateways != 2 || fmt.Sprint(r.Routes[0].Path) != "[ssh:east ssh:west]" {
		t.Fatalf("exit %d: %s\n%s", r.exit, r.stdout, r.stderr)
	}
	for key, want := range objects {
		if got, err := os.ReadFile(filepath.Join(w.dir, "west/data", key)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes of %d, %v", key, len(got), len(want), err)
		}
	}
	for _, h := range two {
		if agents := h.agents(t); len(agents) != 1 {
			t.Errorf("on %s run %q", h.address, agents)
		}
	}
	if again := w.skyctl("terraform", string(r.Run), "--", "plan", "-detailed-exitcode", "-input=false"); again.exit != 0 {
		t.Errorf("a second plan: exit %d\n%s", again.exit, again.stdout)
	}
	if d := w.skyctl("destroy", string(r.Run)); d.exit != 0 {
		t.Errorf("destroy: exit %d, %s", d.exit, d.stderr)
	}
	for _, h := range two {
		if agents := h.agents(t); len(agents) != 0 {
			t.Errorf("left on %s are %q", h.address, agents)
		}
		left, err := filepath.Glob(filepath.Join(h.home, ".skyctl/*/*/*"))
		if err != nil || len(left) != 1 || filepath.Base(left[0]) != "agent.log" {
			t.Errorf("left on %s are %q (%v)", h.address, left, err)
		}
	}
}

// TestAHostThatCannotStartAnAgent: what is in the way is said, and nothing is
// left.
func TestAHostThatCannotStartAnAgent(t *testing.T) {
	w := &world{t: t, dir: t.TempDir()}
	h := hosts(t, w.dir, 1)[0]
	blocker := exec.Command("ip", "netns", "exec", h.netns, "sh", "-c", "exec /usr/sbin/sshd -D -e -p 7443 -f "+filepath.Join(h.home, "sshd_config"))
	if err := blocker.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := blocker.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = blocker.Wait() // it was killed
	})
	for _, name := range []string{"east", "west"} {
		if err := os.MkdirAll(filepath.Join(w.dir, name, "data"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(w.dir, "east/data/k"), []byte("k"), 0o644); err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf("stores:\n  east: {type: file, path: %q, region: \"ssh:east\"}\n  west: {type: file, path: %q, region: local:west}\nregions:\n  ssh:east: {hosts: [{address: %s, identity_file: %q}]}\n  local:west: {}\n",
		filepath.Join(w.dir, "east"), filepath.Join(w.dir, "west"), h.address, filepath.Join(w.dir, "key"))
	if err := os.WriteFile(filepath.Join(w.dir, "skyctl.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	r := w.skyctl("cp", "-r", "east://data/", "west://data/", "--gateways", "1", "--yes", "--json")
	log, err := os.ReadFile(filepath.Join(w.home(), "runs", string(r.Run), "logs/terraform.log"))
	if r.exit != 1 || err != nil || !bytes.Contains(log, []byte("address already in use")) {
		t.Errorf("exit %d: %s\n%s\n%s (%v)", r.exit, r.stdout, r.stderr, log, err)
	}
	if agents := h.agents(t); len(agents) != 0 {
		t.Errorf("left are %q", agents)
	}
}
