package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent"
	"github.com/skyctl/skyctl/agent/agenttest"
	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/enroll"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
)

func (p *process) wait(t testing.TB, within time.Duration) error {
	t.Helper()
	select {
	case err := <-p.ended:
		return err
	case <-time.After(within):
		t.Fatalf("%s has not ended within %v", p.name, within)
		return nil
	}
}

func TestAnAgentThatNobodyEnrollsEndsItself(t *testing.T) {
	t.Parallel() // it waits
	p := start(t, newAuthority(t), "g", startOptions{enrollWithin: time.Second, stranded: true})
	if err := p.wait(t, time.Minute); err != nil {
		t.Errorf("it ended with %v, as it was told to end", err)
	}
}

func TestAnAgentEndsWithItsLifetime(t *testing.T) {
	t.Parallel() // it waits
	p := start(t, newAuthority(t), "g", startOptions{lifetime: 5 * time.Second})
	if err := p.wait(t, time.Minute); err != nil {
		t.Errorf("it ended with %v, as it was told to end", err)
	}
}

func TestAnAgentEndsWhenItIsTold(t *testing.T) {
	p := start(t, newAuthority(t), "g", startOptions{})
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.wait(t, time.Minute); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

func TestAPortThatIsTakenIsSaid(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a := newAuthority(t)
	p := &process{name: "g", ended: make(chan error, 1), boot: start(t, a, "other", startOptions{stranded: true}).boot}
	p.boot.Listen = l.Addr().String()
	if line := p.run(t, ""); !strings.HasPrefix(line, "error ") || !strings.Contains(line, "address already in use") {
		t.Errorf("it said %q", line)
	}
	if err := p.wait(t, time.Minute); err == nil {
		t.Error("it ended well")
	}
}

// hop is two agents, each a process, between two directories, and those that
// relay between them.
type hop struct {
	authority      *enroll.Authority
	reader, writer *process
	relays         []*process
	results        agenttest.Collector // of the reader
	src, dst       string
}

func newHop(t testing.TB, memory int64, connections int, relays ...route.Gateway) *hop {
	t.Helper()
	a := newAuthority(t)
	h := &hop{authority: a, reader: start(t, a, "r", startOptions{}), writer: start(t, a, "w", startOptions{}), src: tmpfs(t), dst: tmpfs(t)}
	stores := map[string]objstore.Config{"src": {Type: "file", Bucket: h.src}, "dst": {Type: "file", Bucket: h.dst}}
	h.results.API = h.reader
	ctx := context.Background()
	if err := h.writer.Configure(ctx, control.Config{Session: "s", Memory: memory, Stores: stores}); err != nil {
		t.Fatal(err)
	}
	next := map[route.Gateway]control.Peer{"w": {Address: h.writer.address, Connections: connections}}
	for _, name := range slices.Backward(relays) {
		p := start(t, a, name, startOptions{})
		if err := p.Configure(ctx, control.Config{Session: "s", Memory: memory, Peers: next}); err != nil {
			t.Fatal(err)
		}
		h.relays = append(h.relays, p)
		next = map[route.Gateway]control.Peer{name: {Address: p.address, Connections: connections}}
	}
	chain := agenttest.Chain(0, 1, append(append([]route.Gateway{"r"}, relays...), "w")...)
	if err := h.reader.Configure(ctx, control.Config{Session: "s", Memory: memory, Stores: stores, Peers: next,
		Routes: []control.Route{chain}, Credit: map[route.Gateway]int64{"w": agent.PartShare(memory)}}); err != nil {
		t.Fatal(err)
	}
	return h
}

// tmpfs is a directory in memory, where there is one.
func tmpfs(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "skyagent")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// put writes a file of n bytes into the source.
func (h *hop) put(t testing.TB, key string, n int) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(h.src, key), bytes.Repeat([]byte(key[:1]+"0123456789abcde"), n/16+1)[:n], 0o600); err != nil {
		t.Fatal(err)
	}
}

// object assigns one object in chunks, as parts of a staged write, and commits
// it.
func (h *hop) object(t testing.TB, number int64, key string, size, chunkSize int64) {
	t.Helper()
	ctx := context.Background()
	begun, err := h.writer.Begin(ctx, control.BeginRequest{Store: "dst", Key: key, Size: size})
	if err != nil {
		t.Fatal(err)
	}
	up := begun.Upload
	var as []control.Assignment
	for i, r := range chunk.Split(size, chunkSize) {
		as = append(as, control.Assignment{Chunk: chunk.ID{Object: number, Index: i}, Attempt: 1, Store: "src", Key: key, Range: r,
			Dests: []control.Dest{{Store: "dst", Key: key, Upload: &up}}})
	}
	rs, err := h.results.Collect(ctx, as)
	if err != nil {
		t.Fatal(err)
	}
	parts := make([]objstore.PartRef, len(as))
	var whole chunk.Digest
	for _, r := range rs {
		if r.Failure != nil {
			t.Fatalf("chunk %v: %+v", r.Chunk, *r.Failure)
		}
		parts[r.Chunk.Index] = objstore.PartRef{Number: r.Chunk.Index, Size: r.Bytes, Digest: &r.Digest, Token: r.Token}
	}
	for _, p := range parts {
		whole = whole.Combine(*p.Digest, p.Size)
	}
	if _, err := h.writer.Commit(ctx, control.CommitRequest{Store: "dst", Upload: up, Parts: parts, Digest: whole}); err != nil {
		t.Fatal(err)
	}
}

