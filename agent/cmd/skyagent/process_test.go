package main

import (
	"bufio"
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

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/enroll"
	"github.com/skyctl/skyctl/agent/port"
	"github.com/skyctl/skyctl/agent/route"
)

// TestMain lets this test's binary be the programs that the tests start: the
// agent itself, and the bare QUIC receiver that it is measured against.
func TestMain(m *testing.M) {
	switch os.Getenv("SKYAGENT_TEST_AS") {
	case "agent":
		main()
		os.Exit(0)
	case "bare":
		bareReceiver()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func as(what string, args ...string) *exec.Cmd {
	c := exec.Command(os.Args[0], args...)
	c.Env = append(os.Environ(), "SKYAGENT_TEST_AS="+what)
	c.Stderr = os.Stderr
	return c
}

// process is a skyagent of its own, enrolled.
type process struct {
	*control.Client
	name    route.Gateway
	address string
	cmd     *exec.Cmd
	boot    enroll.Boot
	ended   chan error
}

type startOptions struct {
	lifetime, enrollWithin time.Duration
	listen                 string
	stranded               bool   // do not enroll
	program                string // instead of this test's binary
}

// start runs a skyagent as Terraform's module does, and enrolls it.
func start(t testing.TB, authority *enroll.Authority, name route.Gateway, o startOptions) *process {
	t.Helper()
	if o.listen == "" {
		free, err := port.Hold("127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		o.listen = net.JoinHostPort("127.0.0.1", strconv.Itoa(free.Number))
		free.Close()
	}
	if o.lifetime == 0 {
		o.lifetime = 10 * time.Minute
	}
	if o.enrollWithin == 0 {
		o.enrollWithin = time.Minute
	}
	p := &process{name: name, address: o.listen, ended: make(chan error, 1)}
	p.boot = enroll.Boot{Run: authority.Run(), Name: name, Listen: o.listen, CACertificate: authority.CertificatePEM(),
		Token: authority.NewToken(), LifetimeSeconds: int64(o.lifetime.Seconds()), NotAfter: authority.NotAfter(),
		EnrollWithinSeconds: int64(o.enrollWithin.Seconds())}
	line := p.run(t, o.program)
	if want := fmt.Sprintf("ready %d ", p.cmd.Process.Pid); !strings.HasPrefix(line, want) {
		t.Fatalf("%s said %q, want %q", name, line, want)
	}
	if o.stranded {
		return p
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := enroll.Enroll(ctx, p.address, name, p.boot.Token, authority); err != nil {
		t.Fatal(err)
	}
	client, err := control.NewClient(control.ClientConfig{Address: p.address, TLS: authority.ClientConfig(name)})
	if err != nil {
		t.Fatal(err)
	}
	p.Client = client
	t.Cleanup(func() { client.Close() })
	return p
}

// run starts the process and returns the line that it says when it listens.
func (p *process) run(t testing.TB, program string) string {
	t.Helper()
	boot, err := json.Marshal(struct {
		enroll.Boot
		Token string `json:"token"` // which does not print itself
	}{p.boot, string(p.boot.Token)})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "boot.json")
	if err := os.WriteFile(file, boot, 0o600); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p.cmd = as("agent", "--boot", file, "--ready-fd", "3")
	if program != "" {
		p.cmd.Path = program
	}
	p.cmd.ExtraFiles = []*os.File{w}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	go func() { p.ended <- p.cmd.Wait() }()
	t.Cleanup(func() { p.cmd.Process.Kill() })
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatalf("%s said nothing: %v", p.name, err)
	}
	return strings.TrimSpace(line)
}

// memory returns a figure of /proc/PID/status in bytes: VmRSS, or VmHWM for
// the most it ever was.
func (p *process) memory(t testing.TB, field string) int64 {
	t.Helper()
	return statusField(t, p.cmd.Process.Pid, field)
}

func statusField(t testing.TB, pid int, field string) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	t.Fatalf("/proc/%d/status has no %s", pid, field)
	return 0
}

func newAuthority(t testing.TB) *enroll.Authority {
	t.Helper()
	a, err := enroll.NewAuthority("test", time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return a
}
