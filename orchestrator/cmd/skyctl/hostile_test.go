package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/skyctl/skyctl/agent/objstore/objstoretest/faults"
)

// nas is a store of files at local:west in a directory.
func (w *world) nas(dir string) (config string) {
	w.t.Helper()
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o755); err != nil {
		w.t.Fatal(err)
	}
	return w.configure(fmt.Sprintf("  nas: {type: file, path: %q, region: \"local:west\"}\n", dir), "")
}

// files are those below a directory, by their path in it.
func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		found[name], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestFullDiskIsResumable needs root, to mount a small filesystem.
func TestFullDiskIsResumable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	objects := map[string][]byte{"big": random(1, 24<<20), "small": random(2, 1000)}
	for key, data := range objects {
		w.put("src/"+key, data)
	}
	disk := t.TempDir()
	if err := syscall.Mount("none", disk, "tmpfs", 0, "size=8m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	})
	config := w.nas(disk)
	r := w.skyctl("cp", "-r", "east://data/src", "nas://data/new", "--gateways", "1", "--chunk-size", "5MiB", "--yes", "--json", "--config", config)
	if r.exit != 6 || r.Failed != 0 || r.Fault == nil || !strings.Contains(r.Fault.Message, "no space left") || !strings.HasSuffix(strings.TrimSpace(r.stderr), "\nskyctl resume "+string(r.Run)+" --config "+config) {
		t.Fatalf("exit %d\n%s\n%s", r.exit, r.stdout, r.stderr)
	}
	if err := syscall.Mount("none", disk, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	w.succeeded(w.skyctl("resume", string(r.Run), "--json", "--config", config), 2)
	if got := files(t, filepath.Join(disk, "data", "new")); len(got) != 2 || !bytes.Equal(got["big"], objects["big"]) || !bytes.Equal(got["small"], objects["small"]) {
		t.Errorf("there are %d files", len(got))
	}
}

// TestObjectsThatCannotBeCopiedFailAlone: one must not be read, two are in the
// way of what is at the destination.
func TestObjectsThatCannotBeCopiedFailAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{eastEndpoint: forbid(t, func(r *http.Request) bool {
		return r.Method == http.MethodGet && r.URL.Path == "/data/src/secret"
	})})
	for _, key := range []string{"secret", "dir", "file/below", "fine", "fine too"} {
		w.put("src/"+key, []byte(key))
	}
	disk := t.TempDir()
	config := w.nas(disk)
	data := filepath.Join(disk, "data")
	if err := os.Mkdir(filepath.Join(data, "dir"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "file"), []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := w.skyctl("cp", "-r", "east://data/src", "nas://data", "--gateways", "1", "--yes", "--json", "--config", config)
	if r.exit != 3 || r.Success || r.Objects != 5 || r.Done != 2 || r.Failed != 3 || len(r.Errors) != 3 || !r.Verified {
		t.Fatalf("exit %d\n%s\n%s", r.exit, r.stdout, r.stderr)
	}
	got := files(t, data)
	if len(got) != 3 || string(got["fine"]) != "fine" || string(got["fine too"]) != "fine too" || string(got["file"]) != "old" {
		t.Errorf("there are %q", got)
	}
	// All is final: to resume brings no gateway up, and says the same.
	again := w.skyctl("resume", string(r.Run), "--json", "--config", config)
	if again.exit != 3 || again.Done != 2 || again.Failed != 3 || strings.Contains(again.stderr, "provision") {
		t.Errorf("resumed: exit %d\n%s\n%s", again.exit, again.stdout, again.stderr)
	}
}

// forbid stands before a server and denies what matches.
func forbid(t *testing.T, match func(*http.Request) bool) func(endpoint string) string {
	return func(endpoint string) string {
		p := faults.Start(t, endpoint)
		p.Inject(faults.Fault{Match: match,
			Do: faults.Answer(http.StatusForbidden, "application/xml", `<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>`)})
		return p.Endpoint()
	}
}

