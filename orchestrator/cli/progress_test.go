package cli

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/orchestrator"
	"github.com/skyctl/skyctl/orchestrator/transfer"
)

// history is a transfer of two objects to two destinations as it is reported.
func history() []orchestrator.Progress {
	start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	event := func(second int, e transfer.Event) orchestrator.Progress {
		e.Time = start.Add(time.Duration(second) * time.Second)
		return orchestrator.Progress{Run: "261122-g3kd4f9q", Event: &e}
	}
	phase := func(p orchestrator.Phase, note string) orchestrator.Progress {
		return orchestrator.Progress{Run: "261122-g3kd4f9q", Phase: p, Note: note}
	}
	return []orchestrator.Progress{
		phase(orchestrator.PhaseList, "s3://bucket/data"),
		event(0, transfer.Event{Kind: transfer.EventListed, Objects: 1, Bytes: 400e6}),
		event(1, transfer.Event{Kind: transfer.EventListed, Objects: 2, Bytes: 1e9}), // too soon to be shown
		event(5, transfer.Event{Kind: transfer.EventListed, Objects: 2, Bytes: 1e9}),
		phase(orchestrator.PhaseProvision, "2 gateways in 2 regions"),
		phase(orchestrator.PhaseTransfer, ""),
		event(20, transfer.Event{Kind: transfer.EventBegun, Objects: 2, Bytes: 1e9}),
		event(21, transfer.Event{Kind: transfer.EventChunk, Dest: 0, Bytes: 400e6}),
		event(22, transfer.Event{Kind: transfer.EventBottleneck, Reason: "writes to local:west"}),
		event(30, transfer.Event{Kind: transfer.EventChunk, Dest: 1, Bytes: 300e6}),
		event(31, transfer.Event{Kind: transfer.EventLost, Gateway: "local-east-0", Error: "connection refused\nreally"}),
		event(32, transfer.Event{Kind: transfer.EventReplaced, Gateway: "local-east-0"}),
		event(33, transfer.Event{Kind: transfer.EventReplanned, Reason: "slow: another way"}),
		event(33, transfer.Event{Kind: transfer.EventReplanned, Error: "slow: no figures"}),
		event(33, transfer.Event{Kind: transfer.EventRetry, Key: "a", Error: "reset"}), // nobody wants to know
		event(40, transfer.Event{Kind: transfer.EventObject, Key: "a", Bytes: 600e6}),
		event(41, transfer.Event{Kind: transfer.EventFailed, Key: "b\x1b[2J", Error: "denied"}),
		event(42, transfer.Event{Kind: transfer.EventStopping, Error: "no space left"}),
		phase(orchestrator.PhaseDestroy, ""),
	}
}

const plainHistory = `list: s3://bucket/data
  1 object, 400 MB so far
  2 objects, 1.00 GB so far
provision: 2 gateways in 2 regions
transfer
  300 MB of 1.00 GB, 0 of 2 objects, 240 Mbit/s, 23s left, bottleneck: writes to local:west
gateway local-east-0 is lost: connection refused; really
gateway local-east-0 works again
slow: another way
the routes stay: slow: no figures
  600 MB of 1.00 GB, 1 of 2 objects, 240 Mbit/s, 13s left, bottleneck: writes to local:west
failed: "b\x1b[2J": denied
stopping: no space left
destroy
`

func TestPlainProgress(t *testing.T) {
	var out bytes.Buffer
	p := &progress{display: &plain{&out}}
	for _, ev := range history() {
		p.observe(ev)
	}
	p.close()
	p.observe(history()[0])
	if out.String() != plainHistory {
		t.Errorf("got\n%s\nwant\n%s", out.String(), plainHistory)
	}
}

// On a terminal the same lines scroll, and the bar is gone when it is settled.
func TestBarsShowTheSameLines(t *testing.T) {
	var out bytes.Buffer
	b := &bars{w: &out}
	p := &progress{display: b}
	for _, ev := range history() {
		p.observe(ev)
	}
	p.close()
	if b.moving != nil {
		t.Error("a bar is left")
	}
	shown := out.String()
	for line := range strings.Lines(plainHistory) {
		if strings.HasPrefix(line, "  ") {
			continue // figures, which are in the bar while there is time to draw it
		}
		i := strings.Index(shown, line)
		if i < 0 {
			t.Fatalf("%q is missing, or not in order, in\n%s", line, out.String())
		}
		shown = shown[i+len(line):]
	}
}

func TestFailuresAreShownOneByOneOnlyAtFirst(t *testing.T) {
	var out bytes.Buffer
	p := &progress{display: &plain{&out}}
	for i := range 1000 {
		p.observe(orchestrator.Progress{Event: &transfer.Event{Kind: transfer.EventFailed, Key: fmt.Sprint(i), Error: "denied"}})
	}
	if n := strings.Count(out.String(), "\n"); n != maxFailures+1 {
		t.Errorf("%d lines for 1000 failures, want %d", n, maxFailures+1)
	}
}

func TestStand(t *testing.T) {
	const run = "261122-g3kd4f9q"
	for _, c := range []struct {
		name   string
		before stand
		phases []orchestrator.Phase
		exit   int
	}{
		{"planning", stand{}, []orchestrator.Phase{orchestrator.PhaseList, orchestrator.PhasePreview}, 1},
		{"saved plan, not begun", stand{run: run}, nil, 1},
		{"transfer inside skyctl", stand{}, []orchestrator.Phase{orchestrator.PhaseList, orchestrator.PhaseTransfer}, 6},
		{"provisioning", stand{run: run}, []orchestrator.Phase{orchestrator.PhaseProvision}, 7},
		{"transfer over gateways", stand{run: run}, []orchestrator.Phase{orchestrator.PhaseProvision, orchestrator.PhaseTransfer}, 7},
		{"resume, before it has looked", stand{run: run, moving: true, gateways: true}, nil, 7},
		{"resume without gateways", stand{run: run, moving: true, gateways: true}, []orchestrator.Phase{orchestrator.PhaseTransfer}, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &progress{display: &plain{&bytes.Buffer{}}}
			p.expect(c.before)
			for _, phase := range c.phases {
				p.observe(orchestrator.Progress{Run: run, Phase: phase})
			}
			if got := diagnose(abandoned(p.now(), &signalError{testSignal{}})).kind.exit; got != c.exit {
				t.Errorf("leaving now is exit code %d, want %d", got, c.exit)
			}
		})
	}
}
