package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/control"
)

// The figures of the README: two skyagent processes, file to file on tmpfs,
// against a bare quic-go sender and receiver, also two processes, in turn.
// Wall time depends on what else the machine does; the processor time of both
// processes hardly does, so that ratio is reported too.

const (
	benchMemory      = 128 << 20
	benchConnections = 2
)

// contest is two programs that do the same work in turn.
type contest struct {
	b            *testing.B
	ours, theirs struct {
		pids      []int
		wall, cpu time.Duration
	}
}

// newContest compares the two agents with this process and the receiver.
func newContest(b *testing.B, h *hop, x *bare) *contest {
	c := &contest{b: b}
	c.ours.pids = []int{h.reader.cmd.Process.Pid, h.writer.cmd.Process.Pid}
	c.theirs.pids = []int{os.Getpid(), x.receiver.Process.Pid}
	return c
}

func (c *contest) round(ours, theirs func()) {
	for _, x := range []struct {
		wall, cpu *time.Duration
		pids      []int
		run       func()
	}{
		{&c.ours.wall, &c.ours.cpu, c.ours.pids, ours},
		{&c.theirs.wall, &c.theirs.cpu, c.theirs.pids, theirs},
	} {
		start, used := time.Now(), processorTime(c.b, x.pids)
		x.run()
		*x.wall += time.Since(start)
		*x.cpu += processorTime(c.b, x.pids) - used
	}
}

// report says how fast we are as a fraction of bare quic-go.
func (c *contest) report() {
	c.b.ReportMetric(c.theirs.wall.Seconds()/c.ours.wall.Seconds(), "of-bare")
	c.b.ReportMetric(c.theirs.cpu.Seconds()/c.ours.cpu.Seconds(), "of-bare-cpu")
}

// processorTime is what the processes have used, user and system.
func processorTime(b *testing.B, pids []int) (sum time.Duration) {
	b.Helper()
	for _, pid := range pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			b.Fatal(err)
		}
		// From field 3 on, behind the command in parentheses; 14 and 15 are
		// ticks of 10 ms.
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		for _, f := range fields[14-3 : 15-3+1] {
			ticks, err := strconv.ParseInt(f, 10, 64)
			if err != nil {
				b.Fatal(err)
			}
			sum += time.Duration(ticks) * 10 * time.Millisecond
		}
	}
	return sum
}

// BenchmarkLargeObject moves 1 GiB over one hop. "of-bare" is its rate as a
// fraction of a bare quic-go copy with as many connections, "of-bare-cpu" the
// same for bytes per second of processor time.
func BenchmarkLargeObject(b *testing.B) {
	const size = 1 << 30
	h := newHop(b, benchMemory, benchConnections)
	h.put(b, "k", size)
	bare := startBare(b)
	c := newContest(b, h, bare)
	n := int64(0)
	for b.Loop() {
		c.round(
			func() { h.object(b, n, "k", size, 16<<20) },
			func() { bare.copyFile(b, filepath.Join(h.src, "k"), size) })
		n++
	}
	gbits := float64(size) * 8 / 1e9 * float64(b.N)
	c.report()
	b.ReportMetric(gbits/c.ours.wall.Seconds(), "Gbit/s")
	b.ReportMetric(gbits/c.theirs.wall.Seconds(), "bare-Gbit/s")
	b.ReportMetric(c.ours.cpu.Seconds()/float64(b.N), "cpu-s/GiB")
	b.ReportMetric(float64(h.reader.memory(b, "VmHWM"))/(1<<20), "reader-MiB")
	b.ReportMetric(float64(h.writer.memory(b, "VmHWM"))/(1<<20), "writer-MiB")
}

// BenchmarkSmallObjects moves 10,000 objects of 4 KiB over one hop. "of-bare"
// is its rate as a fraction of that at which bare quic-go opens, answers and
// closes streams of that size.
func BenchmarkSmallObjects(b *testing.B) {
	const count, size = 10_000, 4 << 10
	h := newHop(b, benchMemory, benchConnections)
	for i := range count {
		h.put(b, fmt.Sprintf("k%d", i), size)
	}
	bare := startBare(b)
	c := newContest(b, h, bare)
	n := int64(0)
	for b.Loop() {
		as := make([]control.Assignment, count)
		for i := range as {
			k := fmt.Sprintf("k%d", i)
			as[i] = control.Assignment{Chunk: chunk.ID{Object: n}, Attempt: 1, Store: "src", Key: k, Range: chunk.Range{Length: size},
				Dests: []control.Dest{{Store: "dst", Key: k}}}
			n++
		}
		var rs []control.Result
		var err error
		c.round(
			func() { rs, err = h.results.Collect(b.Context(), as) },
			func() { bare.requests(b, count, size) })
		if err != nil {
			b.Fatal(err)
		}
		for _, r := range rs {
			if r.Failure != nil || r.Verified == "" {
				b.Fatalf("chunk %v: %+v", r.Chunk, r.Failure)
			}
		}
	}
	c.report()
	b.ReportMetric(float64(count*b.N)/c.ours.wall.Seconds(), "objects/s")
	b.ReportMetric(float64(count*b.N)/c.theirs.wall.Seconds(), "bare-streams/s")
}