// TestGatewaysThatDoNotComeUp: what is started is no agent. The run can go on
// with one.
func TestGatewaysThatDoNotComeUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.put("src/k", []byte("k"))
	fake := filepath.Join(t.TempDir(), "skyagent")
	if err := os.WriteFile(fake, []byte("#!/bin/sh\necho i am no agent >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	w.env = []string{"SKYCTL_AGENT=" + fake}
	r := w.skyctl("cp", "-r", "east://data/src", "west://data/", "--gateways", "1", "--yes", "--json")
	if r.exit != 1 || r.Fault == nil || !strings.Contains(r.Fault.Message, "i am no agent") || strings.Contains(r.Fault.Message, "\n") || !strings.Contains(r.Fault.Hint, "skyctl resume "+string(r.Run)) {
		t.Fatalf("exit %d\n%s\n%s", r.exit, r.stdout, r.stderr)
	}
	w.nothingIsLeft()
	w.env = nil
	w.succeeded(w.skyctl("resume", string(r.Run), "--json"), 1)
}

// reached waits for a file below the run's directory.
func (w *world) reached(pattern string) {
	w.t.Helper()
	w.eventually(pattern, func() bool {
		found, _ := filepath.Glob(filepath.Join(w.home(), "runs", "*", pattern))
		return len(found) > 0
	})
}

// TestSignalsInEveryPhase: whatever is under way when the signal comes, nothing
// is left, and what was not done can be.
func TestSignalsInEveryPhase(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		signal  syscall.Signal
		reached func(*world)
		exit    int
	}{
		{"decided, not yet applied", syscall.SIGINT, func(w *world) { w.reached("ca/deployment.json") }, 6},
		{"an agent is there", syscall.SIGTERM, func(w *world) { w.reached("terraform/gateways/*/pid") }, 6},
		{"transfer, of a terminal that goes", syscall.SIGHUP, func(w *world) { w.chunksDone(3) }, 6},
		{"destroy", syscall.SIGINT, func(w *world) { w.reached("logs/local-*.log") }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, objects, cp, open := halfway(t)
			if c.exit == 0 { // it is to come to its end
				open()
			}
			c.reached(w)
			if err := cp.cmd.Process.Signal(c.signal); err != nil {
				t.Fatal(err)
			}
			r := w.finish(cp)
			if r.exit != c.exit || r.Success != (c.exit == 0) || strings.Contains(r.stderr, "interrupted: interrupted") {
				t.Fatalf("exit %d\n%s\n%s", r.exit, r.stdout, r.stderr)
			}
			if left := w.processes(); len(left) > 0 {
				t.Errorf("left are %v", left)
			}
			w.nothingIsLeftButUploads()
			open()
			if c.exit == 6 {
				w.succeeded(w.skyctl("resume", string(r.Run), "--json"), 1)
			}
			w.sameBytes("", objects)
		})
	}
}

// TestOneProcessARun: the second is turned away, and disturbs nothing.
func TestOneProcessARun(t *testing.T) {
	t.Parallel()
	w, objects, cp, open := halfway(t)
	w.reached("ca/deployment.json")
	id := w.run()
	for _, args := range [][]string{{"resume", id, "--json"}, {"destroy", id, "--json"}, {"apply", id, "--json"}} {
		if r := w.skyctl(args...); r.exit != 1 || r.Fault == nil || !strings.Contains(r.Fault.Message, fmt.Sprintf("process %d", cp.cmd.Process.Pid)) {
			t.Errorf("%v: exit %d\n%s", args, r.exit, r.stdout)
		}
	}
	if s := w.skyctl("status", id, "--json"); s.exit != 0 || !strings.Contains(s.stdout, `"running"`) {
		t.Errorf("status: exit %d\n%s", s.exit, s.stdout)
	}
	open()
	w.succeeded(w.finish(cp), 1)
	w.sameBytes("", objects)
}

