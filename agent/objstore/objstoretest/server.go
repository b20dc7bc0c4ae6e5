package objstoretest

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/port"
)

// The servers, as the Makefile installs them.
const (
	versityGW = "versitygw@v1.8.0"
	minIO     = "minio@v0.0.0-20260212201848-7aac2a2c5b7c"
	fakeGCS   = "fake-gcs-server@v1.56.1"
)

// startTimeout is how long a server may take until it answers. Azurite needs
// two seconds of processor, and more where others want it too.
const startTimeout = time.Minute

// Server is a real S3 server that runs until the test ends.
type Server struct {
	Endpoint  string // http://127.0.0.1:PORT
	AccessKey string
	SecretKey string
	Dir       string // a bucket is a directory in it

	process *process
}

// Config makes the bucket if it does not exist, and says how to reach it.
func (s Server) Config(t testing.TB, bucket string) objstore.Config {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(s.Dir, bucket), 0o755); err != nil {
		t.Fatal(err)
	}
	return objstore.Config{
		Type: "s3", Bucket: bucket, Endpoint: s.Endpoint, Region: "us-east-1", PathStyle: true,
		Credentials: map[string]string{"access_key_id": s.AccessKey, "secret_access_key": s.SecretKey},
	}
}

// Stop ends the server now.
func (s Server) Stop(t testing.TB) {
	t.Helper()
	s.process.stop(t)
}

// StartVersityGW starts versitygw, a gateway from S3 to a directory.
func StartVersityGW(t testing.TB) Server {
	t.Helper()
	return startVersityGW(t, "--keep-alive")
}

// StartClosingVersityGW starts versitygw as it is by default: it closes the
// connection after every request.
func StartClosingVersityGW(t testing.TB) Server {
	t.Helper()
	return startVersityGW(t)
}

func startVersityGW(t testing.TB, flags ...string) Server {
	t.Helper()
	return start(t, versityGW, []string{"ROOT_ACCESS_KEY=skyctl-test", "ROOT_SECRET_KEY=skyctl-secret"},
		func(address, dir string) []string {
			return slices.Concat([]string{"--port", address, "--quiet"}, flags, []string{"posix", dir})
		})
}

// StartMinIO starts MinIO.
func StartMinIO(t testing.TB) Server {
	t.Helper()
	return start(t, minIO, []string{"MINIO_ROOT_USER=skyctl-test", "MINIO_ROOT_PASSWORD=skyctl-secret", "MINIO_BROWSER=off", "MINIO_CI_CD=on"},
		func(address, dir string) []string { return []string{"server", "--quiet", "--address", address, dir} })
}

// start runs an S3 server with an empty directory of its own.
func start(t testing.TB, name string, env []string, args func(address, dir string) []string) Server {
	t.Helper()
	dir := t.TempDir()
	address, p := serve(t, name, env, func(address string) []string { return args(address, dir) })
	return Server{Endpoint: "http://" + address, AccessKey: "skyctl-test", SecretKey: "skyctl-secret", Dir: dir, process: p}
}

// serve runs a server on a port of its own: what answers there is the server, and
// nobody else.
func serve(t testing.TB, name string, env []string, args func(address string) []string) (string, *process) {
	t.Helper()
	binary := tool(t, name)
	address := holdPort(t)
	p := launch(t, binary, env, args(address))
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	if !p.answers(ctx, address) {
		p.stop(t)
		t.Fatalf("%s ended, or does not answer within %v; it says:\n%s", name, startTimeout, p.output.String())
	}
	return address, p
}

// tool returns the path of a server that the Makefile has installed.
func tool(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("SKYCTL_TOOLS")
	if dir == "" {
		cache, err := os.UserCacheDir() // $XDG_CACHE_HOME, else ~/.cache
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(cache, "skyctl", "tools")
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v; run make tools", err)
	}
	return path
}

// holdPort returns an address that nobody else chooses until the test ends: its
// port stays open for UDP, which no store's server uses.
func holdPort(t testing.TB) string {
	t.Helper()
	held, err := port.Hold("127.0.0.1")
	if err == nil {
		err = held.CloseTCP()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := held.Close(); err != nil {
			t.Error(err)
		}
	})
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(held.Number))
}

// process is a server's process; a goroutine waits for its end.
type process struct {
	cmd    *exec.Cmd
	output syncBuffer
	done   chan struct{} // closed when the process has ended
}

func launch(t testing.TB, binary string, env, args []string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(binary, args...), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	p.cmd.SysProcAttr = diesWithParent()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		p.cmd.Wait() // the exit status of a server that is told to stop says nothing
	}()
	t.Cleanup(func() { p.stop(t) })
	return p
}

// answers waits until the address accepts a connection, and reports false if
// the process ends or ctx does.
func (p *process) answers(ctx context.Context, address string) bool {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address); err == nil {
			conn.Close()
			return true
		}
		select {
		case <-p.done:
			return false
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
}

// stop asks the process to end, insists after a while, and waits. It may be
// called again.
func (p *process) stop(t testing.TB) {
	t.Helper()
	select {
	case <-p.done:
		return
	default:
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Log(err)
	}
	select {
	case <-p.done:
	case <-time.After(3 * time.Second):
		if err := p.cmd.Process.Kill(); err != nil {
			t.Log(err)
		}
		<-p.done
	}
}

// syncBuffer collects a process's output while others read it.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