func TestTwoProcessesMoveAnObject(t *testing.T) {
	h := newHop(t, 128<<20, 2)
	h.put(t, "k", 20<<20+5)
	h.object(t, 0, "k", 20<<20+5, 4<<20)
	want, err1 := os.ReadFile(filepath.Join(h.src, "k"))
	got, err2 := os.ReadFile(filepath.Join(h.dst, "k"))
	if err1 != nil || err2 != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes arrived of %d (%v, %v)", len(got), len(want), err1, err2)
	}
	if p := h.reader.Protocol(); p != "h3" {
		t.Errorf("the control API is reached by %q", p)
	}
}

// TestAWriterKilledInTheMiddleOfAnObject: every chunk gets an answer, those
// that were under way a failure that may be retried, and nothing is visible.
func TestAWriterKilledInTheMiddleOfAnObject(t *testing.T) {
	h := newHop(t, 128<<20, 2)
	const size, part = 256 << 20, 4 << 20
	h.put(t, "k", size)
	ctx := context.Background()
	begun, err := h.writer.Begin(ctx, control.BeginRequest{Store: "dst", Key: "k", Size: size})
	if err != nil {
		t.Fatal(err)
	}
	up := begun.Upload
	var as []control.Assignment
	for i, r := range chunk.Split(size, part) {
		as = append(as, control.Assignment{Chunk: chunk.ID{Index: i}, Attempt: 1, Store: "src", Key: "k", Range: r,
			Dests: []control.Dest{{Store: "dst", Key: "k", Upload: &up}}})
	}
	// Slowly, so that it is not over before it is known that it has begun.
	if err := h.reader.Limit(ctx, control.LimitRequest{BytesPerSecond: 32 << 20}); err != nil {
		t.Fatal(err)
	}
	if err := h.reader.Assign(ctx, as); err != nil {
		t.Fatal(err)
	}
	var failed, written int
	var killed time.Time
	err = h.reader.Results(ctx, 0, func(rs []control.Result) error {
		for _, r := range rs {
			if r.Failure == nil {
				written++
			} else if failed++; r.Failure.Stage != control.StageRoute || !r.Failure.Kind.Retryable() {
				return fmt.Errorf("chunk %v: %+v", r.Chunk, *r.Failure)
			}
		}
		if written >= 3 && killed.IsZero() { // in the middle
			killed = time.Now()
			if err := errors.Join(h.writer.cmd.Process.Kill(), h.reader.Limit(ctx, control.LimitRequest{})); err != nil {
				return err
			}
		}
		if written+failed == len(as) {
			return context.Canceled
		}
		return nil
	})
	if err != context.Canceled || failed == 0 || written < 3 {
		t.Errorf("%d written, %d failed of %d: %v", written, failed, len(as), err)
	}
	// The connections' idle timeout, and a little for a loaded machine. Chunks
	// that had not started fail at once after that.
	if took := time.Since(killed); took > 12*time.Second {
		t.Errorf("it took %v to notice", took)
	}
	if _, err := os.Stat(filepath.Join(h.dst, "k")); !os.IsNotExist(err) {
		t.Errorf("half an object is visible: %v", err)
	}
}

// TestIdleMemory holds the figure of the README, for the program as it is
// built: this test's own binary is larger.
func TestIdleMemory(t *testing.T) {
	program := filepath.Join(os.Getenv("SKYCTL_BIN"), "skyagent") // as make build has just built it
	if os.Getenv("SKYCTL_BIN") == "" {
		program = filepath.Join(t.TempDir(), "skyagent")
		build := exec.Command("go", "build", "-tags", "disable_grpc_modules", "-o", program, ".")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	p := start(t, newAuthority(t), "g", startOptions{program: program})
	if _, err := p.Info(context.Background()); err != nil {
		t.Fatal(err)
	}
	if rss := p.memory(t, "VmRSS"); rss > 40<<20 {
		t.Errorf("an idle agent has %d MiB", rss>>20)
	}
}

// TestMemoryUnderLoad: a relay needs buffers and what is on its way, which is
// a few MiB a connection where nothing is far; readers and writers have their
// budget too.
func TestMemoryUnderLoad(t *testing.T) {
	const size, budget = 256 << 20, 128 << 20
	h := newHop(t, budget, 4, "m")
	h.put(t, "k", size)
	h.object(t, 0, "k", size, 4<<20)
	for _, c := range []struct {
		p    *process
		most int64
	}{{h.reader, budget + 128<<20}, {h.relays[0], 96<<20 + 4*(4<<20)}, {h.writer, budget + 128<<20}} {
		peak := c.p.memory(t, "VmHWM")
		t.Logf("%s: at most %d MiB of %d", c.p.name, peak>>20, c.most>>20)
		if peak > c.most {
			t.Errorf("%s had %d MiB, more than %d", c.p.name, peak>>20, c.most>>20)
		}
	}
}
