package main

import (
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// configure writes a configuration that differs from the world's, for
// --config: each old text is replaced by the new one behind it, and what is
// under stores and at the end is added.
func (w *world) configure(stores, end string, oldNew ...string) string {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, "skyctl.yaml"))
	if err != nil {
		w.t.Fatal(err)
	}
	changed := strings.NewReplacer(append(oldNew, "stores:\n", "stores:\n"+stores)...).Replace(string(text))
	path := filepath.Join(w.t.TempDir(), "skyctl.yaml")
	if err := os.WriteFile(path, []byte(changed+end), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// TestRefusedBeforeAnythingIsCreated: what can be known early is said early, in
// one line and one document, and leaves no run.
func TestRefusedBeforeAnythingIsCreated(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.put("src/k", random(1, 1000))
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	s3 := `  %s: {type: s3, endpoint: %q, region: "local:west", path_style: true, credentials: {access_key_id: %q, secret_access_key: %q}}` + "\n"
	stores := fmt.Sprintf(s3, "stranger", w.west.Endpoint, w.west.AccessKey, "wrong") +
		fmt.Sprintf(s3, "closed", "http://127.0.0.1:1", "a", "b") +
		fmt.Sprintf(s3, "silent", "http://"+silent.Addr().String(), "a", "b") +
		fmt.Sprintf("  nas: {type: file, path: %q, region: \"local:west\"}\n", t.TempDir())
	config := w.configure(stores, "")
	hook := func(command string) string {
		return w.configure("", "hooks: {after_plan: [/bin/sh, -c, "+command+"]}\n")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}

	for _, c := range []struct {
		name string
		args string // of cp, behind --gateways 1
		env  string
		exit int
		says string // a pattern that what is written must have
	}{
		{"wrong secret", "-r east://data/src stranger://data/", "", 1, `hint: check the store's credentials`},
		{"missing bucket", "-r east://data/src west://none/", "", 1, `hint: create it`},
		{"missing bucket of files", "-r east://data/src nas://none/x/", "", 1, `hint: create it`},
		{"missing source bucket", "-r east://none/src west://data/", "", 1, `hint: create it`},
		{"unreachable", "-r east://data/src closed://data/", "", 1, `hint: check the store's endpoint`},
		{"no answer", "-r east://data/src silent://data/", "", 1, `hint: check the store's endpoint`},
		{"nothing there", "-r east://data/none west://data/", "", 1, `nothing was found at east://data/none\nhint: check the prefix`},
		{"missing key", "east://data/none west://data/", "", 1, `nothing was found at east://data/none\nhint: check the key`},
		{"a file as directory", "-r east://data/src " + file + "/x/", "", 1, `cannot write below .*not a directory\nhint: `},
		{"unknown store", "-r east://data/src north://data/", "", 2, `unknown store "north"`},
		{"inside itself", "-r east://data/src east://data/src/x", "", 2, `is inside`},
		{"no Terraform", "-r east://data/src west://data/", "PATH=" + t.TempDir(), 1, `no usable Terraform .*install Terraform`},
		{"no agent", "-r east://data/src west://data/", "SKYCTL_AGENT=" + file + ".none", 1, `skyagent cannot be started: .*SKYCTL_AGENT`},
		{"an agent that is none", "-r east://data/src west://data/", "SKYCTL_AGENT=" + file, 1, `skyagent cannot be started: .*SKYCTL_AGENT`},
		{"no home", "-r east://data/src west://data/", "SKYCTL_HOME=" + file, 1, `hint: set SKYCTL_HOME`},
		{"too fast", "-r east://data/src west://data/ --min-throughput 500Gbps", "", 5, `hint: `},
		{"too cheap", "-r east://data/src west://data/ --max-cost 0.000000000001", "", 5, `hint: `},
		{"policy", "-r east://data/src west://data/ --config " + hook(`"echo not today; exit 3"`), "", 1, `hooks.after_plan refused the plan: exit status 3: not today\nhint: `},
		{"no policy", "-r east://data/src west://data/ --config " + w.configure("", "hooks: {after_plan: [/nonexistent]}\n"), "", 1, `hooks.after_plan cannot be run`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.t = t
			args := append([]string{"cp", "--gateways", "1", "--yes", "--json"}, strings.Fields(c.args)...)
			if !strings.Contains(c.args, "--config") {
				args = append(args, "--config", config)
			}
			var out result
			// What else this machine does may hold it up, but not each time.
			for quickest, try := time.Duration(math.MaxInt64), 0; quickest > 15*time.Second; try++ {
				if try == 3 {
					t.Errorf("it took %v", quickest)
					break
				}
				cmd := w.command(args...)
				if c.env != "" {
					cmd.Env = append(cmd.Env, c.env)
				}
				r := &running{cmd: cmd}
				cmd.Stdout, cmd.Stderr = &r.stdout, &r.stderr
				start := time.Now()
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				out = w.finish(r)
				quickest = min(quickest, time.Since(start))
			}
			if out.exit != c.exit || out.Success || out.Fault == nil || out.Fault.Message == "" || strings.Contains(out.Fault.Message, "\n") {
				t.Errorf("exit %d: %s", out.exit, out.stdout)
			}
			if lines := strings.Split(out.stderr, "skyctl: "); len(lines) != 2 || !regexp.MustCompile(c.says).MatchString(out.stderr) {
				t.Errorf("it says %q, want %s", out.stderr, c.says)
			}
			if runs, _ := filepath.Glob(filepath.Join(w.home(), "runs", "*")); len(runs) > 0 {
				t.Errorf("left are %v", runs)
			}
		})
	}
	w.t = t
}

func TestListNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	if r := w.skyctl("ls", "west://data/none"); r.exit != 1 || r.stdout != "" || !strings.Contains(r.stderr, "nothing was found at west://data/none\nhint: ") {
		t.Errorf("a prefix with nothing: exit %d\n%s\n%s", r.exit, r.stdout, r.stderr)
	}
	if r := w.skyctl("ls", "west://data"); r.exit != 0 || r.stdout+r.stderr != "" {
		t.Errorf("an empty bucket: exit %d\n%s\n%s", r.exit, r.stdout, r.stderr)
	}
}