// TestManyObjectsManyGateways: two gateways a region, two destinations, tiny
// objects, everything read back.
func TestManyObjectsManyGateways(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	from, to := t.TempDir(), t.TempDir()
	for i := range 2000 {
		if err := os.WriteFile(filepath.Join(from, fmt.Sprint(i)), fmt.Append(nil, i), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(to, "data"), 0o755); err != nil {
		t.Fatal(err)
	}
	caps := "{egress_gbps: 0.5, ingress_gbps: 0.5%s}"
	config := w.configure(fmt.Sprintf("  here: {type: file, path: %q, region: \"local:east\"}\n  there: {type: file, path: %q, region: \"local:west\"}\n", from, to), "",
		"local:east: {}", "local:east: "+fmt.Sprintf(caps, ""), "local:mid: {}", "local:mid: "+fmt.Sprintf(caps, ""),
		"local:west: {}", "local:west: "+fmt.Sprintf(caps, ", hosts: [{address: 127.0.0.2}, {address: 127.0.0.3}]"))
	r := w.skyctl("cp", "-r", "here:///", "there://data/new/", "west://data/new/", "--gateways", "2", "--min-throughput", "0.8Gbps",
		"--verify", "read", "--yes", "--json", "--config", config)
	w.succeeded(r, 2000)
	if r.Gateways < 5 {
		t.Errorf("%d gateways", r.Gateways)
	}
	got, keys := files(t, filepath.Join(to, "data", "new")), w.keys(w.west)
	if len(got) != 2000 || len(keys) != 2000 {
		t.Fatalf("%d files and %d objects arrived", len(got), len(keys))
	}
	for name, data := range got {
		if string(data) != name || !keys["new/"+name] {
			t.Errorf("%s has %q, as an object: %t", name, data, keys["new/"+name])
		}
	}
}

// TestOutputThatNobodyTakes ends no run in the middle.
func TestOutputThatNobodyTakes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.put("src/k", []byte("k"))
	for _, c := range []struct {
		name, shell string
		exit        int
	}{
		{"all closed", `exec "$@" <&- >&- 2>&-`, 0},
		{"nobody reads the progress", `{ "$@" 2>&1 >/dev/null; echo $? >&3; } | head -n 1 >/dev/null`, 0},
		{"disk full", `exec "$@" >/dev/full`, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.t = t
			cmd := w.command()
			args := []string{"/bin/sh", "-c", c.shell, "sh", cmd.Path, "cp", "-r", "east://data/src", "west://data/", "--gateways", "1", "--yes", "--json"}
			cmd.Path, cmd.Args = "/bin/sh", args
			status := filepath.Join(t.TempDir(), "status")
			f, err := os.Create(status)
			if err != nil {
				t.Fatal(err)
			}
			cmd.ExtraFiles = []*os.File{f}
			err = cmd.Run()
			if exit := (*exec.ExitError)(nil); err != nil && !asExit(err, &exit) {
				t.Fatal(err)
			}
			code := fmt.Sprint(cmd.ProcessState.ExitCode())
			if said, err := os.ReadFile(status); err == nil && len(said) > 0 {
				code = strings.TrimSpace(string(said))
			}
			if err := f.Close(); err != nil || code != fmt.Sprint(c.exit) {
				t.Errorf("exit %s, want %d (%v)", code, c.exit, err)
			}
			if got, _ := w.get(w.west, "k"); string(got) != "k" {
				t.Errorf("what arrived is %q", got)
			}
			w.nothingIsLeft()
		})
	}
	w.t = t
}

