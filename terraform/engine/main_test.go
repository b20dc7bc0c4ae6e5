package engine

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/skyctl/skyctl/terraform/binary"
	"github.com/skyctl/skyctl/terraform/engine/supervise"
	"github.com/skyctl/skyctl/terraform/stubprovider/stubtest"
)

var (
	terraformPath string // the Terraform or OpenTofu on PATH
	agentPath     string // a stand-in for skyagent, modules/testdata/fakeagent; the real one is tested end to end elsewhere
	scratch       string // for what this process builds
)

// stubConfig has Terraform find the stub alone.
var stubConfig = stubtest.Once(func() string { return scratch })

// TestMain lets the test binary be what skyctl's main is: the supervisor, and
// in some tests a skyctl that is killed or that runs Terraform for a person.
func TestMain(m *testing.M) {
	supervise.Main()
	if role := os.Getenv(roleEnv); role != "" {
		os.Exit(roles[role]())
	}
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	// A binary with the race detector sleeps for a second before it exits, and
	// the supervisor is this binary.
	os.Setenv("GORACE", "atexit_sleep_ms=0")
	found, err := binary.Find(context.Background(), binary.Options{})
	if err != nil {
		panic(err)
	}
	terraformPath = found.Path
	if scratch, err = os.MkdirTemp("", "skyctl-engine-test-*"); err != nil {
		panic(err)
	}
	defer os.RemoveAll(scratch)
	agentPath = filepath.Join(scratch, "skyagent")
	build := exec.Command("go", "build", "-o", agentPath, "../../modules/testdata/fakeagent")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		panic(err)
	}
	return m.Run()
}

// newEngine returns an initialised engine for dir. What Terraform printed is
// shown when the test fails.
func newEngine(t *testing.T, dir string) (*Engine, *output) {
	t.Helper()
	log := &output{}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("Terraform:\n%s", log)
		}
	})
	e, err := New(Config{Dir: dir, Binary: terraformPath, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	return e, log
}

// writeRoot writes a root module of the given files.
func writeRoot(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		addFile(t, dir, name, content)
	}
	return dir
}

func addFile(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// plainTerraform is Terraform as a person runs it in dir.
func plainTerraform(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command(terraformPath, args...)
	cmd.Dir = dir
	for name, value := range cleanEnv(os.Environ()) {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

func apply(t *testing.T, e *Engine, opts PlanOptions) {
	t.Helper()
	plan, err := e.Plan(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Apply(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
}

// output is a buffer for several writers: both of Terraform's outputs.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

var _ io.Writer = (*output)(nil)

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}
