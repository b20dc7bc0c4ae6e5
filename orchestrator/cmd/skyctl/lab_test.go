package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/skyctl/skyctl/agent/objstore/objstoretest"
	"github.com/skyctl/skyctl/orchestrator"
	"github.com/skyctl/skyctl/orchestrator/journal"
)

// bin has the two programs, scratch is for what this process builds.
var bin, scratch string

func TestMain(m *testing.M) {
	// What a test run under nohup ignores, the programs it starts must not.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	var err error
	if scratch, err = os.MkdirTemp("", "skyctl-bin"); err != nil {
		panic(err)
	}
	defer os.RemoveAll(scratch)
	if bin = os.Getenv("SKYCTL_BIN"); bin == "" { // as make build has just built them
		bin = scratch
		build := exec.Command("go", "build", "-tags", "disable_grpc_modules", "-o", bin+"/", ".", "../../../agent/cmd/skyagent")
		build.Stdout, build.Stderr = os.Stderr, os.Stderr
		if err := build.Run(); err != nil {
			panic(err)
		}
	}
	return m.Run()
}

// world is two S3 servers, a configuration that puts them into local:east and
// local:west with a relay between, and a home for runs.
type world struct {
	t          testing.TB
	dir        string
	env        []string // of every command, beyond this process's
	east, west objstoretest.Server
}

type worldOptions struct {
	eastEndpoint, westEndpoint func(string) string // what is to stand before the servers
	memory                     string
	server                     func(testing.TB) objstoretest.Server // nil: objstoretest.StartVersityGW
}

func newWorld(t testing.TB, o worldOptions) *world {
	t.Helper()
	if o.server == nil {
		o.server = objstoretest.StartVersityGW
	}
	w := &world{t: t, dir: t.TempDir(), east: o.server(t), west: o.server(t)}
	at := func(endpoint string, before func(string) string) string {
		if before != nil {
			return before(endpoint)
		}
		return endpoint
	}
	if o.memory == "" {
		o.memory = "128MiB"
	}
	store := `  %s: {type: s3, endpoint: %q, region: "local:%s", path_style: true, credentials: {access_key_id: %q, secret_access_key: %q}}` + "\n"
	config := "stores:\n" +
		fmt.Sprintf(store, "east", at(w.east.Endpoint, o.eastEndpoint), "east", w.east.AccessKey, w.east.SecretKey) +
		fmt.Sprintf(store, "west", at(w.west.Endpoint, o.westEndpoint), "west", w.west.AccessKey, w.west.SecretKey) +
		`regions:
  local:east: {}
  local:mid: {}
  local:west: {}
links:
  - {from: local:east, to: local:west, gbps: 0.1, rtt_ms: 80, usd_per_gb: 0.02, both: true}
  - {from: local:east, to: local:mid, gbps: 2, rtt_ms: 20, usd_per_gb: 0.01, both: true}
  - {from: local:mid, to: local:west, gbps: 2, rtt_ms: 20, usd_per_gb: 0.01, both: true}
limits: {memory: ` + o.memory + "}\n"
	if err := os.WriteFile(filepath.Join(w.dir, "skyctl.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, s := range []objstoretest.Server{w.east, w.west} {
		if _, err := w.client(s).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("data")}); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(w.nothingIsLeft)
	return w
}