// TestDestroyAll destroys what is kept also where a journal is damaged, and
// kept machines cost.
func TestDestroyAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.put("src/k", []byte("k"))
	config := w.configure("", "", "local:west: {}", "local:west: {usd_per_hour: 3600}")
	var ids []string
	for range 2 {
		r := w.skyctl("cp", "-r", "east://data/src", "west://data/", "--gateways", "1", "--keep", "--yes", "--json", "--config", config)
		w.succeeded(r, 1)
		if r.Cost.Actual < 0.5 { // USD: it takes longer than half a second
			t.Errorf("a machine at 1 USD/s cost %v", r.Cost.Actual)
		}
		ids = append(ids, string(r.Run))
	}
	if err := os.WriteFile(filepath.Join(w.home(), "runs", ids[0], "journal.db"), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := w.skyctl("runs", "--json"); r.exit != 0 || !strings.Contains(r.stdout, `"unreadable"`) || !strings.Contains(r.stdout, ids[1]) {
		t.Errorf("runs: exit %d\n%s", r.exit, r.stdout)
	}
	if r := w.skyctl("destroy", "--all", "--json"); r.exit != 0 || !strings.Contains(r.stdout, ids[0]) || !strings.Contains(r.stdout, ids[1]) {
		t.Errorf("destroy: exit %d\n%s\n%s", r.exit, r.stdout, r.stderr)
	}
}

// TestDestinationThatTakesNothing: who may read and list, and not write, learns
// it of every object, whatever its size, and nothing is begun there.
func TestDestinationThatTakesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{westEndpoint: forbid(t, func(r *http.Request) bool {
		return r.Method == http.MethodPut || r.Method == http.MethodPost
	})})
	w.put("src/small", []byte("small"))
	w.put("src/large", random(1, 12<<20))
	r := w.skyctl("cp", "-r", "east://data/src", "west://data/", "--gateways", "1", "--chunk-size", "5MiB", "--yes", "--json")
	if r.exit != 3 || r.Success || r.Objects != 2 || r.Failed != 2 || len(r.Errors) != 2 {
		t.Fatalf("exit %d\n%s\n%s", r.exit, r.stdout, r.stderr)
	}
	for _, e := range r.Errors {
		if !strings.Contains(e.Error, "AccessDenied") {
			t.Errorf("%s: %q", e.Object, e.Error)
		}
	}
	if keys := w.keys(w.west); len(keys) > 0 {
		t.Errorf("there are %v", keys)
	}
}

// TestKeyTooLongForTheDestination fails alone: Cloud Storage takes 1024 bytes,
// and the source has more.
func TestKeyTooLongForTheDestination(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	gcs := gcsKind(t)
	if err := gcs.make("data"); err != nil {
		t.Fatal(err)
	}
	w.addStore("gcs", gcs.store)
	part := strings.Repeat("k", 200)
	w.put("src/"+strings.Join([]string{part, part, part, part, part}, "/"), []byte("long"))
	w.put("src/short", []byte("short"))
	r := w.skyctl("cp", "-r", "east://data/src", "gcs://data/a/prefix/that/is/too/much/", "--gateways", "1", "--yes", "--json")
	if r.exit != 3 || r.Done != 1 || r.Failed != 1 || len(r.Errors) != 1 || !strings.Contains(r.Errors[0].Error, "1024") {
		t.Fatalf("exit %d\n%s\n%s", r.exit, r.stdout, r.stderr)
	}
	keys, err := gcs.list(t.Context(), "data")
	if _, ok := keys["a/prefix/that/is/too/much/short"]; err != nil || !ok || len(keys) != 1 {
		t.Errorf("there are %v, %v", keys, err)
	}
}

// TestEventsThatCannotBeWritten are no reason to call a transfer failed, and are
// not passed over.
func TestEventsThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.put("src/k", []byte("k"))
	p := w.skyctl("plan", "-r", "east://data/src", "west://data/", "--gateways", "1", "--json")
	if err := os.Symlink("/dev/full", filepath.Join(w.home(), "runs", string(p.Run), "events.jsonl")); err != nil {
		t.Fatal(err)
	}
	r := w.skyctl("apply", string(p.Run), "--json")
	w.succeeded(r, 1)
	if len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "no space left") {
		t.Errorf("the warnings are %q", r.Warnings)
	}
}
