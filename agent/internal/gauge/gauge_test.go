package gauge

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
)

func TestWaitCountsWhoeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w Wait
		w.Begin()
		time.Sleep(time.Second) // fake time, as below
		w.Begin()
		time.Sleep(time.Second)
		if got := w.Total(); got != 3*time.Second {
			t.Errorf("%v while they wait", got)
		}
		w.End()
		w.End()
		time.Sleep(time.Second)
		if got := w.Total(); got != 3*time.Second {
			t.Errorf("%v afterwards", got)
		}
		var nobody *Wait
		nobody.Begin()
		nobody.End()
	})
}

func TestStarvedCountsTheWriterThatIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New()
		for _, w := range []string{"a", "a", "b", "", ""} {
			g.Starved("")
			if w != "" {
				g.Starved("a")
			}
			if w == "b" {
				g.Starved("b")
			}
			time.Sleep(time.Second) // fake time
		}
		if a, b := g.credit["a"].Total(), g.credit["b"].Total(); a != 2*time.Second || b != time.Second {
			t.Errorf("%v and %v", a, b)
		}
	})
}

func TestBottleneckOfAnAgent(t *testing.T) {
	type wait = control.Wait
	send, ack, receive, credit := control.ResourceSend, control.ResourceAck, control.ResourceReceive, control.ResourceCredit
	for _, c := range []struct {
		name  string
		waits []wait
		cpu   float64
		want  control.Bottleneck
	}{
		{"idle", []wait{{On: receive, Gateway: "r", Chunks: 0.01}}, 1, control.Bottleneck{}},
		{"most chunks", []wait{{On: control.ResourceRead, Chunks: 2}, {On: send, Gateway: "w", Chunks: 5}}, 0.5, control.Bottleneck{On: send, Gateway: "w", Chunks: 5}},
		{"nothing comes", []wait{{On: receive, Gateway: "r", Chunks: 8}, {On: control.ResourceWrite, Chunks: 1}}, 0, control.Bottleneck{On: receive, Gateway: "r", Chunks: 8}},
		{"no credit", []wait{{On: ack, Gateway: "m", Chunks: 9}, {On: credit, Gateway: "w", Chunks: 0.9}}, 0, control.Bottleneck{On: credit, Gateway: "w", Chunks: 9}},
		{"credit for most of the time", []wait{{On: ack, Gateway: "m", Chunks: 9}, {On: credit, Gateway: "w", Chunks: 0.3}}, 0, control.Bottleneck{On: ack, Gateway: "m", Chunks: 9}},
		{"processors", []wait{{On: send, Gateway: "w", Chunks: 5}}, 0.95, control.Bottleneck{On: control.ResourceCPU, Chunks: 5}},
		{"the limit", []wait{{On: control.ResourceLimit, Chunks: 1}, {On: ack, Gateway: "w", Chunks: 5}}, 0.95, control.Bottleneck{On: control.ResourceLimit, Chunks: 1}},
	} {
		if got := bottleneck(c.waits, c.cpu); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// paced is a store that takes a second to answer, and as much for a body.
type paced struct{ objstore.Bucket }

func (paced) Open(context.Context, string, objstore.Version, chunk.Range) (io.ReadCloser, objstore.Object, error) {
	time.Sleep(time.Second) // fake time, as below
	return io.NopCloser(strings.NewReader("x")), objstore.Object{}, nil
}

func (paced) Put(_ context.Context, _ string, body objstore.Body, _ objstore.Metadata) (objstore.Object, error) {
	time.Sleep(time.Second)
	if body.Reader != nil {
		io.ReadAll(body.Reader)
	}
	return objstore.Object{}, errors.New("refused")
}

// late is a body that lets its reader wait.
type late struct{ io.Reader }

func (l late) Read(p []byte) (int, error) {
	time.Sleep(10 * time.Second)
	return l.Reader.Read(p)
}

// TestStoresAreTimed: a store is not to blame for a body that comes late.
func TestStoresAreTimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New()
		b := g.Store("s", paced{})
		if _, _, err := b.Open(t.Context(), "k", "", chunk.Range{}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Put(t.Context(), "k", objstore.Body{Size: 1, Reader: late{strings.NewReader("x")}}, objstore.Metadata{}); err == nil {
			t.Error("the store's error is lost")
		}
		if r, w := g.Read.Total(), g.Write.Total(); r != time.Second || w != time.Second {
			t.Errorf("waited %v for reads and %v for writes", r, w)
		}
		s := g.Stores()
		if len(s) != 2 || s[0].Operation != "open" || s[0].Buckets[10] != 1 || s[0].Failed != 0 || s[1].Operation != "put" || s[1].Failed != 1 || s[1].Seconds != 21 {
			t.Errorf("%+v", s)
		}
	})
}