// addStore adds a line to the stores of the configuration.
func (w *world) addStore(name, line string) {
	w.t.Helper()
	path := filepath.Join(w.dir, "skyctl.yaml")
	config, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	config = bytes.Replace(config, []byte("stores:\n"), []byte("stores:\n  "+name+": "+line+"\n"), 1)
	if err := os.WriteFile(path, config, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// client is a plain S3 client: what skyctl wrote is read with code that is not
// skyctl's.
func (w *world) client(s objstoretest.Server) *s3.Client {
	return s3.New(s3.Options{BaseEndpoint: aws.String(s.Endpoint), Region: "us-east-1", UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(s.AccessKey, s.SecretKey, "")})
}

func (w *world) put(key string, data []byte) {
	w.t.Helper()
	_, err := w.client(w.east).PutObject(w.t.Context(), &s3.PutObjectInput{Bucket: aws.String("data"), Key: &key,
		Body: bytes.NewReader(data), ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c, ContentType: aws.String("text/odd"), Metadata: map[string]string{"origin": "east"}})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) delete(key string) {
	w.t.Helper()
	if _, err := w.client(w.east).DeleteObject(w.t.Context(), &s3.DeleteObjectInput{Bucket: aws.String("data"), Key: &key}); err != nil {
		w.t.Error(err)
	}
}

func (w *world) get(s objstoretest.Server, key string) ([]byte, *s3.GetObjectOutput) {
	w.t.Helper()
	out, err := w.client(s).GetObject(w.t.Context(), &s3.GetObjectInput{Bucket: aws.String("data"), Key: &key})
	if err != nil {
		w.t.Fatalf("get %q: %v", key, err)
	}
	defer out.Body.Close()
	data, err := io.ReadAll(out.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return data, out
}

// keys lists a server's bucket.
func (w *world) keys(s objstoretest.Server) map[string]bool {
	w.t.Helper()
	keys := map[string]bool{}
	p := s3.NewListObjectsV2Paginator(w.client(s), &s3.ListObjectsV2Input{Bucket: aws.String("data")})
	for p.HasMorePages() {
		page, err := p.NextPage(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		for _, o := range page.Contents {
			keys[*o.Key] = true
		}
	}
	return keys
}

func random(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(seed, uint64(n)))
	for i := 0; i+8 <= n; i += 8 {
		v := r.Uint64()
		for j := range 8 {
			b[i+j] = byte(v >> (8 * j))
		}
	}
	return b
}

// command is skyctl with the world's home and configuration.
func (w *world) command(args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(bin, "skyctl"), args...)
	c.Dir = w.dir
	c.Env = slices.Concat(os.Environ(), []string{"SKYCTL_HOME=" + w.home(), "GORACE=atexit_sleep_ms=0"}, w.env)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return c
}

func (w *world) home() string { return filepath.Join(w.dir, "home") }

// result is what a finished skyctl left.
type result struct {
	orchestrator.Result
	exit   int
	stdout string
	stderr string
	Fault  *struct{ Code, Message, Hint string } `json:"error"`
}

// skyctl runs a command to its end. With --json the document is parsed.
func (w *world) skyctl(args ...string) result {
	w.t.Helper()
	return w.finish(w.start(args...))
}

type running struct {
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer
}

func (w *world) start(args ...string) *running {
	w.t.Helper()
	r := &running{cmd: w.command(args...)}
	r.cmd.Stdout, r.cmd.Stderr = &r.stdout, &r.stderr
	if err := r.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { r.cmd.Process.Kill() })
	return r
}

func (w *world) finish(r *running) result {
	w.t.Helper()
	err := r.cmd.Wait()
	if exit := (*exec.ExitError)(nil); err != nil && !asExit(err, &exit) {
		w.t.Fatal(err)
	}
	out := result{exit: r.cmd.ProcessState.ExitCode(), stdout: r.stdout.String(), stderr: r.stderr.String()}
	if bytes.HasPrefix(r.stdout.Bytes(), []byte("{")) {
		if err := json.Unmarshal(r.stdout.Bytes(), &out); err != nil {
			w.t.Fatalf("%v in %s", err, out.stdout)
		}
	}
	return out
}

func asExit(err error, exit **exec.ExitError) bool {
	e, ok := err.(*exec.ExitError)
	*exit = e
	return ok
}

// succeeded checks a result document of a whole run.
func (w *world) succeeded(r result, objects int64) {
	w.t.Helper()
	if r.exit != 0 || !r.Success || !r.Verified || r.Objects != objects || r.Done != objects || r.Failed != 0 {
		w.t.Fatalf("exit %d\n%s\n%s", r.exit, r.stdout, r.stderr)
	}
}

// run waits for the one run of the world and returns its id.
func (w *world) run() string {
	w.t.Helper()
	var id string
	w.eventually("a run exists", func() bool {
		ids, _ := filepath.Glob(filepath.Join(w.home(), "runs", "*"))
		if len(ids) > 0 {
			id = filepath.Base(ids[len(ids)-1])
		}
		return id != ""
	})
	return id
}

// chunksDone waits until the run's journal has at least n chunks.
func (w *world) chunksDone(n int64) {
	w.t.Helper()
	path := filepath.Join(w.home(), "runs", w.run(), "journal.db")
	w.eventually(fmt.Sprintf("%d chunks are acknowledged", n), func() bool {
		j, err := journal.OpenReader(context.Background(), path)
		if err != nil {
			return false
		}
		defer j.Close()
		done, err := j.FinishedChunks(context.Background())
		return err == nil && done >= n
	})
}

// eventually polls, as there is nothing to wait on in another process.
func (w *world) eventually(what string, ok func() bool) {
	w.t.Helper()
	deadline := time.NewTimer(60 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			w.t.Fatalf("not within a minute: %s", what)
		}
	}
}

// agents returns the process ids of the world's agents that live, by name.
func (w *world) agents() map[string]int { return agents(w.home()) }

func agents(home string) map[string]int {
	found := map[string]int{}
	files, _ := filepath.Glob(filepath.Join(home, "runs", "*", "terraform", "gateways", "*", "pid"))
	for _, f := range files {
		var pid int
		b, _ := os.ReadFile(f)
		if _, err := fmt.Sscan(string(b), &pid); err != nil {
			continue
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err == nil && !strings.Contains(string(status), "State:\tZ") {
			found[filepath.Base(filepath.Dir(f))] = pid
		}
	}
	return found
}

func (w *world) kill(name string) {
	w.t.Helper()
	pid, ok := w.agents()[name]
	if !ok {
		w.t.Fatalf("no agent %s in %v", name, w.agents())
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		w.t.Fatal(err)
	}
}

// nothingIsLeft holds for every test: no process, no upload, no resource.
func (w *world) nothingIsLeft() {
	w.nothingIsLeftButUploads()
	for _, s := range []objstoretest.Server{w.east, w.west} {
		out, err := w.client(s).ListMultipartUploads(context.Background(), &s3.ListMultipartUploadsInput{Bucket: aws.String("data")})
		if err != nil {
			w.t.Error(err)
		} else if len(out.Uploads) > 0 {
			w.t.Errorf("%d uploads are left", len(out.Uploads))
		}
	}
}

// nothingIsLeftButUploads holds for a run that stopped and can go on.
func (w *world) nothingIsLeftButUploads() {
	if left := w.agents(); len(left) > 0 {
		w.t.Errorf("agents are left: %v", left)
		for name := range left {
			w.kill(name)
		}
	}
	states, _ := filepath.Glob(filepath.Join(w.home(), "runs", "*", "terraform", "terraform.tfstate"))
	for _, f := range states {
		var state struct{ Resources []any }
		b, err := os.ReadFile(f)
		if err == nil && len(b) > 0 { // Terraform empties the file before it writes it, and may be killed in between
			err = json.Unmarshal(b, &state)
		}
		if err != nil || len(state.Resources) > 0 {
			w.t.Errorf("%d resources are left in Terraform's state (%v)", len(state.Resources), err)
		}
	}
}

// sameBytes compares what arrived below a prefix with what was put.
func (w *world) sameBytes(prefix string, want map[string][]byte) {
	w.t.Helper()
	for key, data := range want {
		got, out := w.get(w.west, prefix+key)
		if !bytes.Equal(got, data) {
			w.t.Errorf("%q: %d bytes arrived, %d were sent, and they differ", key, len(got), len(data))
		}
		if aws.ToString(out.ContentType) != "text/odd" || out.Metadata["origin"] != "east" {
			w.t.Errorf("%q: content type %q, metadata %v", key, aws.ToString(out.ContentType), out.Metadata)
		}
	}
	if keys := w.keys(w.west); len(keys) != len(want) {
		w.t.Errorf("%d objects are there, %d were sent: %v", len(keys), len(want), keys)
	}
}
